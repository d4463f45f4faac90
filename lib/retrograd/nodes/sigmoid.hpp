// Logistic function, 1 / (1 + exp(-x)).
#pragma once

#include <retrograd/math/functions.hpp>
#include <retrograd/nodes/node.hpp>

namespace retrograd {

struct Sigmoid : Pointwise<1> {
  static constexpr const char* name = "sigmoid";
  static constexpr bool adjoint_reads_inputs = false;
  static constexpr bool adjoint_reads_output = true;
  template <class T>
  RETROGRAD_INLINE T forward(T x) const {
    return math::sigmoid(x);
  }
  template <class T>
  RETROGRAD_INLINE std::array<T, 1> adjoint(T gy, T y, T) const {
    return {gy * (y * (T(1) - y))};
  }
  static Check check() { return {.inputs = {anything}}; }
};

inline Var sigmoid(Var x) { return pointwise(Sigmoid{}, x); }

}  // namespace retrograd
