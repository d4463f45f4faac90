// The smaller of two values. A tie's derivative goes to the first.
#pragma once

#include <retrograd/nodes/node.hpp>

namespace retrograd {

struct Minimum : Pointwise<2> {
  static constexpr const char* name = "minimum";
  template <class T>
  RETROGRAD_INLINE T forward(T a, T b) const {
    return b < a ? b : a;
  }
  template <class T>
  RETROGRAD_INLINE std::array<T, 2> adjoint(T gy, T, T a, T b) const {
    return {b < a ? T(0) : gy, b < a ? gy : T(0)};
  }
  static Check check() { return {.inputs = {anything, anything}, .apart = 1e-3}; }
};

inline Var min(Var a, Var b) { return pointwise(Minimum{}, a, b); }

}  // namespace retrograd
