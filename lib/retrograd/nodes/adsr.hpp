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
#include <span>

namespace retrograd {

struct Adsr : Causal<5> {
  static constexpr const char* name = "adsr";
  static constexpr unsigned differentiable = 0b11110;  // the gate is data
  static constexpr OperatorPart operator_part = OperatorPart::envelope;
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

  /// What is the same for a block of 16, for every block of a tile that a piece touches.
  template <class Real>
  struct ByBlock {
    alignas(64) Real of_block[Tile<Real>::max_samples / math::block];
    /// `value(j)`: j that of the block's lane 0.
    template <class Value>
    RETROGRAD_INLINE void fill(const Piece& piece, const Value& value) {
      const int j0 = whole(piece.j) - piece.first;  // j of the tile's sample 0
      // Sixteen at once, in one vector, even where the piece touches fewer.
      constexpr int sixteen_blocks = math::block * math::block;
      const int end = (piece.last + math::block - 1) / math::block;
      for (int b = piece.first / sixteen_blocks * math::block; b < end; b += math::block)
        for (int i = 0; i < math::block; ++i) of_block[b + i] = value(j0 + (b + i) * math::block);
    }
    RETROGRAD_INLINE Real operator[](int b) const { return of_block[b]; }
  };

  /// A piece's formula: the one place where the three stand, as one,
  ///
  ///     slope * (step + ratio) + shift
  ///
  /// with a `slope` and a `step` for each block of 16 samples and a `ratio` for each lane: in an attack the
  /// slope is the same everywhere and the step counts, in a fall the slope falls and the step is 0. `j` is that
  /// of the block's lane 0, whether or not the piece has begun there.
  template <class T>
  struct Formula {
    using Real = real_t<T>;
    bool is_attack;
    T scale, shift, rate, offset;
    alignas(64) Real ratio[math::block];  // attack: lane l's number; else 2^(rate*l)
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
      for (int l = 0; l < math::block; ++l) {
        const Real lane = static_cast<Real>(l);
        ratio[l] = is_attack ? lane : Real(math::decay_exp2(rate * T(lane)));
      }
    }
    RETROGRAD_INLINE T fall(int j) const {
      return math::decay_exp2(math::fma(rate, T(static_cast<Real>(j)), offset));
    }
    RETROGRAD_INLINE T slope(int j) const { return is_attack ? scale : or_zero(scale * fall(j)); }
    RETROGRAD_INLINE T step(int j) const { return T(is_attack ? static_cast<Real>(j) : Real(0.0)); }
    RETROGRAD_INLINE T at(T slope, T step, int l) const {
      return or_zero(math::fma(slope, step + T(ratio[l]), shift));
    }
    RETROGRAD_INLINE static T or_zero(T y) { return y < T(Real(0x1p-100)) ? T(Real(0.0)) : y; }
  };

  /// The levels of one piece in a tile.
  template <class T>
  struct Levels {
    using Real = real_t<T>;
    Formula<T> formula;
    ByBlock<Real> slopes, steps;
    RETROGRAD_INLINE explicit Levels(const Piece& piece) : formula(*piece.times, piece.kind, piece.start) {
      slopes.fill(piece, [&](int j) RETROGRAD_INLINE_LAMBDA { return Real(formula.slope(j)); });
      steps.fill(piece, [&](int j) RETROGRAD_INLINE_LAMBDA { return Real(formula.step(j)); });
    }
    RETROGRAD_INLINE T at(int b, int l) const { return formula.at(T(slopes[b]), T(steps[b]), l); }
  };

  template <class T>
  RETROGRAD_INLINE void forward(const Tile<real_t<T>>& tile, State& state) const {
    const Times now(tile, samples_per_unit);
    Pieces<T> pieces(tile, now, state);
    while (!pieces.at_end()) {
      const Piece piece = pieces.next();
      fill<T>(Levels<T>(piece), piece, tile.y);
    }
    latch(tile, *pieces.times);
  }

