// A part of a value along one axis.
#pragma once

#include <retrograd/nodes/rearrange.hpp>

namespace retrograd {

struct Slice : Rearrange<Slice> {
  static constexpr const char* name = "slice";
  int axis = 0;
  std::int64_t begin = 0;

  template <class Visit>
  void for_each_run(std::span<const TensorView> x, const Shape& y, const Visit& visit_run) const {
    const AroundAxis around(y, axis);
    const std::int64_t run = y[axis] * around.inner;
    for (std::int64_t o = 0; o < around.outer; ++o)
      visit_run(Run{0, (o * x[0].shape[axis] + begin) * around.inner, 1, o * run, run});
  }
  static Check check();
};

/// The elements `begin` to `end` - 1 along `axis` (negative: from the last). ShapeError where they are not
/// there or none.
Var slice(Var x, int axis, std::int64_t begin, std::int64_t end);

inline Check Slice::check() {
  return {.inputs = {anything},
          .cases = {{{{3, 4, 10}}, [](std::span<const Var> x) { return slice(x[0], 1, 1, 3); }},
                    {{{2, 200}}, [](std::span<const Var> x) { return slice(x[0], -1, 50, 190); }},
                    {{{2, 7}}, [](std::span<const Var> x) { return slice(x[0], 1, 6, 7); }}}};
}

}  // namespace retrograd
