// A value repeated along the axes where it has one element, as every operator does by itself.
#pragma once

#include <retrograd/nodes/rearrange.hpp>

namespace retrograd {

struct BroadcastTo : Rearrange<BroadcastTo> {
  static constexpr const char* name = "broadcast_to";

  template <class Visit>
  void for_each_run(std::span<const TensorView> x, const Shape& y, const Visit& visit_run) const {
    const BroadcastIndex first_of(x[0].shape, y);
    const bool repeats = x[0].shape.length() == 1;
    for (std::int64_t row = 0; row < y.rows(); ++row)
      visit_run(Run{0, first_of(row * y.length()), repeats ? 0 : 1, row * y.length(), y.length()});
  }
  static Check check();
};

/// ShapeError where the shape of `x` does not broadcast to exactly `shape`.
Var broadcast_to(Var x, const Shape& shape);

inline Check BroadcastTo::check() {
  return {.inputs = {anything},
          .cases = {{{{2, 1, 5}},
                     [](std::span<const Var> x) {
                       return broadcast_to(x[0], {4, 2, 3, 5});
                     }},
                    {{{2, 1}},
                     [](std::span<const Var> x) {
                       return broadcast_to(x[0], {2, 130});
                     }},
                    {{{1, 3}}, [](std::span<const Var> x) {
                       return broadcast_to(x[0], {3, 3});
                     }}}};
}

}  // namespace retrograd
