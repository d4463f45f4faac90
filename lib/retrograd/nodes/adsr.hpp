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

#include <retrograd/nodes/envelope.hpp>
#include <retrograd/nodes/fusions.hpp>
#include <retrograd/nodes/node.hpp>
#include <retrograd/nodes/tile.hpp>

#include <algorithm>
#include <limits>
#include <span>

namespace retrograd {

struct Adsr : Causal<5> {
  static constexpr const char* name = "adsr";
  static constexpr unsigned differentiable = 0b11110;  // the gate is data
  static constexpr FusionPlace fusion_place = operator_envelope;
  static constexpr unsigned adds_to_total = 0b11110;  // where a piece begins
  static constexpr int gate = envelope::gate, attack = envelope::attack, decay = envelope::decay,
                       sustain = envelope::sustain, release = envelope::release;
  static constexpr Domain time{0.0, std::numeric_limits<double>::infinity(), false};
  static constexpr InputDomain input_domains[] = {{attack, "attack", time},
                                                  {decay, "decay", time},
                                                  {sustain, "sustain", unit_interval},
                                                  {release, "release", time}};

  double samples_per_unit = 1.0;  ///< of the times: the sample rate, or 1

  using State = envelope::State;
  using Times = envelope::Times;
  using Piece = envelope::Piece;
  using Group = envelope::Group;
  using Latched = Times;

  /// What is the same for a block of 16, for every block of a tile that a piece touches.
  template <class Real>
  struct ByBlock {
    alignas(64) Real of_block[Tile<Real>::max_samples / math::block];
    /// `value(j)`: j that of the block's lane 0.
    template <class Value>
    RETROGRAD_INLINE void fill(const Piece& piece, const Value& value) {
      const int j0 = envelope::whole(piece.j) - piece.first;  // j of the tile's sample 0
      // Sixteen at once, in one vector, even where the piece touches fewer.
      constexpr int sixteen_blocks = math::block * math::block;
      const int end = (piece.last + math::block - 1) / math::block;
      for (int b = piece.first / sixteen_blocks * math::block; b < end; b += math::block)
        for (int i = 0; i < math::block; ++i) of_block[b + i] = value(j0 + (b + i) * math::block);
    }
    RETROGRAD_INLINE Real operator[](int b) const { return of_block[b]; }
  };

  /// A piece's formula with the ratio of each lane.
  template <class T>
  struct LaneFormula : envelope::Formula<T> {
    alignas(64) real_t<T> of_lane[math::block];
    RETROGRAD_INLINE explicit LaneFormula(const Piece& piece)
        : envelope::Formula<T>(*piece.times, piece.kind, piece.start) {
      for (int l = 0; l < math::block; ++l) of_lane[l] = this->ratio(l);
    }
  };

  /// The levels of one piece in a tile.
  template <class T>
  struct Levels {
    using Real = real_t<T>;
    LaneFormula<T> formula;
    ByBlock<Real> slopes, steps;
    RETROGRAD_INLINE explicit Levels(const Piece& piece) : formula(piece) {
      slopes.fill(piece, [&](int j) RETROGRAD_INLINE_LAMBDA { return Real(formula.slope(j)); });
      steps.fill(piece, [&](int j) RETROGRAD_INLINE_LAMBDA { return Real(formula.step(j)); });
    }
    RETROGRAD_INLINE T at(int b, int l) const {
      return formula.at(T(slopes[b]), T(steps[b]), formula.of_lane[l]);
    }
  };

