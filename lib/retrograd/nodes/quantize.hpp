// The nearest of a number of levels, 2^(bits - 1) of them for each unit:
//
//     y = round(x steps) / steps,   steps = 2^(bits - 1)
//
// No derivative flows through it; a sound that shall be fitted goes through crushed() in nodes/hold.hpp, whose gradient is that of the
// sound itself.
#pragma once

#include <retrograd/math/functions.hpp>
#include <retrograd/nodes/node.hpp>

#include <limits>

namespace retrograd {

struct Quantize : Pointwise<2> {
  static constexpr const char* name = "quantize";
  static constexpr unsigned differentiable = 0;
  static constexpr bool adjoint_reads_inputs = false;
  static constexpr Domain one_and_more{1.0, std::numeric_limits<double>::infinity(), false};
  static constexpr InputDomain input_domains[] = {{1, "bits", one_and_more}};
  template <class T>
  RETROGRAD_INLINE T forward(T x, T bits) const {
    const T steps = math::exp2(bits - T(1.0)), at = x * steps;
    // What is larger is whole already.
    const bool is_whole = !(math::abs(at) < T(math::Format<real_t<T>>::round_limit));
    return math::select(is_whole, x, math::round_to_nearest(at) / steps);
  }
  template <class T>
  RETROGRAD_INLINE std::array<T, 2> adjoint(T, T, T, T) const {
    return {T(0.0), T(0.0)};
  }
  static Check check() {
    return {.inputs = {{.low = -2.0, .high = 2.0, .is_stopped = true},
                       {.low = 1.0, .high = 4.0, .is_stopped = true}}};
  }
};

/// `x` rounded to so many bits of a sound between -1 and 1, which need not be whole; of a constant number of bits below 1 a DomainError.
inline Var quantize(Var x, Var bits) { return pointwise(Quantize{}, x, bits); }

}  // namespace retrograd
