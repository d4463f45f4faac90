// e to the power x, which is its slope too. Where it overflows and no adjoint comes in, none goes out.
#pragma once

#include <retrograd/math/functions.hpp>
#include <retrograd/nodes/node.hpp>

namespace retrograd {

struct Exp : Pointwise<1> {
  static constexpr const char* name = "exp";
  static constexpr bool adjoint_reads_inputs = false;
  static constexpr bool adjoint_reads_output = true;
  template <class T>
  RETROGRAD_INLINE T forward(T x) const {
    return math::exp(x);
  }
  template <class T>
  RETROGRAD_INLINE std::array<T, 1> adjoint(T gy, T y, T) const {
    return {gy == T(0) ? gy : gy * y};
  }
  static Check check() { return {.inputs = {anything}}; }
};

inline Var exp(Var x) { return pointwise(Exp{}, x); }

}  // namespace retrograd
