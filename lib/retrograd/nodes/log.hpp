// Natural logarithm, its slope 1/x. At 0 the slope is infinite; where no adjoint comes in, none goes out, so that a
// select which takes another value there has finite gradients.
#pragma once

#include <retrograd/math/functions.hpp>
#include <retrograd/nodes/node.hpp>

namespace retrograd {

struct Log : Pointwise<1> {
  static constexpr const char* name = "log";
  template <class T>
  RETROGRAD_INLINE T forward(T x) const {
    return math::log(x);
  }
  template <class T>
  RETROGRAD_INLINE std::array<T, 1> adjoint(T gy, T, T x) const {
    return {gy == T(0) ? gy : gy / x};
  }
  static Check check() { return {.inputs = {{0.2, 3.0}}}; }
};

inline Var log(Var x) { return pointwise(Log{}, x); }

}  // namespace retrograd
