// Quotient y of two values, its slopes 1/b and -y/b. At b = 0 they are infinite; where no adjoint comes in, none goes
// out, so that a select which takes another value there has finite gradients.
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
    const T g_at_zero = gy == T(0) ? gy : g, gb = -(g * y), gb_at_zero = gy == T(0) ? gy : gb;
    return {b == T(0) ? g_at_zero : g, b == T(0) ? gb_at_zero : gb};
  }
  static Check check() { return {.inputs = {anything, {0.5, 2.0}}}; }
};

inline Var operator/(Var a, Var b) { return pointwise(Divide{}, a, b); }

}  // namespace retrograd
