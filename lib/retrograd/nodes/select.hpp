// x where the condition is 0.5 or above, else y. No derivative flows to the condition.
#pragma once

#include <retrograd/nodes/node.hpp>

namespace retrograd {

struct Select : Pointwise<3> {
  static constexpr const char* name = "select";
  static constexpr unsigned differentiable = 0b110;
  template <class T>
  RETROGRAD_INLINE T forward(T condition, T x, T y) const {
    return condition >= T(real_t<T>(0.5)) ? x : y;
  }
  template <class T>
  RETROGRAD_INLINE std::array<T, 3> adjoint(T gy, T, T condition, T, T) const {
    const bool first = condition >= T(real_t<T>(0.5));
    return {T(0), first ? gy : T(0), first ? T(0) : gy};
  }
  static Check check() { return {.inputs = {{-2.0, 2.0, {0.5}}, anything, anything}}; }
};

inline Var select(Var condition, Var x, Var y) { return pointwise(Select{}, condition, x, y); }

}  // namespace retrograd
