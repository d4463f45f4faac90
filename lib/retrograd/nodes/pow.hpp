// a to the power b. For a <= 0 no derivative flows to b.
#pragma once

#include <retrograd/math/functions.hpp>
#include <retrograd/nodes/node.hpp>

namespace retrograd {

struct Pow : Pointwise<2> {
  static constexpr const char* name = "pow";
  static constexpr bool adjoint_reads_output = true;
  template <class T>
  RETROGRAD_INLINE T forward(T a, T b) const {
    return math::pow(a, b);
  }
  template <class T>
  RETROGRAD_INLINE std::array<T, 2> adjoint(T gy, T y, T a, T b) const {
    return {gy * b * math::pow(a, b - T(1)), a > T(0) ? gy * y * math::log(a) : T(0)};
  }
  static Check check() { return {.inputs = {{0.2, 3.0}, anything}}; }
};

inline Var pow(Var a, Var b) { return pointwise(Pow{}, a, b); }

}  // namespace retrograd
