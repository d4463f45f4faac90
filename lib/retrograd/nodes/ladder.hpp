// The ladder: four filters of first order in a row, with a way back from the last to the first, as in Moog's synthesizers. 24 dB per octave.
//
//     y1 = G w + r s1,  y2 = G y1 + r s2,  y3 = G y2 + r s3,  y4 = G y3 + r s4,  s' = 2 y - s       G = g / (1 + g), r = 1 / (1 + g)
//     y = y4,   u = x - k y4,   g = tan(pi cutoff / sample rate)
//
// Linear: w = u, k = 3.96 resonance. Saturating: w = tanh(u), k = 4 resonance: at 1 it sounds by itself. The way back has no delay: y4 = G^4 w + S, where
// S comes from the states alone, so that u = (x - k S) / (1 + k G^4), or with a tanh the root of
//
//     u + a tanh(u) = x - k S,   a = k G^4
//
// Newton's steps towards it, from the larger of both lower bounds (x - k S) / (1 + a) and x - k S - a, go up and never beyond it: four in f32, six in
// double, whose residual is under 1e-12 for any input. Source: V. Zavalishin, "The art of VA filter design" (2018), chapter 5.
//
// The adjoint goes through the four stages from the last to the first, ai being that of yi: a4 = gy + 2 gs4, ai = 2 gsi + G a(i+1). Linear, what comes to
// u is divided by 1 + k G^4. Saturating, the implicit function theorem says how u moves, and no step of Newton's is gone back:
//
//     du = (d(x - k S) - tanh(u) da) / (1 + a (1 - tanh(u)^2))
//
// A resonance that is constant over time is held to [0, 1]; a signal beyond has the value of the nearest bound and no gradient.
#pragma once

#include <retrograd/nodes/filter_settings.hpp>
#include <retrograd/nodes/linear_recurrence.hpp>

namespace retrograd {

namespace ladder_detail {

/// Four stages: what they make of `in`, and the adjoints of that.
template <class T>
struct Stages {
  T g, r, gain;  // gain: G
  T y[4];
  RETROGRAD_INLINE explicit Stages(T of_cutoff)
      : g(of_cutoff), r(T(1.0) / (T(1.0) + of_cutoff)), gain(of_cutoff * r) {}
  RETROGRAD_INLINE T gain_of_all() const { return (gain * gain) * (gain * gain); }
  /// What y4 is without input.
  template <class States>
  RETROGRAD_INLINE T from_states(const States& s) const {
    return r * math::fma(math::fma(math::fma(s[0], gain, s[1]), gain, s[2]), gain, s[3]);
  }
  template <class States>
  RETROGRAD_INLINE void play(T in, const States& s) {
    y[0] = math::fma(gain, in, r * s[0]);
    y[1] = math::fma(gain, y[0], r * s[1]);
    y[2] = math::fma(gain, y[1], r * s[2]);
    y[3] = math::fma(gain, y[2], r * s[3]);
  }
  /// a[i] becomes the adjoint of yi; a[4] is what is added to that of y4. Returns that of `in`.
  template <class States>
  RETROGRAD_INLINE T rewind(const States& gs, T gy4, T (&a)[4]) const {
    a[3] = gs[3] + gs[3] + gy4;
    a[2] = math::fma(gain, a[3], gs[2] + gs[2]);
    a[1] = math::fma(gain, a[2], gs[1] + gs[1]);
    a[0] = math::fma(gain, a[1], gs[0] + gs[0]);
    return gain * a[0];
  }
  /// What G gains from the stages: y = s + G (in - s).
  template <class States>
  RETROGRAD_INLINE T gain_adjoint(T in, const States& s, const T (&a)[4]) const {
    return math::fma(in - s[0], a[0],
                     math::fma(y[0] - s[1], a[1], math::fma(y[1] - s[2], a[2], (y[2] - s[3]) * a[3])));
  }
};

/// Resonance to k, and dk/dresonance.
template <class T>
RETROGRAD_INLINE T held(T resonance) {
  return math::max(math::min(resonance, T(1.0)), T(0.0));
}
template <class T>
RETROGRAD_INLINE T slope_of_held(T resonance, T slope) {
  return math::select(held(resonance) == resonance, slope, T(0.0));
}

}  // namespace ladder_detail

struct LadderFilter : LinearRecurrence<LadderFilter, 4, 3> {
  static constexpr const char* name = "ladder";
  static constexpr InputDomain input_domains[] = {{2, "resonance", unit_interval}};
  static constexpr double highest_k = 3.96;

