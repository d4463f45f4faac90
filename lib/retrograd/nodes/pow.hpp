// a to the power b, and its slopes b*a^(b-1) and a^b*ln(a).
//
// At the corners: a^0 is 1 for every a, so that its slope to a is 0, at a = 0 too. The slope to b is 0 for a <= 0. At
// a = 0 the slope to a is infinite for b below 1; where no adjoint comes in, none goes out.
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
    const T g = gy * b, power = math::pow(a, b - T(1));
    const T slope = g * power;
    const T at_corner = g == T(0) ? T(0) : slope;
    return {math::abs(power) < T(math::infinity<T>) ? slope : at_corner,
            a >= T(math::smallest_normal<T>) ? gy * y * math::log(a) : T(0)};
  }
  static Check check() { return {.inputs = {{0.2, 3.0}, anything}}; }
};

inline Var pow(Var a, Var b) { return pointwise(Pow{}, a, b); }

}  // namespace retrograd
