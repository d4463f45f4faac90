// A tile of a pitch that varies over time, for the loop of floor.cpp.
//
// The phase of an operator is its ratio times the sum of the pitch so far. That sum is the same for all
// operators: to each block's beginning in double, from there on in float.
#pragma once

#include "floor_row.hpp"

namespace retrograd::tool::floor_detail {

// sums[i] = x[2*i] + x[2*i + 1]
template <int count, class Real>
RETROGRAD_INLINE void sum_pairs(const Real* __restrict x, Real* __restrict sums) {
  RETROGRAD_INDEPENDENT_LANES
  for (int i = 0; i < count; ++i) sums[i] = x[2 * i] + x[2 * i + 1];
}

// `sums`: what lies before (`later`: after) each of `count` pairs in its block. Gives the same for each element.
template <bool later, int count>
RETROGRAD_INLINE void split_pairs(const float* __restrict sums, const float* __restrict x,
                                  float* __restrict split) {
  constexpr int near = later ? 1 : 0, far = 1 - near;
  RETROGRAD_INDEPENDENT_LANES
  for (int i = 0; i < count; ++i) {
    split[2 * i + near] = sums[i];
    split[2 * i + far] = sums[i] + x[2 * i + near];
  }
}

// y[n] = the sum of the samples before n (`later`: after n) in the block of n, by halves: loops without shifts
// across lanes.
template <bool later>
RETROGRAD_INLINE void sum_in_blocks(const float* __restrict x, float* __restrict y) {
  alignas(64) float twos[tile / 2], fours[tile / 4], eights[tile / 8];
  alignas(64) float at_twos[tile / 2], at_fours[tile / 4], at_eights[tile / 8];
  alignas(64) constexpr float at_blocks[tile_blocks] = {};
  sum_pairs<tile / 2>(x, twos);
  sum_pairs<tile / 4>(twos, fours);
  sum_pairs<tile / 8>(fours, eights);
  split_pairs<later, tile_blocks>(at_blocks, eights, at_eights);
  split_pairs<later, tile / 8>(at_eights, fours, at_fours);
  split_pairs<later, tile / 4>(at_fours, twos, at_twos);
  split_pairs<later, tile / 2>(at_twos, x, y);
}

struct PitchTile {
  alignas(64) float within[tile];          ///< the sum from the block's beginning to before each sample
  alignas(64) double before[tile_blocks];  ///< the sum before each block, from the row's beginning
  alignas(64) float before_single[tile_blocks];
  double after;                     ///< the sum before the next tile
  alignas(64) float adjoint[tile];  ///< of the sum before each sample
  alignas(64) float padded[tile];   ///< a tile that is not whole, zeros after it

  RETROGRAD_INLINE void start(const float* samples, int count, double sum_before) {
    if (count < tile) {
      std::copy(samples, samples + count, padded);
      std::fill(padded + count, padded + tile, 0.0f);
      samples = padded;
    }
    sum_over_blocks(samples, sum_before);
    sum_in_blocks<false>(samples, within);
    for (int b = 0; b < tile_blocks; ++b) before_single[b] = static_cast<float>(before[b]);
  }

  /// An operator's phase in turns where each block begins.
  RETROGRAD_INLINE void make_anchors(double turns_per_pitch, float* __restrict anchors) const {
    for (int b = 0; b < tile_blocks; ++b) {
      const double turns = before[b] * turns_per_pitch;
      anchors[b] = static_cast<float>(turns - ((turns + 0x1.8p52) - 0x1.8p52));
    }
  }

  /// The pitch's gradient: `scale` times the adjoints of all later sums. `carry`: those of later tiles.
  template <class T>
  RETROGRAD_INLINE void sum_adjoint(double scale, double& carry, int count, float* __restrict gradient) {
    float* __restrict later = within;
    sum_in_blocks<true>(adjoint, later);
    alignas(64) float later_blocks[tile_blocks];
    for (int b = (count + lanes - 1) / lanes - 1; b >= 0; --b) {
      later_blocks[b] = static_cast<float>(carry * scale);
      carry += static_cast<double>(later[b * lanes] + adjoint[b * lanes]);
    }
    const T factor(static_cast<float>(scale));
    int n = 0;
    for (; n + lanes <= count; n += lanes) {
      const T rest(later_blocks[n / lanes]);
      RETROGRAD_INDEPENDENT_LANES
      for (int l = 0; l < lanes; ++l)
        gradient[n + l] = static_cast<float>(math::fma(T(later[n + l]), factor, rest));
    }
    for (; n < count; ++n)
      gradient[n] = static_cast<float>(math::fma(T(later[n]), factor, T(later_blocks[n / lanes])));
  }

 private:
  // In double: what is rounded here adds up over the row.
  RETROGRAD_INLINE void sum_over_blocks(const float* __restrict samples, double sum_before) {
    alignas(64) double eights[tile / 2], fours[tile / 4], twos[tile / 8];
    alignas(64) double one[tile_blocks], two[tile_blocks / 2], four[tile_blocks / 4];  // blocks
    for (int b = 0; b < tile_blocks; ++b) RETROGRAD_INDEPENDENT_LANES
    for (int l = 0; l < lanes / 2; ++l)
      eights[b * lanes / 2 + l] = static_cast<double>(samples[b * lanes + l]) +
                                  static_cast<double>(samples[b * lanes + lanes / 2 + l]);
    sum_pairs<tile / 4>(eights, fours);
    sum_pairs<tile / 8>(fours, twos);
    sum_pairs<tile_blocks>(twos, one);
    sum_pairs<tile_blocks / 2>(one, two);
    sum_pairs<tile_blocks / 4>(two, four);
    for (int b = 0; b < tile_blocks; b += 4) {
      const double half = sum_before + two[b / 2];
      before[b] = sum_before;
      before[b + 1] = sum_before + one[b];
      before[b + 2] = half;
      before[b + 3] = half + one[b + 2];
      sum_before += four[b / 4];
    }
    after = sum_before;
  }
};

}  // namespace retrograd::tool::floor_detail
