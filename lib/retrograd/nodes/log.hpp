// Natural logarithm.
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
    return {gy / x};
  }
  static Check check() { return {.inputs = {{0.2, 3.0}}}; }
};

inline Var log(Var x) { return pointwise(Log{}, x); }

}  // namespace retrograd
