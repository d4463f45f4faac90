// log(1 + exp(x)), a smooth maximum of x and 0.
#pragma once

#include <retrograd/math/functions.hpp>
#include <retrograd/nodes/node.hpp>

namespace retrograd {

struct Softplus : Pointwise<1> {
  static constexpr const char* name = "softplus";
  template <class T>
  RETROGRAD_INLINE T forward(T x) const {
    return math::softplus(x);
  }
  template <class T>
  RETROGRAD_INLINE std::array<T, 1> adjoint(T gy, T, T x) const {
    return {gy * math::sigmoid(x)};
  }
  static Check check() { return {.inputs = {anything}}; }
};

inline Var softplus(Var x) { return pointwise(Softplus{}, x); }

}  // namespace retrograd
