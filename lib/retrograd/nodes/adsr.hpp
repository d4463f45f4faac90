// Attack, decay, sustain, release: an envelope that follows a gate.
//
// With k the samples since the gate rose, counting from 1, and A, D, S, R the attack, decay, sustain and
// release (times in samples, at least one):
//
//     attack    start + (1 - start) * k/A           while k <= A
//     decay     S + (1 - S) * exp(-(k - A)/D)       then
//     release   level * exp(-m/R)                   after the gate fell, m counting from 1
//
// `level` is what the envelope had when the gate fell, `start` what the release had when it rose: a retrigger
// goes on from there, any number of times. Source: gradrack's ADSR, with exact retriggers. Values under
// 2^-100 are zero.
//
// An exponential is a geometric run: with n the sample's place in the row and l = n mod 16, it is computed as
// that of sample n - l times that of l steps. So a block of 16 needs one exponential.
//
// The gate is high at 0.5 and above, and is data: no derivative flows to it. At k == A the derivative is the
// attack's side.
#pragma once

#include <retrograd/math/functions.hpp>
#include <retrograd/nodes/node.hpp>
#include <retrograd/nodes/tile.hpp>

#include <algorithm>
#include <cmath>
#include <limits>

namespace retrograd {

struct Adsr : Causal<5> {
  static constexpr const char* name = "adsr";
  static constexpr unsigned differentiable = 0b11110;  // the gate is data
  enum InputIndex { gate, attack, decay, sustain, release };
  static constexpr Domain time{0.0, std::numeric_limits<double>::infinity(), false};
  static constexpr InputDomain input_domains[] = {{attack, "attack", time},
                                                  {decay, "decay", time},
                                                  {sustain, "sustain", unit_interval},
                                                  {release, "release", time}};

  double samples_per_unit = 1.0;  ///< of the times: the sample rate, or 1

  /// The segment under way: `position` is k after the gate rose, -m after it fell, `level` what it began
  /// from.
  struct State {
    double level = 0.0;
    std::int64_t position = 0;
    bool is_high() const { return position > 0; }
  };

  /// The times in samples, and whether each follows its parameter (a time under one sample does not). A piece
  /// of the envelope has those of the gate's last edge: parameters that a stream changes are latched there.
  struct Times {
    double attack, decay, sustain, release;
    bool attack_follows, decay_follows, release_follows;
    std::int64_t attack_samples;  ///< how many k lie in the attack
    double attack_rest;           ///< A - attack_samples

    Times() : Times(1.0, 1.0, 0.0, 1.0) {}
    template <class Real>
    Times(const Tile<Real>& tile, double samples_per_unit)
        : Times(tile.x[Adsr::attack].constant * samples_per_unit,
                tile.x[Adsr::decay].constant * samples_per_unit, tile.x[Adsr::sustain].constant,
                tile.x[Adsr::release].constant * samples_per_unit) {}
    Times(double a, double d, double s, double r)
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
  using Latched = Times;

  // The exponent, base 2, of a decay or release at j = 0 and how it changes with j.
  struct Exponent {
    double rate, offset;
    Exponent(const Times& times, Piece::Kind kind)
        : rate(-1.4426950408889634 / (kind == Piece::Kind::decay ? times.decay : times.release)),
          offset(kind == Piece::Kind::decay ? -rate * times.attack_rest : 0.0) {}
  };