  /// Calls `run(level)`, where `level(b, l)` is the value at the tile's sample 16*b + l, and moves the state to
  /// the tile's end: for a consumer that has no other use of the values.
  template <class T, class Run>
  RETROGRAD_INLINE void with_levels(const Tile<real_t<T>>& tile, State& state, const Run& run) const {
    using Real = real_t<T>;
    const Times now(tile, samples_per_unit);
    Pieces<T> pieces(tile, now, state);
    Piece piece = pieces.next();
    const Levels<T> levels(piece);
    if (piece.last == tile.count) {
      run([&](int b, int l) RETROGRAD_INLINE_LAMBDA { return levels.at(b, l); });
    } else {
      alignas(64) Real y[Tile<Real>::max_samples];
      fill<T>(levels, piece, y);
      while (!pieces.at_end()) {
        piece = pieces.next();
        fill<T>(Levels<T>(piece), piece, y);
      }
      run([&](int b, int l) RETROGRAD_INLINE_LAMBDA { return T(y[b * math::block + l]); });
    }
    latch(tile, *pieces.times);
  }

  static constexpr unsigned advance_reads = 0b11111;
  template <class T>
  RETROGRAD_INLINE void advance(const Tile<real_t<T>>& tile, State& state) const {
    const Times now(tile, samples_per_unit);
    Pieces<T> pieces(tile, now, state);
    while (!pieces.at_end()) pieces.next();
    latch(tile, *pieces.times);
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
    Carry() { start_lanes(); }
    RETROGRAD_INLINE void start_lanes() {
      for (auto& sum_lanes : lanes)
        for (int w = 0; w < math::sum_lanes; ++w) sum_lanes[w] = Real(-0.0);
    }
  };

  template <class T>
  RETROGRAD_INLINE void adjoint(const Tile<real_t<T>>& tile, const State& at_start,
                                Carry<real_t<T>>& carry) const {
    const Times now(tile, samples_per_unit);
    Piece pieces[most_pieces<real_t<T>>];
    adjoint_of_pieces<T>(tile, std::span(pieces, find_pieces<T>(tile, now, at_start, pieces)), carry);
  }

  /// The same for a consumer that takes the levels as with_levels() gives them and has the adjoint of sample
  /// 16*b + l at hand when it comes to it, in the order of sums. One of two is called:
  ///
  ///     add_terms(level, terms, end_sum_tile)    adds the three terms.of(g, b) of each sample to carry.lanes and
  ///                                              calls end_sum_tile() after a sum tile's first sample
  ///     put(level, gy)                           writes the adjoints to gy
  template <class T, class AddTerms, class Put>
  RETROGRAD_INLINE void adjoint_with_levels(Tile<real_t<T>> tile, const State& at_start,
                                            Carry<real_t<T>>& carry, const AddTerms& add,
                                            const Put& put) const {
    using Real = real_t<T>;
    const Times now(tile, samples_per_unit);
    Piece pieces[most_pieces<Real>];
    const std::size_t count = find_pieces<T>(tile, now, at_start, pieces);
    if (count == 1 && !is_silent(pieces[0])) {
      const Piece& piece = pieces[0];
      const Levels<T> levels(piece);
      const Terms<T> terms(levels.formula, piece);
      adjoint_of<T>(tile, piece, carry, [&]() RETROGRAD_INLINE_LAMBDA {
        const auto end_sum_tile = [&]() RETROGRAD_INLINE_LAMBDA { flush<T>(piece, levels.formula, carry); };
        add([&](int b, int l) RETROGRAD_INLINE_LAMBDA { return levels.at(b, l); }, terms, end_sum_tile);
        if (begins(tile, piece)) end_sum_tile();
      });
      return;
    }
    alignas(64) Real y[Tile<Real>::max_samples], gy[Tile<Real>::max_samples];
    for (std::size_t p = 0; p < count; ++p) fill<T>(Levels<T>(pieces[p]), pieces[p], y);
    put([&](int b, int l) RETROGRAD_INLINE_LAMBDA { return T(y[b * math::block + l]); }, gy);
    tile.gy = {gy, math::block, 0.0};
    adjoint_of_pieces<T>(tile, std::span(pieces, count), carry);
  }

