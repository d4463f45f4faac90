// x where the condition is 0.5 or above, else y. No derivative flows to the condition.
//
// Both are computed. What is not taken changes no value, whatever it is, and an adjoint of 0 goes there: divide, exp,
// log, pow and sqrt pass it on as 0 even where their slope is infinite or no number, as that of sqrt(x) at 0 is. Other
// nodes multiply it by what they read, so that a *factor* that is NaN or infinite where it is not taken makes a NaN of
// the other factor's gradient: 0 * NaN. In
//
//     select(x > 0.0, gain * log(x), 0.0)
//
// the gain's gradient is NaN where some x is below 0. Choose the argument, then the value:
//
//     select(x > 0.0, gain * log(select(x > 0.0, x, 1.0)), 0.0)
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
