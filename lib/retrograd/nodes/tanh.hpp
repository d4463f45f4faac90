// Hyperbolic tangent.
#pragma once

#include <retrograd/math/functions.hpp>
#include <retrograd/nodes/node.hpp>

namespace retrograd {

struct Tanh : Pointwise<1> {
  static constexpr const char* name = "tanh";
  static constexpr bool adjoint_reads_inputs = false;
  static constexpr bool adjoint_reads_output = true;
  template <class T>
  RETROGRAD_INLINE T forward(T x) const {
    return math::tanh(x);
  }
  template <class T>
  RETROGRAD_INLINE std::array<T, 1> adjoint(T gy, T y, T) const {
    return {gy * math::fma(-y, y, T(1))};
  }
  static Check check() { return {.inputs = {anything}}; }
};

inline Var tanh(Var x) { return pointwise(Tanh{}, x); }

}  // namespace retrograd
