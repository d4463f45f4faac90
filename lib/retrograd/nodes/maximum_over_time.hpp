// The largest value over time. A tie's derivative goes to the first.
#pragma once

#include <retrograd/nodes/reduction.hpp>

namespace retrograd {

struct MaximumOverTime : Reduction {
  static constexpr const char* name = "maximum_over_time";
  static constexpr bool adjoint_reads_inputs = false;

  template <class T>
  RETROGRAD_INLINE void forward(const Tile<real_t<T>>& tile, ReductionRow<real_t<T>>& row) const {
    if (tile.start > 0 && row.value != row.value) return;  // the first NaN it is
    for (int i = 0; i < tile.count; ++i) {
      const double x = static_cast<double>(tile.x[0].sample(i));
      const bool is_first = tile.start + i == 0;
      if (is_first || x > row.value || x != x) {
        row.value = x;
        row.index = tile.start + i;
      }
      if (x != x) break;
    }
  }
  /// gx is gy at the largest sample and 0 elsewhere.
  template <class T>
  RETROGRAD_INLINE void adjoint(const Tile<real_t<T>>& tile, const ReductionRow<real_t<T>>& row) const {
    using Real = real_t<T>;
    const std::int64_t largest = row.index - tile.start;
    give<T>(tile.gx[0], tile, [&](int b, int l) RETROGRAD_INLINE_LAMBDA {
      return b * math::block + l == largest ? tile.gy.data[0] : Real(0.0);
    });
  }

  template <class T>
  static T trace(const T* x, std::int64_t count) {
    T largest = x[0];
    for (std::int64_t n = 1; n < count; ++n) largest = largest < x[n] ? x[n] : largest;
    return largest;
  }

  static Check check() { return {.inputs = {anything}, .apart = 1e-3}; }
};

inline Var maximum_over_time(Var x) { return reduction(MaximumOverTime{}, x); }

}  // namespace retrograd
