// The share c of the way to its input that a smoother of first order goes with each sample, from its time constant:
//
//     c = 1 - e^(-1 / (time sample_rate))      dc/dtime = -(1 - c) / (time^2 sample_rate)
//
// After `time` what is left of a step is 1/e. A time of 0, and one of a signal below it, has c = 1: at once; the gradient there is 0.
#pragma once

#include <retrograd/math/functions.hpp>
#include <retrograd/nodes/node.hpp>

#include <limits>

namespace retrograd {

struct Smoothing : Pointwise<1> {
  static constexpr const char* name = "smoothing";
  static constexpr Domain seconds{0.0, std::numeric_limits<double>::infinity(), false};
  static constexpr InputDomain input_domains[] = {{0, "time", seconds}};
  static constexpr double least = 1e-3;  ///< of a sample: from there on down it is at once

  double samples_per_unit = 1.0;

  template <class T>
  RETROGRAD_INLINE T forward(T time) const {
    const T samples = time * math::constant<T>(samples_per_unit);
    const bool is_slow = samples > math::constant<T>(least);
    return math::select(is_slow, -math::expm1(T(-1.0) / math::select(is_slow, samples, T(1.0))), T(1.0));
  }
  template <class T>
  RETROGRAD_INLINE std::array<T, 1> adjoint(T gy, T, T time) const {
    const T samples = time * math::constant<T>(samples_per_unit);
    const bool is_slow = samples > math::constant<T>(least);
    const T per_sample = T(1.0) / math::select(is_slow, samples, T(1.0));
    const T slope = -(math::exp(-per_sample) * per_sample * per_sample * math::constant<T>(samples_per_unit));
    return {math::select(is_slow, gy * slope, T(0.0))};
  }
  static Check check() { return {.inputs = {{0.3, 30.0}}}; }
};

/// The share of the way for a time constant in seconds (in samples, on a tape without a sample rate), 0 or more. A constant
/// one that is negative or not finite is a DomainError.
inline Var smoothing(Var time) {
  Smoothing node;
  node.samples_per_unit = options_of(time.tape()).sample_rate.value_or(1.0);
  return pointwise(node, time);
}

}  // namespace retrograd