  /// A piece's formula: the one place where the three stand. A block of 16 samples has one `base`, a lane has
  /// one `ratio`; `j` is that of the block's lane 0, whether or not the piece has begun there.
  template <class T>
  struct Formula {
    using Real = real_t<T>;
    T scale, shift, rate, offset;
    alignas(64) Real ratio[math::block];  // attack: lane l's number; else 2^(rate*l)
    RETROGRAD_INLINE Formula(const Times& times, Piece::Kind kind, double start) {
      const Exponent exponent(times, kind);
      const bool is_attack = kind == Piece::Kind::attack, is_decay = kind == Piece::Kind::decay;
      // Levels of an attack or decay lie under 2^-100 only where its slope or its sustain does.
      const auto unless_tiny = [](double x) { return std::abs(x) < 0x1p-100 ? 0.0 : x; };
      scale = T(static_cast<Real>(is_attack  ? unless_tiny((1.0 - start) / times.attack)
                                  : is_decay ? 1.0 - times.sustain
                                             : start));
      shift = T(static_cast<Real>(is_attack ? start : is_decay ? unless_tiny(times.sustain) : 0.0));
      rate = T(static_cast<Real>(exponent.rate));
      offset = T(static_cast<Real>(exponent.offset));
      for (int l = 0; l < math::block; ++l) {
        const Real lane = static_cast<Real>(l);
        ratio[l] = is_attack ? lane : Real(math::decay_exp2(rate * T(lane)));
      }
    }
    RETROGRAD_INLINE T fall(int j) const {
      return math::decay_exp2(math::fma(rate, T(static_cast<Real>(j)), offset));
    }
    /// The base of a decay or release, scaled.
    RETROGRAD_INLINE T scaled_fall(int j) const { return or_zero(scale * fall(j)); }
    RETROGRAD_INLINE T attack_at(T j, int l) const { return math::fma(scale, j + T(ratio[l]), shift); }
    RETROGRAD_INLINE T decay_at(T base, int l) const { return or_zero(math::fma(base, T(ratio[l]), shift)); }
    RETROGRAD_INLINE T release_at(T base, int l) const { return or_zero(base * T(ratio[l])); }
    RETROGRAD_INLINE static T or_zero(T y) { return y < T(Real(0x1p-100)) ? T(Real(0.0)) : y; }
  };

  template <class T>
  RETROGRAD_INLINE void forward(const Tile<real_t<T>>& tile, State& state) const {
    using Real = real_t<T>;
    const Times now(tile, samples_per_unit);
    const Times* last = for_each_piece<T>(tile, now, state, [&](const Piece& piece) RETROGRAD_INLINE_LAMBDA {
      if (piece.kind == Piece::Kind::release && piece.start == 0.0) {
        std::fill(tile.y + piece.first, tile.y + piece.last, Real(0.0));
        return;
      }
      const Formula<T> formula(*piece.times, piece.kind, piece.start);
      const int j0 = whole(piece.j) - piece.first;  // j of the tile's sample 0
      Bases<Real> bases;
      if (piece.kind == Piece::Kind::attack)
        bases.fill(piece,
                   [&](int b) RETROGRAD_INLINE_LAMBDA { return static_cast<Real>(j0 + b * math::block); });
      else
        bases.fill(piece, [&](int b) RETROGRAD_INLINE_LAMBDA {
          return Real(formula.scaled_fall(j0 + b * math::block));
        });
      const auto fill = [&](const auto& at) RETROGRAD_INLINE_LAMBDA {
        const auto sample = [&](int i) RETROGRAD_INLINE_LAMBDA {
          return Real(at(T(bases[i / math::block]), i % math::block));
        };
        Real* __restrict y = tile.y;
        const int first_whole =
            std::min(piece.last, (piece.first + math::block - 1) / math::block * math::block);
        for (int i = piece.first; i < first_whole; ++i) y[i] = sample(i);
        int i = first_whole;
        for (; i + math::block <= piece.last; i += math::block) {
          const T base = T(bases[i / math::block]);
          for (int l = 0; l < math::block; ++l) y[i + l] = Real(at(base, l));
        }
        for (; i < piece.last; ++i) y[i] = sample(i);
      };
      switch (piece.kind) {
        case Piece::Kind::attack:
          fill([&](T j, int l) RETROGRAD_INLINE_LAMBDA { return formula.attack_at(j, l); });
          break;
        case Piece::Kind::decay:
          fill([&](T base, int l) RETROGRAD_INLINE_LAMBDA { return formula.decay_at(base, l); });
          break;
        case Piece::Kind::release:
          fill([&](T base, int l) RETROGRAD_INLINE_LAMBDA { return formula.release_at(base, l); });
      }
    });
    latch(tile, *last);
  }

