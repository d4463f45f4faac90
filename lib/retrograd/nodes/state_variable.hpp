// The state-variable filter: low-, band- and high-pass of second order at once, from two integrators, and every mix of them. It is stable
// for any cutoff and Q, however fast they move.
//
//     v3 = x - s2,  v1 = (s1 + g v3) / D,  v2 = s2 + g v1,  D = 1 + g (g + k)      g = tan(pi cutoff / sample rate), k = 1 / Q
//     s1' = 2 v1 - s1,  s2' = 2 v2 - s2
//     y = m0 x + m1 v1 + m2 v2
//
// v1 is the band-pass and v2 the low-pass. Sources: A. Simper, "Solving the continuous SVF equations using trapezoidal integration" (2013); V. Zavalishin,
// "The art of VA filter design" (2018). With gs1, gs2 the adjoints of s1', s2', the adjoint is
//
//     g1 = m1 gy + 2 gs1,  g2 = m2 gy + 2 gs2,  h = (g1 + g g2) / D
//     gx = m0 gy + g h,   gg = g2 v1 + h (v3 - (2 g + k) v1),   gk = -h g v1,   gm = (gy x, gy v1, gy v2)
#pragma once

#include <retrograd/nodes/filter_settings.hpp>
#include <retrograd/nodes/linear_recurrence.hpp>

#include <optional>

namespace retrograd {

struct StateVariableFilter : LinearRecurrence<StateVariableFilter, 2, 6> {
  static constexpr const char* name = "state_variable";

  template <class T>
  RETROGRAD_INLINE LinearStep<T, 2> step(T g, T k, T m0, T m1, T m2) const {
    const T gk = g * (g + k), r = T(1.0) / (T(1.0) + gk), gr = g * r, ggr = g * gr;
    const T gr2 = gr + gr, ggr2 = ggr + ggr, gkr = gk * r;
    // v1 = r s1 - gr s2 + gr x,  v2 = gr s1 + (1 + g k) r s2 + ggr x
    return {.e = {{-(gkr + gkr), -gr2}, {gr2, -ggr2}},
            .b = {gr2, ggr2},
            .c = {math::fma(m1, r, m2 * gr), math::fma(m2, math::fma(g, k, T(1.0)) * r, -(m1 * gr))},
            .d = math::fma(m1, gr, math::fma(m2, ggr, m0))};
  }
  template <class T>
  RETROGRAD_INLINE std::array<T, 6> step_adjoint(const std::array<T, 2>& gs, const std::array<T, 2>& s, T gy,
                                                 T x, T g, T k, T m0, T m1, T m2) const {
    const T r = T(1.0) / (T(1.0) + g * (g + k));
    const T v3 = x - s[1], v1 = math::fma(g, v3, s[0]) * r, v2 = math::fma(g, v1, s[1]);
    const T g1 = math::fma(m1, gy, gs[0] + gs[0]), g2 = math::fma(m2, gy, gs[1] + gs[1]),
            h = math::fma(g, g2, g1) * r;
    return {math::fma(g, h, m0 * gy),
            math::fma(g2, v1, h * math::fma(-(g + (g + k)), v1, v3)),
            -(h * g * v1),
            gy * x,
            gy * v1,
            gy * v2};
  }

  static Check check();
};

/// What a state-variable filter lets through.
enum class FilterKind {
  low,         ///< 12 dB per octave above the cutoff; at the cutoff the level is Q
  band,        ///< 6 dB per octave on both sides; 0 dB at the cutoff
  high,        ///< 12 dB per octave below the cutoff
  notch,       ///< nothing at the cutoff
  peak,        ///< high less low: what a notch adds up, with a peak between
  all_pass,    ///< 0 dB everywhere; the phase turns by half a turn at the cutoff
  bell,        ///< `gain` at the cutoff, 0 dB far from it
  low_shelf,   ///< `gain` below the cutoff
  high_shelf,  ///< `gain` above the cutoff
};

/// A filter of second order. `cutoff` is in Hz (in radians per sample on a tape without a sample rate), 0 to 0.49 of the sample rate;
/// `q` above 0: 0.7071 is the flattest low-pass; `gain` in dB, for bell and shelves (0 dB without it). All broadcast and may vary at
/// audio rate. Throws DomainError as filter_settings.hpp says.
Var state_variable(Var x, Var cutoff, Var q, FilterKind kind = FilterKind::low,
                   std::optional<Var> gain = std::nullopt);

/// The same filter by its damping k = 1 / Q, above 0, which is not looked at.
Var state_variable_damped(Var x, Var cutoff, Var k, FilterKind kind = FilterKind::low,
                          std::optional<Var> gain = std::nullopt);

/// Whether a filter of this kind has a gain: bell and shelves.
constexpr bool has_gain(FilterKind kind) {
  return kind == FilterKind::bell || kind == FilterKind::low_shelf || kind == FilterKind::high_shelf;
}

/// A low- or high-pass of `order` 1 to 16 without ripple (Butterworth): a cascade of filters whose Q follow from the poles. Of another
/// kind than low and high, or of another order, a DomainError.
Var butterworth(Var x, Var cutoff, int order, FilterKind kind = FilterKind::low);

inline Check StateVariableFilter::check() {
  return {.inputs = {anything, {0.05, 2.0}, {0.1, 2.0}, anything, anything, anything}};
}

}  // namespace retrograd
