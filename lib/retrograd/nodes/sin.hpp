// Sine of an angle in radians.
#pragma once

#include <retrograd/math/functions.hpp>
#include <retrograd/nodes/node.hpp>

namespace retrograd {

struct Sin : Pointwise<1> {
  static constexpr const char* name = "sin";
  template <class T>
  RETROGRAD_INLINE T forward(T x) const {
    return math::sin(x);
  }
  template <class T>
  RETROGRAD_INLINE std::array<T, 1> adjoint(T gy, T, T x) const {
    return {gy * math::cos(x)};
  }
  static Check check() { return {.inputs = {{-10.0, 10.0}}}; }
};

inline Var sin(Var x) { return pointwise(Sin{}, x); }

}  // namespace retrograd
