// What a causal node or a reduction sees of one tile.
//
// A causal node comes in one of two forms:
//
// Sample by sample, for any recurrence (the form for a user's own node):
//
//     template <class T> struct State { T y{}; };
//
//     // s: the state before the sample, to be replaced by the state after it
//     template <class T> T forward(State<T>& s, T x) const;
//
//     // s: the state before the sample; gs: the adjoint of the state after it, to be replaced by that before
//     template <class T> std::array<T, 1> adjoint(State<T>& gs, const State<T>& s, T gy, T x) const;
//
// Tile by tile, for recurrences with a closed form that vectorises (phase, ADSR, cumulative sum):
//
//     struct State { ... };                        // 16 bytes or less
//     template <class Real> struct Carry { ... };  // what the adjoint carries from a tile to the one before
//     template <class T> void forward(const Tile<real_t<T>>& tile, State& s) const;
//     template <class T> void adjoint(const Tile<real_t<T>>& tile, const State& s,
//                                     Carry<real_t<T>>& carry) const;
//
//     // optional: the adjoint carries only where one of these inputs varies over time
//     static constexpr unsigned carries_for = 0b01;
//
//     // optional: what these inputs' sums gain goes to SumOverTime::total alone, so that they need no tiles
//     static constexpr unsigned adds_to_total = 0b10;
//
//     // optional, so that the way back of few rows can be split over time: what a group of tiles leaves when
//     // its adjoint is computed as if no time came after it, kept as `carry.group`. `later` is what the time
//     // after the group left; join() makes it what the time from the group's start on leaves.
//     struct Group { ... };
//     template <class Real> void join(const Tile<Real>& tile, const Group& group, Group& later) const;
//
//     // the same recurrence sample by sample, on any scalar: gradcheck's
//     template <class T> void trace(const T* const* x, T* y, std::int64_t count) const;
//
//     // optional: moves the state over the tile without computing y, from the inputs in this mask alone, so
//     // that few rows can be split over time
//     static constexpr unsigned advance_reads = 0b1;
//     template <class T> void advance(const Tile<real_t<T>>& tile, State& s) const;
//
//     // optional: what the node remembers of inputs that are constant over time while a stream changes them
//     struct Latched { ... };                      // trivially copyable; Latched{} before the first sample
#pragma once

#include <retrograd/math/ordered_sum.hpp>
#include <retrograd/tape/plan.hpp>

#include <array>

namespace retrograd {

using math::real_t;

/// The samples of one value in a tile: 16 at `data`, the next 16 `step` elements on. A constant over time has
/// step 0, 16 equal lanes, and its exact value in `constant`.
struct Operand {
  void* data = nullptr;
  std::ptrdiff_t step = 0;
  double constant = 0.0;
};

template <class Real>
struct Input {
  const Real* data = nullptr;
  std::ptrdiff_t step = 0;
  double constant = 0.0;
  RETROGRAD_ANYWHERE bool is_constant() const { return step == 0; }
  RETROGRAD_INLINE const Real* block(int b) const { return data + b * step; }
  RETROGRAD_INLINE Real sample(int i) const { return block(i / math::block)[i % math::block]; }
};

/// Carries that can be joined begin anew at every multiple of so many samples, whether the row is split or not.
inline constexpr std::int64_t group_samples = 16 * math::sum_tile;

/// What the envelopes of one tile tell each other: the operand, if any, that one of them found to be a gate without an
/// edge in the tile.
struct GateOfTile {
  int* without_edge = nullptr;
  int operand = -1;  ///< of the gate at hand
  RETROGRAD_INLINE bool has_no_edge() const { return without_edge != nullptr && *without_edge == operand; }
  RETROGRAD_INLINE void tell() const {
    if (without_edge != nullptr) *without_edge = operand;
  }
};

/// What to do with an input's adjoint: overwrite `data`, or add its terms to `sum`.
template <class Real>
struct Target {
  AdjointMode mode = AdjointMode::none;
  Real* data = nullptr;
  math::SumOverTime<Real>* sum = nullptr;
};

/// Ends the tile of 512 that begins at sample `start`, of a target that is a sum.
template <class Real>
RETROGRAD_INLINE void end_sum_tile(const Target<Real>& gx, std::int64_t start) {
  if (gx.mode == AdjointMode::sum) gx.sum->end_tile(start);
}

template <class Real>
struct Tile {
  static constexpr int max_inputs = most_inputs;
  static constexpr int max_samples = 1024;

