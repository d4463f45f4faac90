// Cosine of an angle in radians, its slope -sin(x). Of a huge angle, from 2^20 on (f64: 2^40), both are 0, as those of
// sin.
#pragma once

#include <retrograd/math/functions.hpp>
#include <retrograd/nodes/node.hpp>

namespace retrograd {

struct Cos : Pointwise<1> {
  static constexpr const char* name = "cos";
  template <class T>
  RETROGRAD_INLINE T forward(T x) const {
    return math::cos(x);
  }
  template <class T>
  RETROGRAD_INLINE std::array<T, 1> adjoint(T gy, T, T x) const {
    return {-(gy * math::sin(x))};
  }
  static Check check() { return {.inputs = {{-10.0, 10.0}}}; }
};

inline Var cos(Var x) { return pointwise(Cos{}, x); }

}  // namespace retrograd
