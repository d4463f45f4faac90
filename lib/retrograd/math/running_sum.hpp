// The backward running sum of floats: what the adjoint of a sum over the past adds up. Its order is fixed:
// within a tile of 512 samples from zero, by blocks of 16 from last to first, inside a block by Kogge and
// Stone's scan; then what all later tiles gave, in double, is added. So chunks of time can be combined, and
// no execution tile changes a bit.
#pragma once

#include <retrograd/math/ordered_sum.hpp>

namespace retrograd::math {

template <class Real>
struct RunningSumCarry {
  double later_tiles = 0.0;    ///< the sum of all later tiles
  Real this_tile = Real(0.0);  ///< the sum so far of the tile of 512 under way
};

/// x[i] becomes start + x[0] + ... + x[i - 1], for whole blocks of 16; returns start plus all of them. Wraps, so that
/// it is exact in any order.
RETROGRAD_INLINE_ON_CPU std::uint64_t add_earlier(std::uint64_t* x, int blocks, std::uint64_t start) {
  typedef std::uint64_t Four __attribute__((vector_size(4 * sizeof(std::uint64_t))));
  Four before = {start, start, start, start};
  for (int b = 0; b < blocks; ++b) {
    std::uint64_t* of_block = x + b * block;
    Four earlier[4], all[4];
    for (int i = 0; i < 4; ++i) {
      const Four zero{};
      Four terms;
      std::memcpy(&terms, of_block + 4 * i, sizeof(terms));
      Four sum = terms + __builtin_shufflevector(zero, terms, 0, 4, 5, 6);
      sum = sum + __builtin_shufflevector(zero, sum, 0, 1, 4, 5);
      earlier[i] = sum - terms;
      all[i] = __builtin_shufflevector(sum, sum, 3, 3, 3, 3);
    }
    // One addition, and nothing else, waits for the block before.
    const Four two = all[0] + all[1], three = two + all[2];
    earlier[1] = earlier[1] + all[0];
    earlier[2] = earlier[2] + two;
    earlier[3] = earlier[3] + three;
    for (int i = 0; i < 4; ++i) {
      const Four sum = earlier[i] + before;
      std::memcpy(of_block + 4 * i, &sum, sizeof(sum));
    }
    before = before + (three + all[3]);
  }
  return before[0];
}

/// Kogge and Stone's scan over 16 lanes: y[l] = x[l] + all later lanes (`Exclusive`: without x[l]); returns the
/// sum of all. Four lanes at a time as one vector, shifted in registers. `x` may be `y`.
template <bool Exclusive, class Real>
RETROGRAD_INLINE_ON_CPU Real add_later_lanes(const Real* x, Real* y) {
  typedef Real Four __attribute__((vector_size(4 * sizeof(Real))));
  Four s[5];
  s[4] = Four{};
  std::memcpy(s, x, block * sizeof(Real));
  for (int i = 0; i < 4; ++i) s[i] = s[i] + __builtin_shufflevector(s[i], s[i + 1], 1, 2, 3, 4);
  for (int i = 0; i < 4; ++i) s[i] = s[i] + __builtin_shufflevector(s[i], s[i + 1], 2, 3, 4, 5);
  for (int i = 0; i < 4; ++i) s[i] = s[i] + s[i + 1];
  for (int i = 0; i < 4; ++i) s[i] = s[i] + s[i < 2 ? i + 2 : 4];
  const Real all = s[0][0];
  if (Exclusive)
    for (int i = 0; i < 4; ++i) s[i] = __builtin_shufflevector(s[i], s[i + 1], 1, 2, 3, 4);
  std::memcpy(y, s, block * sizeof(Real));
  return all;
}

/// y[n] = sum of x[m] for m >= n (`Exclusive`: m > n) from the row's end, for an execution tile of `count`
/// samples, 1024 at most, that begins at sample `start`. Both have room for whole blocks of 16; `x` may be `y`.
template <bool Exclusive, class Real>
RETROGRAD_INLINE_ON_CPU void running_sum_backwards(std::int64_t start, int count,
                                                   RunningSumCarry<Real>& carry, const Real* x, Real* y) {
  const int blocks = (count + block - 1) / block;
  // First each block by itself: a vector read just after its lanes were written would wait.
  Real sums[1024 / block];
  for (int b = 0; b < blocks; ++b) {
    if ((b + 1) * block <= count) {
      sums[b] = add_later_lanes<Exclusive>(x + b * block, y + b * block);
    } else {
      alignas(64) Real present[block] = {};
      std::copy(x + b * block, x + count, present);
      sums[b] = add_later_lanes<Exclusive>(present, y + b * block);
    }
  }
  for (int b = blocks; b-- > 0;) {
    if ((start + (b + 1) * block) % sum_tile == 0) {  // the last block of a tile of 512
      carry.later_tiles += static_cast<double>(carry.this_tile);
      carry.this_tile = Real(0.0);
    }
    const double later_tiles = carry.later_tiles;
    const Real this_tile = carry.this_tile;
    Real* __restrict to = y + b * block;
    for (int l = 0; l < block; ++l)
      to[l] = static_cast<Real>(later_tiles + static_cast<double>(to[l] + this_tile));
    carry.this_tile = sums[b] + carry.this_tile;
  }
}

}  // namespace retrograd::math