  static constexpr unsigned advance_reads = 0b11111;
  template <class T>
  RETROGRAD_INLINE void advance(const Tile<real_t<T>>& tile, State& state) const {
    const Times now(tile, samples_per_unit);
    latch(tile, *for_each_piece<T>(tile, now, state, [](const Piece&) RETROGRAD_INLINE_LAMBDA {}));
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

    void add(const Flow& other, double times) {
      for (int i = 0; i < 3; ++i) sum[i] += times * other.sum[i];
      to_level += times * other.to_level;
      for (int i = 0; i < 5; ++i) gained[i] += times * other.gained[i];
    }
  };

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
  };

  template <class Real>
  struct Carry {
    alignas(64) Real lanes[3][math::sum_lanes];  ///< of g*base (attack: g*j), g*base*j and g
    Group group;
    Carry() { std::fill(&lanes[0][0], &lanes[0][0] + 3 * math::sum_lanes, Real(-0.0)); }
  };

  template <class T>
  RETROGRAD_INLINE void adjoint(const Tile<real_t<T>>& tile, const State& at_start,
                                Carry<real_t<T>>& carry) const {
    using Real = real_t<T>;
    const Times now(tile, samples_per_unit);
    Piece pieces[2 * Tile<Real>::max_samples + 1];
    int count = 0;
    State state = at_start;
    for_each_piece<T>(tile, now, state,
                      [&](const Piece& piece) RETROGRAD_INLINE_LAMBDA { pieces[count++] = piece; });
    Group& group = carry.group;
    if (std::exchange(group.is_empty, false)) {
      group.last = pieces[count - 1];
      group.times = *group.last.times;
    }
    while (count-- > 0) {
      const Piece& piece = pieces[count];
      const Times& times = *piece.times;
      add_level_adjoint(times, piece, group.own);
      add_level_adjoint(times, piece, group.of_level);
      add_terms<T>(tile, times, piece, carry);
      if (!begins(tile, piece)) continue;
      finish(times, piece, group.own);
      if (group.last_begins)
        finish(times, piece, group.of_level);
      else
        group.of_level.to_level = 1.0;
      group.last_begins = true;
    }
  }

  template <class Real>
  void join(const Tile<Real>& tile, const Group& group, Group& later) const {
    Flow& flow = later.own;
    add_level_adjoint(group.times, group.last, flow);
    if (group.last_begins) {
      finish(group.times, group.last, flow);
      flow.add(group.of_level, std::exchange(flow.to_level, 0.0));
    }
    flow.add(group.own, 1.0);
    for (int input = attack; input <= release; ++input) {
      const double gained = std::exchange(flow.gained[input], 0.0);
      if (tile.gx[input].mode == AdjointMode::sum) tile.gx[input].sum->total += gained;
    }
  }

  /// The same, sample by sample on any scalar.
  template <class T>
  void trace(const T* const* x, T* y, std::int64_t count) const {
    const auto at_least_one = [](T samples) { return samples < T(1.0) ? T(1.0) : samples; };
    const T a = at_least_one(x[attack][0] * T(samples_per_unit)),
            d = at_least_one(x[decay][0] * T(samples_per_unit));
    const T s = x[sustain][0], r = at_least_one(x[release][0] * T(samples_per_unit));
    T start = T(0.0), level = T(0.0);
    std::int64_t k = 0, m = 0;
    for (std::int64_t n = 0; n < count; ++n) {
      if (x[gate][n] >= T(0.5)) {
        if (k == 0) start = level;
        const T step = T(static_cast<double>(++k));
        m = 0;
        y[n] =
            step <= a ? start + (T(1.0) - start) * step / a : s + (T(1.0) - s) * math::exp(-(step - a) / d);
      } else {
        if (m == 0) start = level;
        const T step = T(static_cast<double>(++m));
        k = 0;
        y[n] = start * math::exp(-step / r);
      }
      level = y[n];
    }
  }

  static Check check();

