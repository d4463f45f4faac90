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
#include <cstdint>
#include <cstring>

namespace retrograd::math {

inline constexpr int sum_tile = 512;   ///< samples per tile of a sum
inline constexpr int sum_lanes = 128;  ///< lanes per tile of a sum
inline constexpr int block = 16;       ///< samples that a loop handles at once

/// The xor tree over 128 lanes. Four lanes at a time as one vector: left to themselves, compilers shuffle
/// here for longer than they add.
template <class Real>
RETROGRAD_INLINE Real combine_lanes(const Real* lanes) {
  typedef Real Four __attribute__((vector_size(4 * sizeof(Real))));
  Real groups[4];
  for (int group = 0; group < 4; ++group) {
    Four x[8];
    std::memcpy(x, lanes + 32 * group, sizeof(x));
    for (int i = 0; i < 4; ++i) x[i] = x[i] + x[i + 4];  // lanes 16 apart
    for (int i = 0; i < 2; ++i) x[i] = x[i] + x[i + 2];  // 8 apart
    const Four y = x[0] + x[1];                          // 4 apart
    groups[group] = (y[0] + y[2]) + (y[1] + y[3]);
  }
  return ((groups[0] + groups[1]) + groups[2]) + groups[3];
}

/// The sum of `count` doubles in the order above; `values` is overwritten.
inline double ordered_sum(double* values, std::int64_t count) {
  if (count == 0) return 0.0;
  while (true) {
    const std::int64_t tiles = (count + sum_tile - 1) / sum_tile;
    for (std::int64_t tile = 0; tile < tiles; ++tile) {
      const double* x = values + tile * sum_tile;
      const std::int64_t present = std::min<std::int64_t>(sum_tile, count - tile * sum_tile);
      double lanes[sum_lanes];
      for (int w = 0; w < sum_lanes; ++w) {
        lanes[w] = -0.0;
        for (int j = w + sum_tile - sum_lanes; j >= 0; j -= sum_lanes)
          if (j < present) lanes[w] = lanes[w] + x[j];
      }
      values[tile] = combine_lanes(lanes);
    }
    if (tiles == 1) return values[0] + 0.0;
    count = tiles;
  }
}

/// A sum over the time of one row that a sweep from the last sample to the first feeds tile by tile.
template <class Real>
struct SumOverTime {
  alignas(64) Real lanes[1][sum_lanes];
  double* tile_sums;   ///< one for each 512 samples of the row
  std::int64_t tiles;  ///< how many there are
  double total;        ///< terms that are added as they come, in double

  void start() {
    std::fill(lanes[0], lanes[0] + sum_lanes, Real(-0.0));
    std::fill(tile_sums, tile_sums + tiles, -0.0);
    total = 0.0;
  }
  double finish() { return total + ordered_sum(tile_sums, tiles); }
};

/// Adds the terms of samples `first` to `last - 1` (within one sum tile; offsets in an execution tile that
/// begins at a sample that is a multiple of 128) to 128 lanes, from last to first, for `Sums` sums at once.
/// `terms(b, l, out)` gives the terms of sample 16*b + l.
template <class T, int Sums, class Terms>
RETROGRAD_INLINE void add_to_lanes(real_t<T> (&lanes)[Sums][sum_lanes], int first, int last,
                                   const Terms& terms) {
  using Real = real_t<T>;
  constexpr int blocks_per_group = sum_lanes / block;
  for (int group = (last - 1) / sum_lanes; group >= first / sum_lanes; --group) {
    for (int c = 0; c < blocks_per_group; ++c) {
      const int b = group * blocks_per_group + c, sample = b * block;
      if (sample >= last || sample + block <= first) continue;
      Real(*__restrict sum)[sum_lanes] = lanes;
      if (sample >= first && sample + block <= last) {
        for (int l = 0; l < block; ++l) {
          Real term[Sums];
          terms(b, l, term);
          for (int s = 0; s < Sums; ++s) sum[s][c * block + l] = sum[s][c * block + l] + term[s];
        }
      } else {
        for (int l = 0; l < block; ++l) {
          Real term[Sums];
          terms(b, l, term);
          const bool is_present = (sample + l >= first) & (sample + l < last);
          for (int s = 0; s < Sums; ++s)
            sum[s][c * block + l] = sum[s][c * block + l] + (is_present ? term[s] : Real(-0.0));
        }
      }
    }
  }
}

/// Adds an execution tile of `count` samples that begins at sample `start` to `sum`; `term(b, l)` is that of
/// sample 16*b + l.
template <class T, class Term>
RETROGRAD_INLINE void add_tile(SumOverTime<real_t<T>>& sum, std::int64_t start, int count, const Term& term) {
  using Real = real_t<T>;
  const int offset = static_cast<int>(start % sum_tile);  // of the execution tile in its first sum tile
  for (int last = count; last > 0;) {
    const int first = std::max(0, (last - 1 + offset) / sum_tile * sum_tile - offset);
    add_to_lanes<T>(sum.lanes, first, last,
                    [&](int b, int l, Real(&out)[1]) RETROGRAD_INLINE_LAMBDA { out[0] = term(b, l); });
    if ((start + first) % sum_tile == 0) {
      sum.tile_sums[(start + first) / sum_tile] = static_cast<double>(combine_lanes(sum.lanes[0]));
      for (int w = 0; w < sum_lanes; ++w) sum.lanes[0][w] = real_t<T>(-0.0);
    }
    last = first;
  }
}

}  // namespace retrograd::math
