// Product of two values.
#pragma once

#include <retrograd/nodes/node.hpp>
#include <retrograd/nodes/product.hpp>

namespace retrograd {

struct Multiply : Pointwise<2> {
  static constexpr const char* name = "multiply";
  static constexpr bool has_loops_for_constants = true;
  static constexpr const NodeType* chain = &node_type<Product>;
  template <class T>
  RETROGRAD_INLINE T forward(T a, T b) const {
    return a * b;
  }
  template <class T>
  RETROGRAD_INLINE std::array<T, 2> adjoint(T gy, T, T a, T b) const {
    return {gy * b, gy * a};
  }
  static Check check() { return {.inputs = {anything, anything}}; }
};

inline Var operator*(Var a, Var b) { return pointwise(Multiply{}, a, b); }

}  // namespace retrograd