 private:
  // Far beyond where an exponential is zero or a float can count; keeps the conversion in range.
  static int whole(std::int64_t j) { return static_cast<int>(std::min<std::int64_t>(j, 1 << 30)); }

  // What is the same for a block of 16, for every block of a tile that a piece touches.
  template <class Real>
  struct Bases {
    alignas(64) Real of_block[Tile<Real>::max_samples / math::block];
    template <class Value>
    RETROGRAD_INLINE void fill(const Piece& piece, const Value& value) {
      // Sixteen at once, in one vector, even where the piece touches fewer.
      constexpr int sixteen_blocks = math::block * math::block;
      const int end = (piece.last + math::block - 1) / math::block;
      for (int b = piece.first / sixteen_blocks * math::block; b < end; b += math::block)
        for (int i = 0; i < math::block; ++i) of_block[b + i] = value(b + i);
    }
    RETROGRAD_INLINE Real operator[](int b) const { return of_block[b]; }
  };

  // The value of the sample that `state` is at, `lane` of its block: what the next segment begins from.
  template <class T>
  RETROGRAD_INLINE static double level_at(const Times& times, const State& state, int lane) {
    using Real = real_t<T>;
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
    const T y = is_attack            ? formula.attack_at(T(static_cast<Real>(j0)), lane)
                : state.position > 0 ? formula.decay_at(formula.scaled_fall(j0), lane)
                                     : formula.release_at(formula.scaled_fall(j0), lane);
    return static_cast<double>(Real(y));
  }

  template <class Real>
  static void latch(const Tile<Real>& tile, const Times& times) {
    if (tile.latched != nullptr) *static_cast<Times*>(tile.latched) = times;
  }

  // Walks through the tile's pieces in time order; leaves `state` at the tile's last sample and returns the
  // times of the last piece. `now`: those that the next edge latches.
  template <class T, class Visit>
  RETROGRAD_INLINE static const Times* for_each_piece(const Tile<real_t<T>>& tile, const Times& now,
                                                      State& state, const Visit& visit) {
    using Real = real_t<T>;
    const Times* times = tile.latched != nullptr ? static_cast<const Times*>(tile.latched) : &now;
    const Input<Real>& gate_samples = tile.x[gate];
    const auto is_high = [&](int i) RETROGRAD_INLINE_LAMBDA { return gate_samples.sample(i) >= Real(0.5); };
    for (int first = 0; first < tile.count;) {
      const bool high = is_high(first);
      const int last = end_of_run<T>(gate_samples, first, tile.count, high);
      const bool edge = high != state.is_high();
      if (edge) {
        state = {level_at<T>(*times, state, (first + math::block - 1) % math::block), 0};
        times = &now;
      }
      const std::int64_t before = state.position;
      const int length = last - first;
      if (high) {
        const auto in_attack =
            static_cast<int>(std::clamp<std::int64_t>(times->attack_samples - before, 0, length));
        if (in_attack > 0)
          visit(Piece{Piece::Kind::attack, first, first + in_attack, state.level, before + 1, edge, times});
        if (in_attack < length)
          visit(Piece{Piece::Kind::decay, first + in_attack, last, state.level,
                      before + in_attack + 1 - times->attack_samples, false, times});
      } else {
        visit(Piece{Piece::Kind::release, first, last, state.level, 1 - before, edge, times});
      }
      state.position = high ? before + length : before - length;
      first = last;
    }
    return times;
  }

  // The first sample from `first` on at which the gate is no longer `high`. Most tiles have no edge: they are
  // looked at whole.
  template <class T>
  RETROGRAD_INLINE static int end_of_run(const Input<real_t<T>>& gate_samples, int first, int count,
                                         bool high) {
    using Real = real_t<T>;
    if (first == 0) {
      const int looked_at = count / (4 * math::block) * (4 * math::block);
      const bool same = high ? all_blocks<T>(gate_samples, looked_at,
                                             [](Real g) RETROGRAD_INLINE_LAMBDA { return g >= Real(0.5); })
                             : all_blocks<T>(gate_samples, looked_at, [](Real g) RETROGRAD_INLINE_LAMBDA {
                                 return !(g >= Real(0.5));
                               });
      if (same) first = looked_at;
    }
    while (first < count && (gate_samples.sample(first) >= Real(0.5)) == high) ++first;
    return first;
  }

