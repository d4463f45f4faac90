// The square of a value.
#pragma once

#include <retrograd/nodes/node.hpp>

namespace retrograd {

struct Square : Pointwise<1> {
  static constexpr const char* name = "square";
  template <class T>
  RETROGRAD_INLINE T forward(T x) const {
    return x * x;
  }
  template <class T>
  RETROGRAD_INLINE std::array<T, 1> adjoint(T gy, T, T x) const {
    return {gy * (x + x)};
  }
  static Check check() { return {.inputs = {anything}}; }
};

inline Var square(Var x) { return pointwise(Square{}, x); }

}  // namespace retrograd
