// The same value, through which no gradient flows.
#pragma once

#include <retrograd/nodes/node.hpp>

namespace retrograd {

struct StopGradient : Pointwise<1> {
  static constexpr const char* name = "stop_gradient";
  static constexpr unsigned differentiable = 0;
  static constexpr bool adjoint_reads_inputs = false;
  template <class T>
  RETROGRAD_INLINE T forward(T x) const {
    return x;
  }
  template <class T>
  RETROGRAD_INLINE std::array<T, 1> adjoint(T, T, T) const {
    return {T(0)};
  }
  static Check check() { return {.inputs = {{.low = -2.0, .high = 2.0, .is_stopped = true}}}; }
};

inline Var stop_gradient(Var x) { return pointwise(StopGradient{}, x); }

}  // namespace retrograd
