// The pieces of an envelope (nodes/adsr.hpp): how it goes along its gate, the formula of each piece and the chain
// rule from one to the one before. What a backend adds is the loops over a tile's samples.
#pragma once

#include <retrograd/math/functions.hpp>
#include <retrograd/math/ordered_sum.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <utility>

namespace retrograd::envelope {

using math::real_t;

enum Input { gate, attack, decay, sustain, release };

/// The segment under way: `position` is k after the gate rose, -m after it fell, `level` what it began from.
struct State {
  double level = 0.0;
  std::int64_t position = 0;
  RETROGRAD_INLINE bool is_high() const { return position > 0; }
};

/// The times in samples, and whether each follows its parameter (a time under one sample does not). A piece
/// of the envelope has those of the gate's last edge: parameters that a stream changes are latched there.
struct Times {
  double attack, decay, sustain, release;
  bool attack_follows, decay_follows, release_follows;
  std::int64_t attack_samples;  ///< how many k lie in the attack
  double attack_rest;           ///< A - attack_samples

  RETROGRAD_ANYWHERE Times() : Times(1.0, 1.0, 0.0, 1.0) {}
  RETROGRAD_ANYWHERE Times(double a, double d, double s, double r)
      : attack(a < 1.0 ? 1.0 : a),
        decay(d < 1.0 ? 1.0 : d),
        sustain(s),
        release(r < 1.0 ? 1.0 : r),
        attack_follows(a >= 1.0),
        decay_follows(d >= 1.0),
        release_follows(r >= 1.0) {
    const double whole = attack >= 1.0 ? std::min(std::floor(attack), 0x1p52) : 1.0;  // 1 for NaN too
    attack_samples = static_cast<std::int64_t>(whole);
    attack_rest = attack - whole;
  }
};

/// One of the three formulas over a run of samples: sample i of it has q = rate * (j + i) + offset inside.
struct Piece {
  enum class Kind { attack, decay, release } kind;
  int first, last;      ///< samples of the tile, last excluded
  double start;         ///< the level the segment began from
  std::int64_t j;       ///< attack: k, decay: k - attack_samples, release: m, of the first sample
  bool begins_by_edge;  ///< the gate's edge lies before the first sample
  const Times* times;
};

/// Far beyond where an exponential is zero or a float can count; keeps the conversion in range.
RETROGRAD_ANYWHERE int whole(std::int64_t j) { return static_cast<int>(std::min<std::int64_t>(j, 1 << 30)); }

/// The exponent, base 2, of a decay or release at j = 0 and how it changes with j.
struct Exponent {
  double rate, offset;
  RETROGRAD_ANYWHERE Exponent(const Times& times, Piece::Kind kind)
      : rate(-1.4426950408889634 / (kind == Piece::Kind::decay ? times.decay : times.release)),
        offset(kind == Piece::Kind::decay ? -rate * times.attack_rest : 0.0) {}
};

/// A piece's formula: the one place where the three stand, as one,
///
///     slope * (step + ratio) + shift
///
/// with a `slope` and a `step` for each block of 16 samples and a `ratio` for each lane: in an attack the slope
/// is the same everywhere and the step counts, in a fall the slope falls and the step is 0. `j` is that of the
/// block's lane 0, whether or not the piece has begun there.
template <class T>
struct Formula {
  using Real = real_t<T>;
  bool is_attack;
  T scale, shift, rate, offset;
  RETROGRAD_INLINE Formula(const Times& times, Piece::Kind kind, double start)
      : is_attack(kind == Piece::Kind::attack) {
    const Exponent exponent(times, kind);
    const bool is_decay = kind == Piece::Kind::decay;
    // Levels of an attack or decay lie under 2^-100 only where its slope or its sustain does.
    const auto unless_tiny = [](double x) { return std::abs(x) < 0x1p-100 ? 0.0 : x; };
    scale = T(static_cast<Real>(is_attack  ? unless_tiny((1.0 - start) / times.attack)
                                : is_decay ? 1.0 - times.sustain
                                           : start));
    shift = T(static_cast<Real>(is_attack ? start : is_decay ? unless_tiny(times.sustain) : 0.0));
    rate = T(static_cast<Real>(exponent.rate));
    offset = T(static_cast<Real>(exponent.offset));
  }
  RETROGRAD_INLINE T fall(int j) const {
    return math::decay_exp2(math::fma(rate, T(static_cast<Real>(j)), offset));
  }
  RETROGRAD_INLINE T slope(int j) const { return is_attack ? scale : or_zero(scale * fall(j)); }
  RETROGRAD_INLINE T step(int j) const { return T(is_attack ? static_cast<Real>(j) : Real(0.0)); }
  /// Attack: lane l's number; else 2^(rate*l).
  RETROGRAD_INLINE Real ratio(int l) const {
    const Real lane = static_cast<Real>(l);
    return is_attack ? lane : Real(math::decay_exp2(rate * T(lane)));
  }
  RETROGRAD_INLINE T at(T slope, T step, Real ratio) const {
    return or_zero(math::fma(slope, step + T(ratio), shift));
  }
  RETROGRAD_INLINE static T or_zero(T y) { return y < T(Real(0x1p-100)) ? T(Real(0.0)) : y; }

