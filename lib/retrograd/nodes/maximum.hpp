// The larger of two values. A tie's derivative goes to the first.
#pragma once

#include <retrograd/nodes/node.hpp>

namespace retrograd {

struct Maximum : Pointwise<2> {
  static constexpr const char* name = "maximum";
  template <class T>
  RETROGRAD_INLINE T forward(T a, T b) const {
    return a < b ? b : a;
  }
  template <class T>
  RETROGRAD_INLINE std::array<T, 2> adjoint(T gy, T, T a, T b) const {
    return {a < b ? T(0) : gy, a < b ? gy : T(0)};
  }
  static Check check() { return {.inputs = {anything, anything}, .apart = 1e-3}; }
};

inline Var max(Var a, Var b) { return pointwise(Maximum{}, a, b); }

}  // namespace retrograd
