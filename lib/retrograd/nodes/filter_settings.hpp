// What filters compute from a cutoff and a Q, a pointwise node each:
//
//     prewarp   g = tan(pi cutoff / period)    dg/dcutoff = (1 + g^2) pi / period
//     damping   k = 1 / q                      dk/dq = -k^2
//
// g is what a filter of integrators has for its cutoff where the trapezoidal rule integrates (the bilinear transform), so that the
// cutoff is exact. `period` is the sample rate where there is one (cutoff in Hz), else 2*pi (cutoff in radians per sample).
//
// A cutoff or Q that is constant over time is held to its domain: a negative or non-finite one is a DomainError. Beyond
// 0.49 of the period a cutoff is 0.49 of it, a Q lies between 0.01 and 1e4: there, and where a signal leaves its domain, the value is
// that of the nearest bound and the gradient 0.
#pragma once

#include <retrograd/math/functions.hpp>
#include <retrograd/nodes/node.hpp>

#include <limits>

namespace retrograd {

struct Prewarp : Pointwise<1> {
  static constexpr const char* name = "prewarp";
  static constexpr bool adjoint_reads_output = true;
  static constexpr Domain hertz{0.0, std::numeric_limits<double>::infinity(), false};
  static constexpr InputDomain input_domains[] = {{0, "cutoff", hertz}};
  static constexpr double pi = 3.141592653589793, highest = 0.49;  // of the period

  double period = 1.0;

  template <class T>
  RETROGRAD_INLINE T forward(T cutoff) const {
    return math::tan_half_turns(held(cutoff * constant<T>(1.0 / period)));
  }
  template <class T>
  RETROGRAD_INLINE std::array<T, 1> adjoint(T gy, T g, T cutoff) const {
    const T turns = cutoff * constant<T>(1.0 / period);
    return {math::select(held(turns) == turns, gy * (math::fma(g, g, T(1.0)) * constant<T>(pi / period)),
                         T(0.0))};
  }
  static Check check() { return {.inputs = {{0.02, 0.4}}}; }

 private:
  template <class T>
  RETROGRAD_INLINE static T held(T turns) {
    return math::max(math::min(turns, constant<T>(highest)), T(0.0));
  }
  template <class T>
  RETROGRAD_INLINE static T constant(double value) {
    return T(static_cast<real_t<T>>(value));
  }
};

struct Damping : Pointwise<1> {
  static constexpr const char* name = "damping";
  static constexpr bool adjoint_reads_output = true;
  static constexpr InputDomain input_domains[] = {{0, "q", positive}};
  static constexpr double lowest = 0.01, highest = 1e4;
  template <class T>
  RETROGRAD_INLINE T forward(T q) const {
    return T(1.0) / held(q);
  }
  template <class T>
  RETROGRAD_INLINE std::array<T, 1> adjoint(T gy, T k, T q) const {
    return {math::select(held(q) == q, -(gy * (k * k)), T(0.0))};
  }
  static Check check() { return {.inputs = {{0.2, 3.0}}}; }

 private:
  template <class T>
  RETROGRAD_INLINE static T held(T q) {
    return math::max(math::min(q, T(real_t<T>(highest))), T(real_t<T>(lowest)));
  }
};

/// tan(pi cutoff / sample rate): see above. `cutoff` in Hz, in radians per sample on a tape without a sample rate.
inline Var prewarp(Var cutoff) {
  Prewarp node;
  node.period = options_of(cutoff.tape()).sample_rate.value_or(2.0 * Prewarp::pi);
  return pointwise(node, cutoff);
}

/// 1 / q, for q above 0.
inline Var damping(Var q) { return pointwise(Damping{}, q); }

}  // namespace retrograd
