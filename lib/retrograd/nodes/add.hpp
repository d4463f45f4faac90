// Sum of two values.
#pragma once

#include <retrograd/nodes/node.hpp>

namespace retrograd {

struct Add : Pointwise<2> {
  static constexpr const char* name = "add";
  static constexpr bool adjoint_reads_inputs = false;
  static constexpr unsigned passes_through = 0b11;
  template <class T>
  RETROGRAD_INLINE T forward(T a, T b) const {
    return a + b;
  }
  template <class T>
  RETROGRAD_INLINE std::array<T, 2> adjoint(T gy, T, T, T) const {
    return {gy, gy};
  }
  static Check check() { return {.inputs = {anything, anything}}; }
};

inline Var operator+(Var a, Var b) { return pointwise(Add{}, a, b); }

}  // namespace retrograd
