// A value held between two bounds: min(max(x, low), high). On a bound the derivative goes to x.
#pragma once

#include <retrograd/nodes/node.hpp>

namespace retrograd {

struct Clamp : Pointwise<3> {
  static constexpr const char* name = "clamp";
  template <class T>
  RETROGRAD_INLINE T forward(T x, T low, T high) const {
    const T raised = x < low ? low : x;
    return high < raised ? high : raised;
  }
  template <class T>
  RETROGRAD_INLINE std::array<T, 3> adjoint(T gy, T, T x, T low, T high) const {
    const T raised = x < low ? low : x;
    const T zero = T(0);
    const T from_high = high < raised ? gy : zero, from_raised = high < raised ? zero : gy;
    return {x < low ? zero : from_raised, x < low ? from_raised : zero, from_high};
  }
  static Check check() { return {.inputs = {anything, {-1.5, -0.5}, {0.5, 1.5}}, .apart = 1e-3}; }
};

inline Var clamp(Var x, Var low, Var high) { return pointwise(Clamp{}, x, low, high); }

}  // namespace retrograd