  // Whether the first `count` samples, a multiple of 64, are all as asked: four blocks at a time.
  template <class T, class Is>
  RETROGRAD_INLINE static bool all_blocks(const Input<real_t<T>>& gate_samples, int count, const Is& is) {
    using Real = real_t<T>;
    using Bits = math::bits_t<Real>;
    alignas(64) Bits others[math::block] = {};
    for (int b = 0; b < count / math::block; b += 4) {
      const Real *g0 = gate_samples.block(b), *g1 = gate_samples.block(b + 1),
                 *g2 = gate_samples.block(b + 2), *g3 = gate_samples.block(b + 3);
      for (int l = 0; l < math::block; ++l)
        others[l] |= static_cast<Bits>(is(g0[l]) & is(g1[l]) & is(g2[l]) & is(g3[l]) ? 0 : 1);
    }
    Bits any = 0;
    for (int l = 0; l < math::block; ++l) any |= others[l];
    return any == 0;
  }

  // Whether the chain rule ends here: where the piece begins, and where the signal does (of a stream: the last
  // block, in the middle of a piece).
  template <class Real>
  static bool begins(const Tile<Real>& tile, const Piece& piece) {
    return (piece.kind == Piece::Kind::decay ? piece.j == 1 : piece.begins_by_edge) ||
           (tile.start == 0 && piece.first == 0);
  }

