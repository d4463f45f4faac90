// Sine of an angle in radians, its slope cos(x). Of a huge angle, from 2^20 on (f64: 2^40), whose neighbours in the
// number format are a good part of a turn apart in f32, both are 0: an oscillator keeps its phase in turns instead.
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
