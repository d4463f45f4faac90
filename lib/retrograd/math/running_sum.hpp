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

/// y[n] = sum of x[m] for m >= n (`Exclusive`: m > n) from the row's end, for an execution tile of `count`
/// samples that begins at sample `start`. `read(block, out)` gives 16 terms and `write(block, values)` takes
/// 16 sums; lanes past `count` are ignored.
template <bool Exclusive, class Real, class Read, class Write>
RETROGRAD_INLINE void running_sum_backwards(std::int64_t start, int count, RunningSumCarry<Real>& carry,
                                            const Read& read, const Write& write) {
  for (int b = (count + block - 1) / block; b-- > 0;) {
    if ((start + (b + 1) * block) % sum_tile == 0) {  // the last block of a tile of 512
      carry.later_tiles += static_cast<double>(carry.this_tile);
      carry.this_tile = Real(0.0);
    }
    alignas(64) Real s[2 * block];
    read(b, s);
    for (int l = 0; l < block; ++l) {
      if (b * block + l >= count) s[l] = Real(0.0);
      s[block + l] = Real(0.0);
    }
    for (int distance = 1; distance < block; distance *= 2) {
      alignas(64) Real shifted[block];
      for (int l = 0; l < block; ++l) shifted[l] = s[l + distance];
      for (int l = 0; l < block; ++l) s[l] = s[l] + shifted[l];
    }
    alignas(64) Real y[block];
    for (int l = 0; l < block; ++l) {
      const Real local = s[l + (Exclusive ? 1 : 0)] + carry.this_tile;
      y[l] = static_cast<Real>(carry.later_tiles + static_cast<double>(local));
    }
    write(b, y);
    carry.this_tile = s[0] + carry.this_tile;
  }
}

}  // namespace retrograd::math
