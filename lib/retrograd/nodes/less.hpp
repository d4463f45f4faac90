// 1 where a < b, else 0: a condition for select. No derivative flows through it.
#pragma once

#include <retrograd/nodes/node.hpp>

namespace retrograd {

struct Less : Pointwise<2> {
  static constexpr const char* name = "less";
  static constexpr unsigned differentiable = 0;
  static constexpr bool adjoint_reads_inputs = false;
  template <class T>
  RETROGRAD_INLINE T forward(T a, T b) const {
    return a < b ? T(1) : T(0);
  }
  template <class T>
  RETROGRAD_INLINE std::array<T, 2> adjoint(T, T, T, T) const {
    return {T(0), T(0)};
  }
  static Check check() { return {.inputs = {anything, anything}, .apart = 1e-3}; }
};

inline Var operator<(Var a, Var b) { return pointwise(Less{}, a, b); }
inline Var operator>(Var a, Var b) { return pointwise(Less{}, b, a); }

}  // namespace retrograd
