// Sum over time, in the order that math/ordered_sum.hpp defines.
#pragma once

#include <retrograd/nodes/reduction.hpp>

namespace retrograd {

struct SumOverTime : Reduction {
  static constexpr const char* name = "sum_over_time";
  static constexpr bool adjoint_reads_inputs = false;
  static constexpr unsigned passes_through = 0b1;  // every sample's adjoint is the sum's

  template <class T>
  RETROGRAD_INLINE void forward(const Tile<real_t<T>>& tile, ReductionRow<real_t<T>>& row) const {
    const auto x = tile.x[0];
    for (int first = 0; first < tile.count;) {
      const int offset = static_cast<int>((tile.start + first) % math::sum_tile);
      const int last = std::min(tile.count, first + math::sum_tile - offset);
      const bool completes = offset + last - first == math::sum_tile || (tile.is_last && last == tile.count);
      if (completes && offset == 0) {
        sum<T>(row, tile.start + first, first, last,
               [&](int b, int l) RETROGRAD_INLINE_LAMBDA { return x.block(b)[l]; });
      } else {
        for (int i = first; i < last; ++i) row.pending[offset + i - first] = x.sample(i);
        if (completes)
          sum<T>(row, tile.start + first - offset, 0, offset + last - first,
                 [&](int b, int l) RETROGRAD_INLINE_LAMBDA { return row.pending[b * math::block + l]; });
      }
      first = last;
    }
    if (tile.is_last)
      row.value =
          math::ordered_sum(row.tile_sums, (tile.start + tile.count + math::sum_tile - 1) / math::sum_tile);
  }

  template <class T>
  static T trace(const T* x, std::int64_t count) {
    T sum = T(0.0);
    for (std::int64_t n = 0; n < count; ++n) sum = sum + x[n];
    return sum;
  }

  static Check check() { return {.inputs = {anything}}; }

 private:
  template <class T, class Term>
  RETROGRAD_INLINE static void sum(ReductionRow<real_t<T>>& row, std::int64_t start, int first, int last,
                                   const Term& term) {
    using Real = real_t<T>;
    alignas(64) Real lanes[1][math::sum_lanes];
    for (int w = 0; w < math::sum_lanes; ++w) lanes[0][w] = Real(-0.0);
    math::add_to_lanes<T, 1>(lanes, first, last,
                             [&](int b, int l) RETROGRAD_INLINE_LAMBDA { return std::array{term(b, l)}; });
    row.tile_sums[start / math::sum_tile] = static_cast<double>(math::combine_lanes(lanes[0]));
  }
};

inline Var sum_over_time(Var x) { return reduction(SumOverTime{}, x); }

}  // namespace retrograd
