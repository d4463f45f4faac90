// The same elements in another shape.
#pragma once

#include <retrograd/nodes/rearrange.hpp>

namespace retrograd {

struct Reshape : Rearrange<Reshape> {
  static constexpr const char* name = "reshape";

  template <class Visit>
  void for_each_run(std::span<const TensorView>, const Shape& y, const Visit& visit_run) const {
    visit_run(Run{0, 0, 1, 0, y.elements()});
  }
  static Check check();
};

/// The elements of `x` in the order they lie, as another shape with as many (ShapeError).
Var reshape(Var x, const Shape& shape);

inline Check Reshape::check() {
  return {.inputs = {anything},
          .cases = {{{{4, 6}},
                     [](std::span<const Var> x) {
                       return reshape(x[0], {2, 12});
                     }},
                    {{{6}},
                     [](std::span<const Var> x) {
                       return reshape(x[0], {6, 1});
                     }},
                    {{{6, 1}}, [](std::span<const Var> x) { return reshape(x[0], {6}); }}}};
}

}  // namespace retrograd
