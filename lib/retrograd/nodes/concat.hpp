// Joins values along an axis they have.
#pragma once

#include <retrograd/nodes/rearrange.hpp>

namespace retrograd {

struct Concat : Rearrange<Concat> {
  static constexpr const char* name = "concat";
  int axis = 0;

  template <class Visit>
  void for_each_run(std::span<const TensorView> x, const Shape& y, const Visit& visit_run) const {
    const AroundAxis around(y, axis);
    std::int64_t begin = 0;
    for (std::size_t i = 0; i < x.size(); ++i) {
      const std::int64_t run = x[i].shape[axis] * around.inner;
      for (std::int64_t o = 0; o < around.outer; ++o)
        visit_run(Run{i, o * run, 1, (o * y[axis] + begin) * around.inner, run});
      begin += x[i].shape[axis];
    }
  }
  static Check check();
};

/// Joins `parts` along `axis` (negative: from the last; -1 is time). The other axes must be equal
/// (ShapeError).
Var concat(std::span<const Var> parts, int axis);
/// The same for parts that are written out.
inline Var concat(std::initializer_list<Var> parts, int axis) {
  return concat(std::span(parts.begin(), parts.size()), axis);
}

inline Check Concat::check() {
  return {.inputs = {anything, anything, anything},
          .cases = {{{{2, 3, 5}, {2, 1, 5}, {2, 4, 5}}, [](std::span<const Var> x) { return concat(x, 1); }},
                    {{{3, 2}, {3, 1}, {3, 130}}, [](std::span<const Var> x) { return concat(x, -1); }},
                    {{{1, 1}, {2, 1}, {3, 1}}, [](std::span<const Var> x) {
                       return concat({x[0], x[1], x[0], x[2]}, 0);
                     }}}};
}

}  // namespace retrograd
