// What a node sees that reads earlier samples of its first input (a delay):
//
//     struct Delay : Causal<2> {
//       Reach reach() const;           // sample n reads samples n - most to n - least
//
//       // tile.y from the earlier samples `x` and from tile.x[1] on
//       template <class T> void forward(const Tile<real_t<T>>& tile, const History<real_t<T>>& x) const;
//
//       // adds to `gx`, which reaches back as far, what each earlier sample's adjoint gains from the tile, sample by
//       // sample from the tile's last to its first; and gives tile.gx[1] on
//       template <class T> void adjoint(const Tile<real_t<T>>& tile, const History<real_t<T>>& x,
//                                       const History<real_t<T>>& gx) const;
//
// The engine keeps the samples: a ring of as many as are read, or the whole signal where the way back reads it again.
// It keeps a ring of adjoints too: tiles are visited from the last to the first, and what a tile adds to earlier ones
// waits there until its turn has come.
#pragma once

#include <retrograd/nodes/tile.hpp>

#include <algorithm>

namespace retrograd {

/// Zero where |x| lies below 2^-100: what goes round in a loop dies away before it is denormal.
template <class T>
RETROGRAD_INLINE T without_dust(T x) {
  return math::select(math::abs(x) < math::constant<T>(0x1p-100), T(0.0), x);
}

/// Sample n of a row is at data[n & mask]; those before `begin` are zeros.
template <class Real>
struct History {
  Real* data = nullptr;
  std::int64_t mask = -1;
  std::int64_t begin = 0;

  RETROGRAD_INLINE Real sample(std::int64_t n) const { return n < begin ? Real(0.0) : data[n & mask]; }

  /// Whether samples `first` to `last - 1` are all there, one after the other in memory.
  RETROGRAD_INLINE bool is_one_piece(std::int64_t first, std::int64_t last) const {
    return first >= begin && (mask == -1 || (first & mask) + (last - first) <= mask + 1);
  }

  /// Where samples `first` to `last - 1` are, one after the other: in place or copied to `room`. Those that are not
  /// there yet, from `end` on, are zeros.
  RETROGRAD_INLINE const Real* window(std::int64_t first, std::int64_t last, std::int64_t end,
                                      Real* room) const {
    if (last <= end && is_one_piece(first, last)) return data + (first & mask);
    std::fill_n(room, last - first, Real(0.0));
    for_each_piece(std::max(first, begin), std::min(last, end),
                   [&](std::int64_t n, const Real* piece, std::int64_t count)
                       RETROGRAD_INLINE_LAMBDA { std::copy_n(piece, count, room + (n - first)); });
    return room;
  }

  /// Calls visit(n, samples, count) for each piece of [first, last) that lies in one piece in memory, in order.
  template <class Visit>
  RETROGRAD_INLINE void for_each_piece(std::int64_t first, std::int64_t last, const Visit& visit) const {
    while (first < last) {
      const std::int64_t at = first & mask;
      const std::int64_t count = mask == -1 ? last - first : std::min(last - first, mask + 1 - at);
      visit(first, data + at, count);
      first += count;
    }
  }
};

}  // namespace retrograd