  // The terms of the three sums of an adjoint g, up to what is the lane's own: g*base, g*base_j and g.
  RETROGRAD_INLINE Real base(int j) const { return is_attack ? static_cast<Real>(j) : Real(fall(j)); }
  RETROGRAD_INLINE Real base_j(int j) const {
    return is_attack ? Real(0.0) : Real(fall(j)) * static_cast<Real>(j);
  }
};

/// The value of the sample that `state` is at, `lane` of its block: what the next segment begins from.
template <class T>
RETROGRAD_INLINE double level_at(const Times& times, const State& state, int lane) {
  if (state.position == 0) return 0.0;
  const bool is_attack = state.position > 0 && state.position <= times.attack_samples;
  const Piece::Kind kind = is_attack            ? Piece::Kind::attack
                           : state.position > 0 ? Piece::Kind::decay
                                                : Piece::Kind::release;
  const std::int64_t j = is_attack            ? state.position
                         : state.position > 0 ? state.position - times.attack_samples
                                              : -state.position;
  const Formula<T> formula(times, kind, state.level);
  const int j0 = whole(j) - lane;
  const T y = formula.at(formula.slope(j0), formula.step(j0), formula.ratio(lane));
  return static_cast<double>(real_t<T>(y));
}

/// Walks through the pieces of a tile of `count` samples in time order, and leaves `state` at its last sample.
/// `times`: those of the piece; `now`: those that the next edge latches. Of the gate, `is_high(i)` is it at sample i
/// and `end_of_run(first, high)` the first sample from `first` on at which it is no longer `high`.
template <class T, class Gate>
struct Pieces {
  int count;
  const Gate& gate;
  const Times& now;
  const Times* times;
  State& state;
  int first = 0, end_of_high_or_low = 0;

  RETROGRAD_INLINE Pieces(int samples, const Gate& of_tile, const Times& times_now, const Times* times_before,
                          State& at_start)
      : count(samples), gate(of_tile), now(times_now), times(times_before), state(at_start) {}