  template <class T>
  RETROGRAD_INLINE void forward(const Tile<real_t<T>>& tile, State& state) const {
    const Times now = times_of(tile);
    Walk<T> pieces(tile, now, state);
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
    const Times now = times_of(tile);
    Walk<T> pieces(tile, now, state);
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
    const Times now = times_of(tile);
    Walk<T> pieces(tile, now, state);
    while (!pieces.at_end()) pieces.next();
    latch(tile, *pieces.times);
  }

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
    const Times now = times_of(tile);
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
    const Times now = times_of(tile);
    Piece pieces[most_pieces<Real>];
    const std::size_t count = find_pieces<T>(tile, now, at_start, pieces);
    if (count == 1 && !envelope::is_silent(pieces[0])) {
      const Piece& piece = pieces[0];
      const Levels<T> levels(piece);
      const Terms<T> terms(levels.formula, piece);
      adjoint_of<T>(tile, piece, carry, [&]() RETROGRAD_INLINE_LAMBDA {
        const auto end_sum_tile = [&]() RETROGRAD_INLINE_LAMBDA { flush<T>(piece, levels.formula, carry); };
        add([&](int b, int l) RETROGRAD_INLINE_LAMBDA { return levels.at(b, l); }, terms, end_sum_tile);
        if (envelope::begins(tile.start, piece)) end_sum_tile();
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
    envelope::join(samples_per_unit, group, later, [&](int input, double gained) {
      if (tile.gx[input].mode == AdjointMode::sum) tile.gx[input].sum->total += gained;
    });
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
  template <class Real>
  RETROGRAD_INLINE Times times_of(const Tile<Real>& tile) const {
    return {tile.x[attack].constant * samples_per_unit, tile.x[decay].constant * samples_per_unit,
            tile.x[sustain].constant, tile.x[release].constant * samples_per_unit};
  }

  template <class Real>
  static void latch(const Tile<Real>& tile, const Times& times) {
    if (tile.latched != nullptr) *static_cast<Times*>(tile.latched) = times;
  }

  template <class T>
  struct GateSamples {
    const Tile<real_t<T>>& of_tile;
    RETROGRAD_INLINE bool is_high(int i) const { return of_tile.x[gate].sample(i) >= real_t<T>(0.5); }
    RETROGRAD_INLINE int end_of_run(int first, bool high) const {
      if (of_tile.gate.has_no_edge()) return of_tile.count;
      const int end = Adsr::end_of_run<T>(of_tile.x[gate], first, of_tile.count, high);
      if (first == 0 && end == of_tile.count) of_tile.gate.tell();
      return end;
    }
  };
  // Walks through the tile's pieces in time order, and leaves `state` at the tile's last sample.
  template <class T>
  struct Walk : GateSamples<T>, envelope::Pieces<T, GateSamples<T>> {
    RETROGRAD_INLINE Walk(const Tile<real_t<T>>& tile, const Times& times_now, State& at_start)
        : GateSamples<T>{tile},
          envelope::Pieces<T, GateSamples<T>>(
              tile.count, *this, times_now,
              tile.latched != nullptr ? static_cast<const Times*>(tile.latched) : &times_now, at_start) {}
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

  template <class Real>
  static constexpr int most_pieces = 2 * Tile<Real>::max_samples + 1;

  template <class T>
  RETROGRAD_INLINE static std::size_t find_pieces(const Tile<real_t<T>>& tile, const Times& now, State state,
                                                  Piece* pieces) {
    Walk<T> walk(tile, now, state);
    std::size_t count = 0;
    while (!walk.at_end()) pieces[count++] = walk.next();
    return count;
  }

  // What a piece's samples give, `add_terms()`, between what comes from the next segment and what goes to the
  // one before.
  template <class T, class AddTerms>
  RETROGRAD_INLINE void adjoint_of(const Tile<real_t<T>>& tile, const Piece& piece, Carry<real_t<T>>& carry,
                                   const AddTerms& add_terms) const {
    carry.group.enter(piece);
    add_terms();
    carry.group.leave(samples_per_unit, tile.start, piece);
  }

  template <class T>
  RETROGRAD_INLINE void adjoint_of_pieces(const Tile<real_t<T>>& tile, std::span<const Piece> pieces,
                                          Carry<real_t<T>>& carry) const {
    for (std::size_t p = pieces.size(); p-- > 0;)
      adjoint_of<T>(tile, pieces[p], carry,
                    [&]() RETROGRAD_INLINE_LAMBDA { add_terms<T>(tile, pieces[p], carry); });
  }

  // The terms of the three sums, up to what is the lane's own.
  template <class T>
  struct Terms {
    using Real = real_t<T>;
    ByBlock<Real> base, base_j;
    RETROGRAD_INLINE Terms(const envelope::Formula<T>& formula, const Piece& piece) {
      base.fill(piece, [&](int j) RETROGRAD_INLINE_LAMBDA { return formula.base(j); });
      base_j.fill(piece, [&](int j) RETROGRAD_INLINE_LAMBDA { return formula.base_j(j); });
    }
    RETROGRAD_INLINE std::array<Real, 3> of(Real g, int b) const { return {g * base[b], g * base_j[b], g}; }
  };

  template <class T>
  RETROGRAD_INLINE static void add_terms(const Tile<real_t<T>>& tile, const Piece& piece,
                                         Carry<real_t<T>>& carry) {
    using Real = real_t<T>;
    if (envelope::is_silent(piece)) return;
    const LaneFormula<T> formula(piece);
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
    if (envelope::begins(tile.start, piece)) flush<T>(piece, formula, carry);
  }

  // Adds the lanes of the tile of 512 under way to the piece's sums.
  template <class T>
  RETROGRAD_INLINE static void flush(const Piece& piece, const LaneFormula<T>& formula,
                                     Carry<real_t<T>>& carry) {
    using Real = real_t<T>;
    Real(&base)[math::sum_lanes] = carry.lanes[0], (&base_j)[math::sum_lanes] = carry.lanes[1],
    (&plain)[math::sum_lanes] = carry.lanes[2];
    const auto add = [&](int sum, Real(&lanes)[math::sum_lanes]) RETROGRAD_INLINE_LAMBDA {
      carry.group.own.sum[sum] += static_cast<double>(math::combine_lanes(lanes));
    };
    const bool is_attack = piece.kind == Piece::Kind::attack;
    for (int w = 0; w < math::sum_lanes; w += math::block)
      for (int l = 0; l < math::block; ++l)
        envelope::end_lane<T>(is_attack, l, formula.of_lane[l], base[w + l], base_j[w + l], plain[w + l]);
    if (!is_attack) add(2, base_j);
    add(1, base);
    if (piece.kind != Piece::Kind::release) add(0, plain);
    carry.start_lanes();
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
