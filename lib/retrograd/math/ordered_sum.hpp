// The order of sums. A sum over time is defined here, once, so that every backend, thread count, tile size
// and SIMD level gives the same bits:
//
// over tiles of 512 samples aligned to the signal's start; in a tile 128 lanes, lane w adds the samples w, w
// + 128, w + 256, w + 384 from last to first; the lanes combine by an xor tree of 16, 8, 4, 2, 1 inside each
// 32, the four groups left to right; the tiles' sums are combined in double by the same lanes and tree over
// tiles, in groups of 512, recursively. Rows are summed the same way over rows. Absent samples count as -0,
// which changes no sum.
#pragma once

#include <retrograd/math/scalar.hpp>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <utility>

namespace retrograd::math {

inline constexpr int sum_tile = 512;   ///< samples per tile of a sum
inline constexpr int sum_lanes = 128;  ///< lanes per tile of a sum
inline constexpr int block = 16;       ///< samples that a loop handles at once
inline constexpr int blocks_per_group = sum_lanes / block;

/// The xor tree over 128 lanes. Four lanes at a time as one vector, and the four groups of 32 as the lanes of
/// the last steps: left to themselves, compilers shuffle here for longer than they add.
template <class Real>
RETROGRAD_INLINE_ON_CPU Real combine_lanes(const Real* lanes) {
  typedef Real Four __attribute__((vector_size(4 * sizeof(Real))));
  const auto load = [&](int w, Four& x) RETROGRAD_INLINE_LAMBDA { std::memcpy(&x, lanes + w, sizeof(x)); };
  const auto combine_group = [&](int w, Four& sum) RETROGRAD_INLINE_LAMBDA {
    Four a, b, c, d, e, f, g, h;
    load(w, a), load(w + 16, b), load(w + 8, c), load(w + 24, d);
    load(w + 4, e), load(w + 20, f), load(w + 12, g), load(w + 28, h);
    sum = ((a + b) + (c + d)) + ((e + f) + (g + h));  // lanes 16, 8, then 4 apart
  };
  Four y[4];
  combine_group(0, y[0]), combine_group(32, y[1]), combine_group(64, y[2]), combine_group(96, y[3]);
  const Four a = __builtin_shufflevector(y[0], y[1], 0, 4, 1, 5),
             b = __builtin_shufflevector(y[2], y[3], 0, 4, 1, 5);
  const Four c = __builtin_shufflevector(y[0], y[1], 2, 6, 3, 7),
             d = __builtin_shufflevector(y[2], y[3], 2, 6, 3, 7);
  const Four ac = a + c, bd = b + d;  // 2 apart: lanes 0 of two groups, lanes 1 of two groups
  const Four groups =
      __builtin_shufflevector(ac, bd, 0, 1, 4, 5) + __builtin_shufflevector(ac, bd, 2, 3, 6, 7);  // 1 apart
  return ((groups[0] + groups[1]) + groups[2]) + groups[3];
}

/// The sum of `count` doubles in the order above; `values` is overwritten.
inline double ordered_sum(double* values, std::int64_t count) {
  if (count <= 1) return count == 0 ? 0.0 : values[0] + 0.0;
  while (true) {
    const std::int64_t tiles = (count + sum_tile - 1) / sum_tile;
    for (std::int64_t tile = 0; tile < tiles; ++tile) {
      const double* x = values + tile * sum_tile;
      const std::int64_t present = std::min<std::int64_t>(sum_tile, count - tile * sum_tile);
      double lanes[sum_lanes];
      std::fill(lanes, lanes + sum_lanes, -0.0);
      for (std::int64_t group = (present - 1) / sum_lanes * sum_lanes; group >= 0; group -= sum_lanes) {
        const std::int64_t in_group = std::min<std::int64_t>(sum_lanes, present - group);
        for (std::int64_t w = 0; w < in_group; ++w) lanes[w] = lanes[w] + x[group + w];
      }
      values[tile] = combine_lanes(lanes);
    }
    if (tiles == 1) return values[0] + 0.0;
    count = tiles;
  }
}

/// The same order as a list: calls `add(a, b)` for each addition, of term `b` to term `a`, where the sum of both is
/// from then on, and returns the term that all are in at last. `terms[i]` says which is the i-th, or -1: absent; it is
/// overwritten. -1 where all are absent. The sum is that term + 0.0: never -0.
template <class Add>
std::int32_t for_each_addition(std::int32_t* terms, std::int64_t count, const Add& add) {
  const auto join = [&](std::int32_t& a, std::int32_t b) {
    if (a >= 0 && b >= 0)
      add(a, b);
    else if (b >= 0)
      a = b;
  };
  while (count > 0) {
    const std::int64_t tiles = (count + sum_tile - 1) / sum_tile;
    for (std::int64_t tile = 0; tile < tiles; ++tile) {
      std::int32_t* x = terms + tile * sum_tile;
      const std::int64_t present = std::min<std::int64_t>(sum_tile, count - tile * sum_tile),
                         lanes = std::min<std::int64_t>(sum_lanes, present);
      for (std::int64_t i = present - 1; i >= sum_lanes; --i) join(x[i - sum_lanes], x[i]);
      for (std::int64_t group = 0; group < lanes; group += 32)
        for (std::int64_t step = 16; step > 0; step /= 2)
          for (std::int64_t w = group; w < std::min(group + step, lanes - step); ++w) join(x[w], x[w + step]);
      for (std::int64_t group = 32; group < lanes; group += 32) join(x[0], x[group]);
      terms[tile] = x[0];
    }
    if (tiles == 1) return terms[0];
    count = tiles;
  }
  return -1;
}

/// A sum over the time of one row that a sweep from the last sample to the first feeds tile by tile.
template <class Real>
struct SumOverTime {
  alignas(64) Real lanes[1][sum_lanes];
  double* tile_sums;   ///< one for each 512 samples of the row; null where all goes to `total`
  std::int64_t tiles;  ///< how many there are
  double total;        ///< terms that are added as they come, in double

