// A filter of second order from its coefficients, in transposed direct form II:
//
//     y = b0 x + s1,   s1' = b1 x - a1 y + s2,   s2' = b2 x - a2 y
//
// that is H(z) = (b0 + b1 / z + b2 / z^2) / (1 + a1 / z + a2 / z^2). The adjoint, with gs1, gs2 those of s1', s2':
//
//     h = gy - a1 gs1 - a2 gs2,   gx = b0 h + b1 gs1 + b2 gs2,   gb = (h x, gs1 x, gs2 x),   ga = (-gs1 y, -gs2 y)
#pragma once

#include <retrograd/nodes/linear_recurrence.hpp>
#include <retrograd/nodes/state_variable.hpp>

#include <optional>

namespace retrograd {

struct BiquadFilter : LinearRecurrence<BiquadFilter, 2, 6> {
  static constexpr const char* name = "biquad";

  template <class T>
  RETROGRAD_INLINE LinearStep<T, 2> step(T b0, T b1, T b2, T a1, T a2) const {
    return {.e = {{-a1 - T(1.0), T(1.0)}, {-a2, T(-1.0)}},
            .b = {math::fma(-a1, b0, b1), math::fma(-a2, b0, b2)},
            .c = {T(1.0), T(0.0)},
            .d = b0};
  }
  template <class T>
  RETROGRAD_INLINE std::array<T, 6> step_adjoint(const std::array<T, 2>& gs, const std::array<T, 2>& s, T gy,
                                                 T x, T b0, T b1, T b2, T a1, T a2) const {
    const T y = math::fma(b0, x, s[0]), h = math::fma(-a1, gs[0], math::fma(-a2, gs[1], gy));
    return {math::fma(b0, h, math::fma(b1, gs[0], b2 * gs[1])),
            h * x,
            gs[0] * x,
            gs[1] * x,
            -(gs[0] * y),
            -(gs[1] * y)};
  }

  static Check check();
};

/// The coefficients of a biquad, a0 being 1. All broadcast and may vary at audio rate.
struct BiquadCoefficients {
  Var b0;  ///< of x[n]
  Var b1;  ///< of x[n-1]
  Var b2;  ///< of x[n-2]
  Var a1;  ///< of y[n-1], taken away
  Var a2;  ///< of y[n-2], taken away
};

/// The filter of these coefficients. It is stable where |a2| < 1 and |a1| < 1 + a2 (with coefficients that vary, where they do so slowly):
/// that is the caller's to see to; state_variable() is stable for any cutoff and Q.
Var biquad(Var x, const BiquadCoefficients& coefficients);

/// Coefficients from a cutoff in Hz (in radians per sample on a tape without a sample rate), a Q and, for bell and shelves, a gain in
/// dB. The band-pass has 0 dB at the cutoff. Source: R. Bristow-Johnson, "Cookbook formulae for audio equalizer biquad filter coefficients".
/// Throws DomainError as filter_settings.hpp says, and for FilterKind::peak, which is not in that collection.
BiquadCoefficients biquad_coefficients(FilterKind kind, Var cutoff, Var q,
                                       std::optional<Var> gain = std::nullopt);

inline Check BiquadFilter::check() {
  return {.inputs = {anything, anything, anything, anything, {-0.9, 0.9}, {-0.05, 0.6}}};
}

}  // namespace retrograd