  std::int64_t start =
      0;  ///< of the tile in the signal, a multiple of 128; in a short loop of the node's `least_part`
  int count = 0;         ///< samples in the tile; slots hold the next multiple of 16
  bool is_last = false;  ///< the row ends with this tile
  Real* y = nullptr;     ///< forward only
  Input<Real> gy;        ///< adjoint only
  Input<Real> x[max_inputs];
  Target<Real> gx[max_inputs];  ///< adjoint only
  void* latched = nullptr;      ///< the node's Latched, in a stream: as State; elsewhere inputs never change
  GateOfTile gate;              ///< of an envelope: its first input

  int blocks() const { return (count + math::block - 1) / math::block; }
};

/// A signal of the tile that comes next. The processor foresees memory only within a page, which is a tile, and no more
/// than some dozens of cache lines can be under way at once: a loop that computes for long asks for a block of
/// the next tile with each of its own.
struct NextTile {
  const float* samples = nullptr;  ///< any memory of a tile's length where there is nothing to ask for
  RETROGRAD_INLINE void ask(int b) const { __builtin_prefetch(samples + b * math::block, 0, 2); }
};
/// In its place, of a loop that asks for nothing.
struct NothingAhead {
  RETROGRAD_INLINE void ask(int) const {}
};

/// A choice that is made once for a tile, between loops that were each compiled without it: calls
/// `run.operator()<mask>()` for the mask of inputs that are constant over time (bit i: `is_constant[i]`). One at
/// least varies.
template <std::size_t Inputs, class Run>
RETROGRAD_INLINE void for_constants(const std::array<bool, Inputs>& is_constant, const Run& run) {
  unsigned constants = 0;
  for (std::size_t i = 0; i < Inputs; ++i) constants |= is_constant[i] ? 1u << i : 0u;
  const auto run_if = [&]<unsigned mask>() RETROGRAD_INLINE_LAMBDA {
    if (constants == mask) run.template operator()<mask>();
  };
  [&]<std::size_t... mask>(std::index_sequence<mask...>) RETROGRAD_INLINE_LAMBDA {
    (run_if.template operator()<static_cast<unsigned>(mask)>(), ...);
  }
  (std::make_index_sequence<(std::size_t{1} << Inputs) - 1>());
}

/// Lane l of block b of an input that is known, when compiled, to be constant over time or not.
template <bool is_constant, class Real>
RETROGRAD_INLINE Real lane_of(const Input<Real>& x, int b, int l) {
  return is_constant ? x.data[l] : x.data[b * math::block + l];
}

namespace detail {

#if defined(__clang__)
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wpass-failed"
#endif
template <class T, unsigned Sums, class Terms, class EndSumTile, class Ahead, std::size_t... I>
RETROGRAD_INLINE void give_to(const std::array<real_t<T>*, sizeof...(I)>& to, const Tile<real_t<T>>& tile,
                              const Terms& terms, const EndSumTile& end_sum_tile, const Ahead& ahead,
                              std::index_sequence<I...>) {
  using Real = real_t<T>;
  constexpr auto is_sum = [](std::size_t i) { return (Sums >> i & 1u) != 0; };
  const int offset = static_cast<int>(tile.start % math::sum_tile);  // of the tile in its first sum tile
  for (int last = tile.count; last > 0;) {
    const int first = std::max(0, (last - 1 + offset) / math::sum_tile * math::sum_tile - offset);
    math::for_each_block_of_sum<T>(first, last, [&](auto blocks, int top) RETROGRAD_INLINE_LAMBDA {
      const int lane = top % math::blocks_per_group * math::block;
      for (int j = 0; j < blocks; ++j) ahead.ask(top - j * math::blocks_per_group);
      RETROGRAD_INDEPENDENT_LANES
      for (int l = 0; l < math::block; ++l) {
        Real sum[] = {is_sum(I) ? to[I][lane + l] : Real(0.0)...};
        math::unrolled(blocks, [&](int j) RETROGRAD_INLINE_LAMBDA {
          const int b = top - j * math::blocks_per_group, sample = b * math::block + l;
          const std::array<Real, sizeof...(I)> term = terms(b, l);
          const bool is_present = blocks > 1 || sample < last;
          ((is_sum(I) ? static_cast<void>(sum[I] = sum[I] + (is_present ? term[I] : Real(-0.0)))
                      : static_cast<void>(to[I][sample] = term[I])),
           ...);
        });
        ((is_sum(I) ? static_cast<void>(to[I][lane + l] = sum[I]) : void()), ...);
      }
    });
    if ((tile.start + first) % math::sum_tile == 0) end_sum_tile(tile.start + first);
    last = first;
  }
}
#if defined(__clang__)
#pragma clang diagnostic pop
#endif

}  // namespace detail

/// Where the terms of a tile go that nobody wants: computed like the rest, so that no loop has a choice.
template <class Real>
struct Unwanted {
  alignas(64) Real data[Tile<Real>::max_samples];
  RETROGRAD_INLINE Unwanted() {
    for (int w = 0; w < math::sum_lanes; ++w) data[w] = Real(0.0);  // as the lanes of a sum
  }
};

/// Where a target's terms are put, or where the lanes are that they are added to.
template <class Real>
RETROGRAD_INLINE Real* place_of(const Target<Real>& gx, Unwanted<Real>& unwanted) {
  return gx.mode == AdjointMode::none  ? unwanted.data
         : gx.mode == AdjointMode::sum ? gx.sum->lanes[0]
                                       : gx.data;
}

/// Puts the terms of a tile at `to`: `terms(b, l)` gives those of sample 16*b + l, one for each place. `Sums`, bit
/// i: they are added to the 128 lanes at to[i], and `end_sum_tile(start)` is called at the end of each tile of 512
/// of the sums, `start` being its first sample. Blocks are visited in the order in which sums add them up (signals
/// do not care); `ahead.ask(b)` is called with each.
template <class T, unsigned Sums, std::size_t Places, class Terms, class EndSumTile, class Ahead>
RETROGRAD_INLINE void give_to(const std::array<real_t<T>*, Places>& to, const Tile<real_t<T>>& tile,
                              const Terms& terms, const EndSumTile& end_sum_tile, const Ahead& ahead) {
  detail::give_to<T, Sums>(to, tile, terms, end_sum_tile, ahead, std::make_index_sequence<Places>());
}

/// Puts the adjoints of a tile where the inputs' targets want them: `terms(b, l)` gives those of sample
/// 16*b + l, one for each of `gx`. `Sums`, bit i: input i is constant over time, so that its adjoint is a sum.
template <class T, unsigned Sums, std::size_t Inputs, class Terms>
RETROGRAD_INLINE void give(const std::array<Target<real_t<T>>, Inputs>& gx, const Tile<real_t<T>>& tile,
                           const Terms& terms) {
  Unwanted<real_t<T>> unwanted;
  std::array<real_t<T>*, Inputs> to;
  for (std::size_t i = 0; i < Inputs; ++i) to[i] = place_of(gx[i], unwanted);
  give_to<T, Sums>(
      to, tile, terms,
      [&](std::int64_t start) RETROGRAD_INLINE_LAMBDA {
        for (const auto& target : gx) end_sum_tile(target, start);
      },
      NothingAhead());
}

/// The same for one input, either way.
template <class T, class Term>
RETROGRAD_INLINE void give(const Target<real_t<T>>& gx, const Tile<real_t<T>>& tile, const Term& term) {
  const auto terms = [&](int b, int l) RETROGRAD_INLINE_LAMBDA { return std::array{term(b, l)}; };
  if (gx.mode == AdjointMode::sum) give<T, 1>(std::array{gx}, tile, terms);
  if (gx.mode == AdjointMode::overwrite) give<T, 0>(std::array{gx}, tile, terms);
}

}  // namespace retrograd