  template <class T>
  RETROGRAD_INLINE LinearStep<T, 4> step(T g, T resonance) const {
    const T r = T(1.0) / (T(1.0) + g), gain = g * r,
            k = T(real_t<T>(highest_k)) * ladder_detail::held(resonance);
    // Powers of G, and what the states, by r G^(4 - i), are worth in u.
    const T p[5] = {T(1.0), gain, gain * gain, gain * (gain * gain), (gain * gain) * (gain * gain)};
    const T d = T(1.0) / math::fma(k, p[4], T(1.0)), back = -(d * k * r);
    LinearStep<T, 4> step;
    linear::for_each<4>([&](std::size_t i) RETROGRAD_INLINE_LAMBDA {
      linear::for_each<4>([&](std::size_t j) RETROGRAD_INLINE_LAMBDA {
        // yi = G^i u + (sum of G^(i - j) r sj for j <= i)
        const T through_u = p[i + 1] * (back * p[3 - j]);
        T y = through_u;
        if (j < i) y = math::fma(r, p[i - j], through_u);
        if (j == i) y = through_u - gain;  // 2 y - s - s = 2 (y - s), and r - 1 is -G
        step.e[i][j] = y + y;
      });
      const T of_u = p[i + 1] * d;
      step.b[i] = of_u + of_u;
      step.c[i] = d * (r * p[3 - i]);
    });
    step.d = p[4] * d;
    return step;
  }
  template <class T>
  RETROGRAD_INLINE std::array<T, 3> step_adjoint(const std::array<T, 4>& gs, const std::array<T, 4>& s, T gy,
                                                 T x, T g, T resonance) const {
    const T k = T(real_t<T>(highest_k)) * ladder_detail::held(resonance);
    ladder_detail::Stages<T> stages(g);
    const T d = T(1.0) / math::fma(k, stages.gain_of_all(), T(1.0)), u = (x - k * stages.from_states(s)) * d;
    stages.play(u, s);
    T a[4];
    const T gu = stages.rewind(gs, gy, a) * d;
    stages.rewind(gs, math::fma(-k, gu, gy), a);
    return {gu, stages.gain_adjoint(u, s, a) * (stages.r * stages.r),
            ladder_detail::slope_of_held(resonance, -(gu * stages.y[3]) * T(real_t<T>(highest_k)))};
  }

  static Check check();
};

/// Sample by sample: what comes after a tanh is no map that could be composed.
struct SaturatingLadder : Causal<3> {
  static constexpr const char* name = "saturating_ladder";
  static constexpr InputDomain input_domains[] = {{2, "resonance", unit_interval}};
  static constexpr double highest_k = 4.0;

  template <class T>
  struct State {
    T s[4] = {};
  };

  template <class T>
  RETROGRAD_INLINE T forward(State<T>& s, T x, T g, T resonance) const {
    const T k = T(real_t<T>(highest_k)) * ladder_detail::held(resonance);
    ladder_detail::Stages<T> stages(g);
    const T u = root(x - k * stages.from_states(s.s), k * stages.gain_of_all());
    stages.play(math::tanh(u), s.s);
    for (int i = 0; i < 4; ++i) s.s[i] = linear::flushed(stages.y[i] + (stages.y[i] - s.s[i]));
    return stages.y[3];
  }
  template <class T>
  RETROGRAD_INLINE std::array<T, 3> adjoint(State<T>& gs, const State<T>& s, T gy, T x, T g,
                                            T resonance) const {
    const T k = T(real_t<T>(highest_k)) * ladder_detail::held(resonance);
    ladder_detail::Stages<T> stages(g);
    const T p = stages.gain, r = stages.r, p4 = stages.gain_of_all(), all = k * p4,
            from_states = stages.from_states(s.s);
    const T u = root(x - k * from_states, all), w = math::tanh(u), slope = T(1.0) - w * w;
    stages.play(w, s.s);
    T a[4];
    const T gw = stages.rewind(gs.s, gy, a);
    const T of_right = gw * slope / math::fma(all, slope, T(1.0));  // of x - k S
    const T of_all = -(w * of_right), of_s = -(k * of_right);
    // S = r (s1 G^3 + s2 G^2 + s3 G + s4), r = 1 - G
    const T inside = math::fma(math::fma(math::fma(s.s[0], p, s.s[1]), p, s.s[2]), p, s.s[3]);
    const T ds = math::fma(r, math::fma(math::fma(T(3.0) * s.s[0], p, T(2.0) * s.s[1]), p, s.s[2]), -inside);
    const T g_gain = stages.gain_adjoint(w, s.s, a) + of_s * ds + of_all * (T(4.0) * k * (p * (p * p)));
    const T gk = math::fma(-from_states, of_right, p4 * of_all);
    T of_state = of_s * r;  // times G^(4 - i)
    for (int i = 4; i-- > 0;) {
      gs.s[i] = math::fma(r, a[i], of_state) - gs.s[i];
      of_state = of_state * p;
    }
    return {of_right, g_gain * (r * r),
            ladder_detail::slope_of_held(resonance, gk * T(real_t<T>(highest_k)))};
  }

  /// The root u of u + a tanh(u) = right, for a of 0 and more.
  template <class T>
  RETROGRAD_INLINE static T root(T right, T a) {
    const T size = math::abs(right);
    T u = math::max(size / (T(1.0) + a), size - a);
    constexpr int steps = std::is_same_v<real_t<T>, float> ? 4 : 6;
    for (int i = 0; i < steps; ++i) {
      const T w = math::tanh(u);
      u = u - (math::fma(a, w, u) - size) / math::fma(a, T(1.0) - w * w, T(1.0));
    }
    return math::copysign(u, right);
  }

  static Check check();
};

/// The ladder of `x`: low-pass, `cutoff` in Hz (in radians per sample on a tape without a sample rate), `resonance` 0 to 1. Both may vary at audio
/// rate. Throws DomainError as filter_settings.hpp says, and for a resonance outside [0, 1].
Var ladder(Var x, Var cutoff, Var resonance);
/// The same with a tanh at its input, which bounds what resonance adds up; it is played sample by sample.
Var saturating_ladder(Var x, Var cutoff, Var resonance);

inline Check LadderFilter::check() { return {.inputs = {anything, {0.05, 2.0}, {0.05, 0.95}}}; }
inline Check SaturatingLadder::check() { return {.inputs = {anything, {0.05, 2.0}, {0.05, 0.95}}}; }

}  // namespace retrograd
