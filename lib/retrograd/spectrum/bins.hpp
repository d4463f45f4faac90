// What is done with one bin of a spectrum: its magnitude, its distance to a target's, and their adjoints. One
// source for every backend.
#pragma once

#include <retrograd/math/functions.hpp>

namespace retrograd::spectrum {

using math::real_t;

/// A complex number as a direction and a size. The parts are scaled by a power of two that brings the larger
/// one into [2, 4), so that their squares neither overflow nor underflow; below 2^-100 the scale stays what it
/// is there, and `divisor`, elsewhere the length of the scaled parts, stays 2. So real / divisor is the
/// gradient of the size, real / max(size, 2^-100). No branch: compilers duplicate the paths of one and then
/// find no SIMD code.
template <class T>
struct Polar {
  T real, imaginary, divisor, size;
};

template <class T>
RETROGRAD_INLINE Polar<T> polar(T real, T imaginary) {
  using Bits = math::bits_t<T>;
  constexpr Bits exponent_unit = Bits(1) << math::Format<real_t<T>>::fraction_bits;
  constexpr Bits exponent_mask =
      ~(math::Format<real_t<T>>::sign_bit | math::Format<real_t<T>>::fraction_mask);
  const T larger = math::max(math::max(math::abs(real), math::abs(imaginary)), math::constant<T>(0x1p-100));
  const Bits exponent = math::to_bits(larger) & exponent_mask;
  const T scale = math::from_bits<T>(exponent_mask - exponent);
  const T unscale = math::from_bits<T>(exponent - exponent_unit);
  const T x = real * scale, y = imaginary * scale;
  const T length = math::sqrt(math::fma(x, x, y * y));
  return {x, y, math::max(length, T(2)), length * unscale};
}

enum class Visit { magnitude, magnitude_adjoint, distance, distance_adjoint };

/// What belongs to a bin: the magnitude to write, the magnitude's adjoint, or the target's magnitude.
template <Visit visit, class T>
using Value = std::conditional_t<visit == Visit::magnitude, real_t<T>, const real_t<T>>;

template <class T>
struct Weights {
  T epsilon, linear_seed, logarithm_seed;
};

/// One bin. It becomes its own adjoint where the visit has one. A distance is added to `linear` and `logarithm`.
template <Visit visit, class T>
RETROGRAD_INLINE void visit_bin(T& real, T& imaginary, Value<visit, T>& value, real_t<T>& linear,
                                real_t<T>& logarithm, const Weights<T>& weights) {
  using Real = real_t<T>;
  const Polar<T> x = polar(real, imaginary);
  if constexpr (visit == Visit::magnitude) {
    value = Real(x.size);
  } else if constexpr (visit == Visit::magnitude_adjoint) {
    const T slope = T(value) / x.divisor;
    real = slope * x.real;
    imaginary = slope * x.imaginary;
  } else {
    const T difference = x.size - T(value);
    const T shifted = x.size + weights.epsilon;
    linear = Real(T(linear) + math::abs(difference));
    logarithm = Real(T(logarithm) + math::abs(math::log(shifted / (T(value) + weights.epsilon))));
    if constexpr (visit == Visit::distance_adjoint) {
      const T slope = math::fma(weights.linear_seed, shifted, weights.logarithm_seed) / (shifted * x.divisor);
      const T sign = math::copysign(math::select(difference == T(0), T(0), T(1)), difference);
      const T signed_slope = sign * slope;
      real = signed_slope * x.real;
      imaginary = signed_slope * x.imaginary;
    }
  }
}

}  // namespace retrograd::spectrum
