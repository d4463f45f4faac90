// Absolute value. Its slope at 0 is 0.
#pragma once

#include <retrograd/math/functions.hpp>
#include <retrograd/nodes/node.hpp>

namespace retrograd {

struct Abs : Pointwise<1> {
  static constexpr const char* name = "abs";
  template <class T>
  RETROGRAD_INLINE T forward(T x) const {
    return math::abs(x);
  }
  template <class T>
  RETROGRAD_INLINE std::array<T, 1> adjoint(T gy, T, T x) const {
    return {x > T(0) ? gy : x < T(0) ? -gy : T(0) * gy};
  }
  static Check check() { return {.inputs = {{-2.0, 2.0, {0.0}}}}; }
};

inline Var abs(Var x) { return pointwise(Abs{}, x); }

}  // namespace retrograd
