// Square root, its slope 1/(2*y). At 0 the slope is infinite; where no adjoint comes in, none goes out, so that a
// select which takes another value at 0 has finite gradients.
#pragma once

#include <retrograd/math/functions.hpp>
#include <retrograd/nodes/node.hpp>

namespace retrograd {

struct Sqrt : Pointwise<1> {
  static constexpr const char* name = "sqrt";
  static constexpr bool adjoint_reads_inputs = false;
  static constexpr bool adjoint_reads_output = true;
  template <class T>
  RETROGRAD_INLINE T forward(T x) const {
    return math::sqrt(x);
  }
  template <class T>
  RETROGRAD_INLINE std::array<T, 1> adjoint(T gy, T y, T) const {
    return {gy == T(0) ? gy : gy / (y + y)};
  }
  static Check check() { return {.inputs = {{0.2, 3.0}}}; }
};

inline Var sqrt(Var x) { return pointwise(Sqrt{}, x); }

}  // namespace retrograd
