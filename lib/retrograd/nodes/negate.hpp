// The negative of a value.
#pragma once

#include <retrograd/nodes/node.hpp>

namespace retrograd {

struct Negate : Pointwise<1> {
  static constexpr const char* name = "negate";
  static constexpr bool adjoint_reads_inputs = false;
  template <class T>
  RETROGRAD_INLINE T forward(T x) const {
    return -x;
  }
  template <class T>
  RETROGRAD_INLINE std::array<T, 1> adjoint(T gy, T, T) const {
    return {-gy};
  }
  static Check check() { return {.inputs = {anything}}; }
};

inline Var operator-(Var x) { return pointwise(Negate{}, x); }

}  // namespace retrograd
