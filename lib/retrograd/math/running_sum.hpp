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

/// Kogge and Stone's scan: each of 16 lanes plus all later ones. Four lanes at a time as one vector, shifted in
/// registers: through memory every shifted read would wait for the write before it.
template <class Real>
RETROGRAD_INLINE void add_later_lanes(Real (&lanes)[block]) {
  typedef Real Four __attribute__((vector_size(4 * sizeof(Real))));
  Four x[5];
  x[4] = Four{};
  std::memcpy(x, lanes, sizeof(lanes));
  for (int i = 0; i < 4; ++i) x[i] = x[i] + __builtin_shufflevector(x[i], x[i + 1], 1, 2, 3, 4);
  for (int i = 0; i < 4; ++i) x[i] = x[i] + __builtin_shufflevector(x[i], x[i + 1], 2, 3, 4, 5);
  for (int i = 0; i < 4; ++i) x[i] = x[i] + x[i + 1];
  for (int i = 0; i < 4; ++i) x[i] = x[i] + x[i < 2 ? i + 2 : 4];
  std::memcpy(lanes, x, sizeof(lanes));
}

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
    alignas(64) Real s[block];
    read(b, s);
    for (int l = 0; l < block; ++l) s[l] = b * block + l < count ? s[l] : Real(0.0);
    add_later_lanes(s);
    alignas(64) Real y[block];
    for (int l = 0; l < block; ++l) {
      const Real later = !Exclusive ? s[l] : l + 1 < block ? s[l + 1] : Real(0.0);
      y[l] = static_cast<Real>(carry.later_tiles + static_cast<double>(later + carry.this_tile));
    }
    write(b, y);
    carry.this_tile = s[0] + carry.this_tile;
  }
}

}  // namespace retrograd::math
