// Quotient of two values.
#pragma once

#include <retrograd/nodes/node.hpp>

namespace retrograd {

struct Divide : Pointwise<2> {
  static constexpr const char* name = "divide";
  static constexpr bool adjoint_reads_output = true;
  template <class T>
  RETROGRAD_INLINE T forward(T a, T b) const {
    return a / b;
  }
  template <class T>
  RETROGRAD_INLINE std::array<T, 2> adjoint(T gy, T y, T, T b) const {
    const T g = gy / b;
    return {g, -(g * y)};
  }
  static Check check() { return {.inputs = {anything, {0.5, 2.0}}}; }
};

inline Var operator/(Var a, Var b) { return pointwise(Divide{}, a, b); }

}  // namespace retrograd
