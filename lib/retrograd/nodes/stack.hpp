// Joins values of one shape along a new axis.
#pragma once

#include <retrograd/nodes/rearrange.hpp>

namespace retrograd {

struct Stack : Rearrange<Stack> {
  static constexpr const char* name = "stack";
  int axis = 0;

  template <class Visit>
  void for_each_run(std::span<const TensorView> x, const Shape& y, const Visit& visit_run) const {
    const AroundAxis around(y, axis);
    const auto parts = static_cast<std::int64_t>(x.size());
    for (std::int64_t i = 0; i < parts; ++i)
      for (std::int64_t o = 0; o < around.outer; ++o)
        visit_run(Run{static_cast<std::size_t>(i), o * around.inner, 1, (o * parts + i) * around.inner,
                      around.inner});
  }
  static Check check();
};

/// Joins `parts`, all of one shape (ShapeError), along a new axis that becomes `axis` of the result.
Var stack(std::span<const Var> parts, int axis);
/// The same for parts that are written out.
inline Var stack(std::initializer_list<Var> parts, int axis) {
  return stack(std::span(parts.begin(), parts.size()), axis);
}

inline Check Stack::check() {
  return {.inputs = {anything, anything, anything},
          .cases = {{{{2, 5}, {2, 5}, {2, 5}}, [](std::span<const Var> x) { return stack(x, 0); }},
                    {{{2, 5}, {2, 5}, {2, 5}},
                     [](std::span<const Var> x) {
                       return stack({x[0], x[1], x[0], x[2]}, 1);
                     }},
                    {{{2, 1}, {2, 1}, {2, 1}}, [](std::span<const Var> x) { return stack(x, -1); }}}};
}

}  // namespace retrograd