  RETROGRAD_INLINE bool at_end() const { return first == count; }
  RETROGRAD_INLINE Piece next() {
    const bool high = gate.is_high(first);
    bool edge = false;
    if (first == end_of_high_or_low) {
      end_of_high_or_low = gate.end_of_run(first, high);
      edge = high != state.is_high();
      if (edge) {
        state = {level_at<T>(*times, state, (first + math::block - 1) % math::block), 0};
        times = &now;
      }
    }
    const std::int64_t before = state.position;
    const bool in_attack = high && before < times->attack_samples;
    const auto length = static_cast<int>(std::min<std::int64_t>(
        in_attack ? times->attack_samples - before : count, end_of_high_or_low - first));
    const Piece piece{in_attack ? Piece::Kind::attack
                      : high    ? Piece::Kind::decay
                                : Piece::Kind::release,
                      first,
                      first + length,
                      state.level,
                      in_attack ? before + 1
                      : high    ? before + 1 - times->attack_samples
                                : 1 - before,
                      edge,
                      times};
    state.position = high ? before + length : before - length;
    first += length;
    return piece;
  }
};

/// Whether the chain rule ends here: where the piece begins, and where the signal does (of a stream: the last
/// block, in the middle of a piece). `start`: the tile's first sample.
RETROGRAD_ANYWHERE bool begins(std::int64_t start, const Piece& piece) {
  return (piece.kind == Piece::Kind::decay ? piece.j == 1 : piece.begins_by_edge) ||
         (start == 0 && piece.first == 0);
}

/// A release from nothing: all zeros, and no adjoint.
RETROGRAD_ANYWHERE bool is_silent(const Piece& piece) {
  return piece.kind == Piece::Kind::release && piece.start == 0.0;
}

/// Over one piece only three sums are needed; with q the exponential:
///
///     attack    sum g, sum g*k               d/d start = sum g - sum g*k / A
///                                            d/dA      = -(1 - start)/A^2 * sum g*k
///     decay     sum g, sum g*q, sum g*q*j    d/dS      = sum g - sum g*q
///                                            d/dA      = (1 - S)/D * sum g*q
///                                            d/dD      = (1 - S)/D^2 * sum g*q*(k - A)
///     release   sum g*q, sum g*q*m           d/d level = sum g*q
///                                            d/dR      = level/R^2 * sum g*q*m
///
/// The chain rule is applied once, where the piece begins, in double; what flows to its start level is one
/// more term at the last sample of the segment before. Sums add up over tiles from the last to the first,
/// in double, within a group of tiles; then groups are joined. Within a tile of 512 samples a lane adds up g
/// times what is the same for a block, and what is the lane's own follows at the tile's end:
///
///     sum g*k   = sum g*j + l * sum g            with j and l the block's lane 0 and the lane
///     sum g*q   = ratio * sum g*base
///     sum g*q*j = ratio * (sum g*base*j + l * sum g*base)
struct Flow {
  double sum[3] = {0.0, 0.0, 0.0};  ///< of the piece under way: g; g*q (attack: g*k); g*q*j
  double to_level = 0.0;            ///< the adjoint of the level that the segment just passed began from
  double gained[5] = {};            ///< the inputs' adjoints so far