  // What flowed to the level that the next segment began from is one more term at this piece's last sample.
  static void add_level_adjoint(const Times& times, const Piece& piece, Flow& flow) {
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

  template <class T>
  RETROGRAD_INLINE static void add_terms(const Tile<real_t<T>>& tile, const Times& times, const Piece& piece,
                                         Carry<real_t<T>>& carry) {
    using Real = real_t<T>;
    if (piece.kind == Piece::Kind::release && piece.start == 0.0) return;
    const Formula<T> formula(times, piece.kind, piece.start);
    const int j0 = whole(piece.j) - piece.first;  // j of the tile's sample 0
    Bases<Real> base, base_j;
    const auto j_of = [&](int b) RETROGRAD_INLINE_LAMBDA { return static_cast<Real>(j0 + b * math::block); };
    if (piece.kind == Piece::Kind::attack) {
      base.fill(piece, j_of);
    } else {
      base.fill(piece,
                [&](int b) RETROGRAD_INLINE_LAMBDA { return Real(formula.fall(j0 + b * math::block)); });
      base_j.fill(piece, [&](int b) RETROGRAD_INLINE_LAMBDA { return base[b] * j_of(b); });
    }
    const auto g = tile.gy;
    const int offset = static_cast<int>(tile.start % math::sum_tile);
    for (int last = piece.last; last > piece.first;) {
      const int first = std::max(piece.first, (last - 1 + offset) / math::sum_tile * math::sum_tile - offset);
      switch (piece.kind) {
        case Piece::Kind::attack:
          math::add_to_lanes<T, 3>(carry.lanes, first, last, [&](int b, int l) RETROGRAD_INLINE_LAMBDA {
            const Real gy = g.block(b)[l];
            return std::array{gy * base[b], Real(-0.0), gy};
          });
          break;
        case Piece::Kind::decay:
          math::add_to_lanes<T, 3>(carry.lanes, first, last, [&](int b, int l) RETROGRAD_INLINE_LAMBDA {
            const Real gy = g.block(b)[l];
            return std::array{gy * base[b], gy * base_j[b], gy};
          });
          break;
        case Piece::Kind::release:
          math::add_to_lanes<T, 2>(carry.lanes, first, last, [&](int b, int l) RETROGRAD_INLINE_LAMBDA {
            const Real gy = g.block(b)[l];
            return std::array{gy * base[b], gy * base_j[b]};
          });
      }
      if ((tile.start + first) % math::sum_tile == 0) flush<T>(piece, formula, carry);
      last = first;
    }
    if (begins(tile, piece)) flush<T>(piece, formula, carry);
  }

  // Adds the lanes of the tile of 512 under way to the piece's sums.
  template <class T>
  RETROGRAD_INLINE static void flush(const Piece& piece, const Formula<T>& formula, Carry<real_t<T>>& carry) {
    using Real = real_t<T>;
    Real(&base)[math::sum_lanes] = carry.lanes[0], (&base_j)[math::sum_lanes] = carry.lanes[1],
    (&plain)[math::sum_lanes] = carry.lanes[2];
    const auto add = [&](int sum, Real(&lanes)[math::sum_lanes]) RETROGRAD_INLINE_LAMBDA {
      carry.group.own.sum[sum] += static_cast<double>(math::combine_lanes(lanes));
      for (int w = 0; w < math::sum_lanes; ++w) lanes[w] = Real(-0.0);
    };
    const auto for_each_lane = [&](const auto& run) RETROGRAD_INLINE_LAMBDA {
      for (int w = 0; w < math::sum_lanes; w += math::block)
        for (int l = 0; l < math::block; ++l) run(w + l, T(static_cast<Real>(l)), formula.ratio[l]);
    };
    if (piece.kind == Piece::Kind::attack) {
      for_each_lane([&](int w, T lane, Real) RETROGRAD_INLINE_LAMBDA {
        base[w] = Real(math::fma(lane, T(plain[w]), T(base[w])));
      });
    } else {
      for_each_lane([&](int w, T lane, Real ratio) RETROGRAD_INLINE_LAMBDA {
        base_j[w] = Real(math::fma(lane, T(base[w]), T(base_j[w]))) * ratio;
        base[w] = base[w] * ratio;
      });
      add(2, base_j);
    }
    add(1, base);
    if (piece.kind != Piece::Kind::release) add(0, plain);
  }

  // The chain rule at the piece's beginning.
  void finish(const Times& times, const Piece& piece, Flow& flow) const {
    const double g = flow.sum[0], gq = flow.sum[1], gqj = flow.sum[2];
    const auto gain = [&](InputIndex input, double adjoint) { flow.gained[input] += adjoint; };
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
};

/// The four parameters of an envelope: times in seconds (in samples on a tape without a sample rate), sustain
/// a level in [0, 1]. Each is constant over time, a number or one value per row.
struct EnvelopeParameters {
  Var attack;   ///< time from where it is to 1
  Var decay;    ///< time constant towards the sustain
  Var sustain;  ///< level while the gate is high
  Var release;  ///< time constant towards 0
};

/// The envelope of `gate`, between 0 and 1. Throws ShapeError where a parameter varies over time.
///
/// A negative, NaN or infinite time and a sustain outside [0, 1] are a DomainError. Of an input, a parameter
/// or a constant it is thrown by the recording, or by the `set` (the leaf keeps the value it had); of a value
/// that is computed, by the play that computes it. Nothing is clamped in silence: what is heard would not be
/// what was asked for, and no gradient would say so. A parameter that may stray has a domain (`positive`,
/// `unit_interval`); a computed value goes through softplus(), sigmoid() or clamp().
Var adsr(Var gate, const EnvelopeParameters& parameters);

inline Check Adsr::check() {
  return {.inputs = {{.low = 0.0, .high = 1.0, .is_gate = true},
                     {.low = 3.25, .high = 40.75, .is_constant = true, .kink_every = 1.0},  // where k == A
                     {.low = 5.0, .high = 50.0, .is_constant = true},
                     {.low = 0.1, .high = 0.9, .is_constant = true},
                     {.low = 5.0, .high = 50.0, .is_constant = true}},
          .record = [](std::span<const Var> x) {
            return adsr(x[0], {x[1], x[2], x[3], x[4]});
          }};
}

}  // namespace retrograd