  /// What flows to a group from the `later` ones: they become one.
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
    const T y = formula.at(formula.slope(j0), formula.step(j0), lane);
    return static_cast<double>(Real(y));
  }

  template <class Real>
  static void latch(const Tile<Real>& tile, const Times& times) {
    if (tile.latched != nullptr) *static_cast<Times*>(tile.latched) = times;
  }

  // Walks through the tile's pieces in time order, and leaves `state` at the tile's last sample. `times`: those
  // of the piece; `now`: those that the next edge latches.
  template <class T>
  struct Pieces {
    using Real = real_t<T>;
    const Tile<Real>& tile;
    const Times& now;
    State& state;
    const Times* times;
    int first = 0, end_of_high_or_low = 0;

    RETROGRAD_INLINE Pieces(const Tile<Real>& tile_walked, const Times& times_now, State& at_start)
        : tile(tile_walked),
          now(times_now),
          state(at_start),
          times(tile.latched != nullptr ? static_cast<const Times*>(tile.latched) : &now) {}

    bool at_end() const { return first == tile.count; }
    RETROGRAD_INLINE Piece next() {
      const bool high = tile.x[gate].sample(first) >= Real(0.5);
      bool edge = false;
      if (first == end_of_high_or_low) {
        end_of_high_or_low = end_of_run<T>(tile.x[gate], first, tile.count, high);
        edge = high != state.is_high();
        if (edge) {
          state = {level_at<T>(*times, state, (first + math::block - 1) % math::block), 0};
          times = &now;
        }
      }
      const std::int64_t before = state.position;
      const bool in_attack = high && before < times->attack_samples;
      const auto length = static_cast<int>(std::min<std::int64_t>(
          in_attack ? times->attack_samples - before : tile.count, end_of_high_or_low - first));
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

  template <class T>
  RETROGRAD_INLINE static void fill(const Levels<T>& levels, const Piece& piece, real_t<T>* __restrict y) {
    using Real = real_t<T>;
    const auto sample = [&](int i) RETROGRAD_INLINE_LAMBDA {
      return Real(levels.at(i / math::block, i % math::block));
    };
    const int first_whole = std::min(piece.last, (piece.first + math::block - 1) / math::block * math::block);
    for (int i = piece.first; i < first_whole; ++i) y[i] = sample(i);
    int i = first_whole;
    for (; i + math::block <= piece.last; i += math::block)
      for (int l = 0; l < math::block; ++l) y[i + l] = Real(levels.at(i / math::block, l));
    for (; i < piece.last; ++i) y[i] = sample(i);
  }

  // The first sample from `first` on at which the gate is no longer `high`: whole blocks are looked at in steps
  // of half the length each.
  template <class T>
  RETROGRAD_INLINE static int end_of_run(const Input<real_t<T>>& gate_samples, int first, int count,
                                         bool high) {
    using Real = real_t<T>;
    const auto is_high = [&](int i) RETROGRAD_INLINE_LAMBDA { return gate_samples.sample(i) >= Real(0.5); };
    while (first < count && first % math::block != 0 && is_high(first) == high) ++first;
    if (first % math::block == 0)
      for (int length = Tile<Real>::max_samples; length >= 4 * math::block; length /= 2)
        if (first + length <= count && has_no_edge(gate_samples, first / math::block, length, high))
          first += length;
    while (first < count && is_high(first) == high) ++first;
    return first;
  }

  // Whether `count` samples from a block on, a multiple of 64, are all `high`, or all low: four blocks at a time.
  template <class Real>
  RETROGRAD_INLINE static bool has_no_edge(const Input<Real>& gate_samples, int from, int count, bool high) {
    using Bits = math::bits_t<Real>;
    alignas(64) Bits highs[math::block] = {};
    for (int b = from; b < from + count / math::block; b += 4) {
      const Real *g0 = gate_samples.block(b), *g1 = gate_samples.block(b + 1),
                 *g2 = gate_samples.block(b + 2), *g3 = gate_samples.block(b + 3);
      const auto one = [](Real g)
                           RETROGRAD_INLINE_LAMBDA { return static_cast<Bits>(g >= Real(0.5) ? 1 : 0); };
      for (int l = 0; l < math::block; ++l) highs[l] += (one(g0[l]) + one(g1[l])) + (one(g2[l]) + one(g3[l]));
    }
    Bits sum = 0;
    for (int l = 0; l < math::block; ++l) sum += highs[l];
    return sum == static_cast<Bits>(high ? count : 0);
  }

  // Whether the chain rule ends here: where the piece begins, and where the signal does (of a stream: the last
  // block, in the middle of a piece).
  template <class Real>
  static bool begins(const Tile<Real>& tile, const Piece& piece) {
    return (piece.kind == Piece::Kind::decay ? piece.j == 1 : piece.begins_by_edge) ||
           (tile.start == 0 && piece.first == 0);
  }

  template <class Real>
  static constexpr int most_pieces = 2 * Tile<Real>::max_samples + 1;

  template <class T>
  RETROGRAD_INLINE static std::size_t find_pieces(const Tile<real_t<T>>& tile, const Times& now, State state,
                                                  Piece* pieces) {
    Pieces<T> walk(tile, now, state);
    std::size_t count = 0;
    while (!walk.at_end()) pieces[count++] = walk.next();
    return count;
  }

  // What a piece's samples give, `add_terms()`, between what comes from the next segment and what goes to the
  // one before.
  template <class T, class AddTerms>
  RETROGRAD_INLINE void adjoint_of(const Tile<real_t<T>>& tile, const Piece& piece, Carry<real_t<T>>& carry,
                                   const AddTerms& add_terms) const {
    Group& group = carry.group;
    const Times& times = *piece.times;
    if (std::exchange(group.is_empty, false)) {
      group.last = piece;
      group.times = times;
    }
    add_level_adjoint(times, piece, group.own);
    add_level_adjoint(times, piece, group.of_level);
    add_terms();
    if (!begins(tile, piece)) return;
    finish(times, piece, group.own);
    if (group.last_begins)
      finish(times, piece, group.of_level);
    else
      group.of_level.to_level = 1.0;
    group.last_begins = true;
  }

  template <class T>
  RETROGRAD_INLINE void adjoint_of_pieces(const Tile<real_t<T>>& tile, std::span<const Piece> pieces,
                                          Carry<real_t<T>>& carry) const {
    for (std::size_t p = pieces.size(); p-- > 0;)
      adjoint_of<T>(tile, pieces[p], carry,
                    [&]() RETROGRAD_INLINE_LAMBDA { add_terms<T>(tile, pieces[p], carry); });
  }

  // A release from nothing: all zeros, and no adjoint.
  static bool is_silent(const Piece& piece) {
    return piece.kind == Piece::Kind::release && piece.start == 0.0;
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

  // The terms of the three sums, up to what is the lane's own.
  template <class T>
  struct Terms {
    using Real = real_t<T>;
    ByBlock<Real> base, base_j;
    RETROGRAD_INLINE Terms(const Formula<T>& formula, const Piece& piece) {
      const bool is_attack = formula.is_attack;
      base.fill(piece, [&](int j) RETROGRAD_INLINE_LAMBDA {
        return is_attack ? static_cast<Real>(j) : Real(formula.fall(j));
      });
      base_j.fill(piece, [&](int j) RETROGRAD_INLINE_LAMBDA {
        return is_attack ? Real(0.0) : Real(formula.fall(j)) * static_cast<Real>(j);
      });
    }
    RETROGRAD_INLINE std::array<Real, 3> of(Real g, int b) const { return {g * base[b], g * base_j[b], g}; }
  };

  template <class T>
  RETROGRAD_INLINE static void add_terms(const Tile<real_t<T>>& tile, const Piece& piece,
                                         Carry<real_t<T>>& carry) {
    using Real = real_t<T>;
    if (is_silent(piece)) return;
    const Formula<T> formula(*piece.times, piece.kind, piece.start);
    const Terms<T> terms(formula, piece);
    const auto g = tile.gy;
    const int offset = static_cast<int>(tile.start % math::sum_tile);
    for (int last = piece.last; last > piece.first;) {
      const int first = std::max(piece.first, (last - 1 + offset) / math::sum_tile * math::sum_tile - offset);
      math::add_to_lanes<T, 3>(carry.lanes, first, last, [&](int b, int l) RETROGRAD_INLINE_LAMBDA {
        return terms.of(Real(g.block(b)[l]), b);
      });
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
    carry.start_lanes();
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
