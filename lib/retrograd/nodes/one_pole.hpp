// A filter of first order: one integrator.
//
//     v = G (x - s),  low = v + s,  s' = low + v,  y = m0 x + m1 low      G = g / (1 + g), g = tan(pi cutoff / sample rate)
//
// Source: V. Zavalishin, "The art of VA filter design" (2018), chapter 3. The adjoint, with gs that of s':
//
//     gv = 2 gs + m1 gy,   gx = m0 gy + G gv,   gg = gv (x - s) / (1 + g)^2
#pragma once

#include <retrograd/nodes/filter_settings.hpp>
#include <retrograd/nodes/linear_recurrence.hpp>

namespace retrograd {

struct OnePoleFilter : LinearRecurrence<OnePoleFilter, 1, 2> {
  static constexpr const char* name = "one_pole";

  double m0 = 0.0, m1 = 1.0;  ///< of the input and of the low-pass

  template <class T>
  RETROGRAD_INLINE LinearStep<T, 1> step(T g) const {
    const T r = T(1.0) / (T(1.0) + g), gr = g * r, gr2 = gr + gr, of_low = T(real_t<T>(m1));
    return {.e = {{-gr2}}, .b = {gr2}, .c = {of_low * r}, .d = math::fma(of_low, gr, T(real_t<T>(m0)))};
  }
  template <class T>
  RETROGRAD_INLINE std::array<T, 2> step_adjoint(const std::array<T, 1>& gs, const std::array<T, 1>& s, T gy,
                                                 T x, T g) const {
    const T r = T(1.0) / (T(1.0) + g), gv = math::fma(T(real_t<T>(m1)), gy, gs[0] + gs[0]);
    return {math::fma(g * r, gv, T(real_t<T>(m0)) * gy), gv * (x - s[0]) * (r * r)};
  }

  static Check check();
};

/// Low-pass, 6 dB per octave, 3 dB down at `cutoff`: in Hz (in radians per sample on a tape without a sample rate), 0 to 0.49 of the sample
/// rate, and it may vary at audio rate. Throws DomainError as filter_settings.hpp says.
Var one_pole_low(Var x, Var cutoff);
/// High-pass: the input less its low-pass.
Var one_pole_high(Var x, Var cutoff);
/// 0 dB everywhere; the phase turns by a quarter of a turn at `cutoff`, by half a turn far above it.
Var one_pole_all_pass(Var x, Var cutoff);
/// Takes away what is constant: a high-pass at 5 Hz (on a tape without a sample rate at 0.0007 radians per sample).
Var dc_blocker(Var x);

inline Check OnePoleFilter::check() { return {.inputs = {anything, {0.05, 2.0}}}; }

}  // namespace retrograd