  /// Ends the tile of 512 that begins at sample `start`.
  RETROGRAD_INLINE void end_tile(std::int64_t start) {
    tile_sums[start / sum_tile] = static_cast<double>(combine_lanes(lanes[0]));
    for (int w = 0; w < sum_lanes; ++w) lanes[0][w] = Real(-0.0);
  }
  void start() {
    std::fill(lanes[0], lanes[0] + sum_lanes, Real(-0.0));
    std::fill(tile_sums, tile_sums + tiles, -0.0);
    total = 0.0;
  }
  /// Tiles of `whole`, which another thread may feed too.
  void start_part_of(const SumOverTime& whole) {
    std::fill(lanes[0], lanes[0] + sum_lanes, Real(-0.0));
    tile_sums = whole.tile_sums;
  }
  double finish() { return total + ordered_sum(tile_sums, tiles); }
};

/// run(0), run(1), ... without a loop, which would keep the loop around it from becoming SIMD code.
template <int Count, class Run>
RETROGRAD_INLINE void unrolled(std::integral_constant<int, Count>, const Run& run) {
  [&]<int... j>(std::integer_sequence<int, j...>) RETROGRAD_INLINE_LAMBDA { (run(j), ...); }
  (std::make_integer_sequence<int, Count>());
}

/// Calls `visit(blocks, b)` for the blocks of 16 samples of [first, last) (within one sum tile; offsets in an
/// execution tile that begins at a sample that is a multiple of 128), in the order in which sums add them up:
/// `blocks` blocks, 8 apart, from b down. Four in a whole sum tile, unless T is compact, else one.
template <class T, class Visit>
RETROGRAD_INLINE void for_each_block_of_sum(int first, int last, const Visit& visit) {
  constexpr std::integral_constant<int, 4> four;
  constexpr std::integral_constant<int, 1> one;
  if constexpr (!is_compact<T>) {
    if (last - first == sum_tile) {
      for (int c = 0; c < blocks_per_group; ++c) visit(four, first / block + 3 * blocks_per_group + c);
      return;
    }
  }
  for (int group = (last - 1) / sum_lanes; group >= first / sum_lanes; --group)
    for (int c = 0; c < blocks_per_group; ++c) {
      const int b = group * blocks_per_group + c;
      if (b * block < last && b * block + block > first) visit(one, b);
    }
}

namespace detail {

template <class T, class Terms, std::size_t... S>
RETROGRAD_INLINE void add_to_lanes(real_t<T> (*lanes)[sum_lanes], int first, int last, const Terms& terms,
                                   std::index_sequence<S...>) {
  using Real = real_t<T>;
  for_each_block_of_sum<T>(first, last, [&](auto blocks, int top) RETROGRAD_INLINE_LAMBDA {
    const int lane = top % blocks_per_group * block;
    RETROGRAD_INDEPENDENT_LANES
    for (int l = 0; l < block; ++l) {
      Real sum[] = {lanes[S][lane + l]...};
      unrolled(blocks, [&](int j) RETROGRAD_INLINE_LAMBDA {
        const int b = top - j * blocks_per_group, sample = b * block + l;
        const std::array<Real, sizeof...(S)> term = terms(b, l);
        const bool is_present = blocks > 1 || ((sample >= first) & (sample < last));
        ((sum[S] = sum[S] + (is_present ? term[S] : Real(-0.0))), ...);
      });
      ((lanes[S][lane + l] = sum[S]), ...);
    }
  });
}

}  // namespace detail

/// Adds the terms of samples `first` to `last - 1` (within one sum tile; offsets in an execution tile that
/// begins at a sample that is a multiple of 128) to 128 lanes, from last to first, for `Sums` sums at once.
/// `terms(b, l)` gives the terms of sample 16*b + l as an array.
template <class T, std::size_t Sums, class Terms>
RETROGRAD_INLINE void add_to_lanes(real_t<T> (*lanes)[sum_lanes], int first, int last, const Terms& terms) {
  detail::add_to_lanes<T>(lanes, first, last, terms, std::make_index_sequence<Sums>());
}

}  // namespace retrograd::math