  RETROGRAD_ANYWHERE void add(const Flow& other, double times) {
    for (int i = 0; i < 3; ++i) sum[i] += times * other.sum[i];
    to_level += times * other.to_level;
    for (int i = 0; i < 5; ++i) gained[i] += times * other.gained[i];
  }
};

/// What a lane's three sums at the end of a tile of 512 become: g*k or g*q, g*q*j, and g as it is.
template <class T>
RETROGRAD_INLINE void end_lane(bool is_attack, int l, real_t<T> ratio, real_t<T>& base, real_t<T>& base_j,
                               real_t<T> plain) {
  using Real = real_t<T>;
  const T lane(static_cast<Real>(l));
  if (is_attack) {
    base = Real(math::fma(lane, T(plain), T(base)));
  } else {
    base_j = Real(math::fma(lane, T(base), T(base_j))) * ratio;
    base = base * ratio;
  }
}

/// What flowed to the level that the next segment began from is one more term at this piece's last sample.
RETROGRAD_ANYWHERE void add_level_adjoint(const Times& times, const Piece& piece, Flow& flow) {
  if (flow.to_level == 0.0) return;
  const double g = std::exchange(flow.to_level, 0.0);
  const double j = static_cast<double>(piece.j + (piece.last - piece.first) - 1);
  flow.sum[0] += g;
  if (piece.kind == Piece::Kind::attack) {
    flow.sum[1] += g * j;
  } else {
    const Exponent exponent(times, piece.kind);
    const double q = math::decay_exp2(math::fma(exponent.rate, j, exponent.offset));
    flow.sum[1] += g * q;
    flow.sum[2] += g * q * j;
  }
}

/// The chain rule at the piece's beginning.
RETROGRAD_ANYWHERE void finish(double samples_per_unit, const Times& times, const Piece& piece, Flow& flow) {
  const double g = flow.sum[0], gq = flow.sum[1], gqj = flow.sum[2];
  const auto gain = [&](Input input, double adjoint) { flow.gained[input] += adjoint; };
  switch (piece.kind) {
    case Piece::Kind::attack: {
      const double gk = gq;
      if (times.attack_follows)
        gain(attack, -(1.0 - piece.start) / (times.attack * times.attack) * gk * samples_per_unit);
      flow.to_level = g - gk / times.attack;
      break;
    }
    case Piece::Kind::decay: {
      const double room = 1.0 - times.sustain;
      gain(sustain, g - gq);
      if (times.attack_follows) gain(attack, room / times.decay * gq * samples_per_unit);
      if (times.decay_follows)
        gain(decay, room / (times.decay * times.decay) * (gqj - times.attack_rest * gq) * samples_per_unit);
      flow.to_level = 0.0;
      break;
    }
    case Piece::Kind::release:
      if (times.release_follows)
        gain(release, piece.start / (times.release * times.release) * gqj * samples_per_unit);
      flow.to_level = gq;
      break;
  }
  flow.sum[0] = flow.sum[1] = flow.sum[2] = 0.0;
}

/// What a group of tiles makes of what flows to it is linear: it either goes on to the piece that is under
/// way where the group begins or, if the group's last piece begins inside, leaves that as the adjoint of one
/// level.
struct Group {
  Flow own;                  ///< without what flows to the group
  Flow of_level;             ///< of a unit of the adjoint of the level that the last piece began from
  Piece last{};              ///< the piece under way at the group's end
  Times times;               ///< its
  bool is_empty = true;      ///< no tile has been there
  bool last_begins = false;  ///< the last piece begins inside

  /// Before and after the terms of a piece's samples are added, going from the last piece to the first: what
  /// comes from the next segment, and what goes to the one before.
  RETROGRAD_ANYWHERE void enter(const Piece& piece) {
    if (std::exchange(is_empty, false)) {
      last = piece;
      times = *piece.times;
    }
    add_level_adjoint(*piece.times, piece, own);
    add_level_adjoint(*piece.times, piece, of_level);
  }
  RETROGRAD_ANYWHERE void leave(double samples_per_unit, std::int64_t start, const Piece& piece) {
    if (!begins(start, piece)) return;
    finish(samples_per_unit, *piece.times, piece, own);
    if (last_begins)
      finish(samples_per_unit, *piece.times, piece, of_level);
    else
      of_level.to_level = 1.0;
    last_begins = true;
  }
};

/// What flows to a group from the `later` ones: they become one. Calls `gain(input, adjoint)` for what each input
/// gains.
template <class Gain>
RETROGRAD_ANYWHERE void join(double samples_per_unit, const Group& group, Group& later, const Gain& gain) {
  Flow& flow = later.own;
  add_level_adjoint(group.times, group.last, flow);
  if (group.last_begins) {
    finish(samples_per_unit, group.times, group.last, flow);
    flow.add(group.of_level, std::exchange(flow.to_level, 0.0));
  }
  flow.add(group.own, 1.0);
  for (int input = attack; input <= release; ++input) gain(input, std::exchange(flow.gained[input], 0.0));
}

}  // namespace retrograd::envelope
