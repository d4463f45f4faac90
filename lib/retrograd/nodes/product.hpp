// Product of three values, (a*b)*c: what a chain of two products is merged into, so that "oscillator times
// envelope times gain" is one pass over the tile.
#pragma once

#include <retrograd/nodes/fusions.hpp>
#include <retrograd/nodes/node.hpp>

namespace retrograd {

struct Product : Pointwise<3> {
  static constexpr const char* name = "product";
  static constexpr bool has_loops_for_constants = true;
  static constexpr FusionPlace fusion_place = operator_product;
  template <class T>
  RETROGRAD_INLINE T forward(T a, T b, T c) const {
    return a * b * c;
  }
  template <class T>
  RETROGRAD_INLINE std::array<T, 3> adjoint(T gy, T, T a, T b, T c) const {
    const T gc = gy * c;
    return {gc * b, gc * a, gy * (a * b)};
  }
  static Check check() { return {.inputs = {anything, anything, anything}}; }
};

/// a*b*c as one node.
inline Var product(Var a, Var b, Var c) { return pointwise(Product{}, a, b, c); }

}  // namespace retrograd
