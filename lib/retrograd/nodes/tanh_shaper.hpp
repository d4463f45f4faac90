// Hyperbolic tangent, antialiased (nodes/antialiased.hpp): F = ln cosh. In m and h
//
//     y = atanh(tanh m tanh h) / h
//
// and far from each other, where that would be the arctanh of nearly 1, with p the larger and q the smaller of |a| and |b|, d = p - q:
//
//     |F(a) - F(b)| = d + ln(1 + (e^(-2 d) - 1) / (1 + e^(2 q)))
#pragma once

#include <retrograd/nodes/antialiased.hpp>

namespace retrograd {

struct TanhShaper : Antialiased<TanhShaper> {
  static constexpr const char* name = "tanh_shaper";

  template <class T>
  RETROGRAD_INLINE T mean(T a, T b) const {
    using math::constant;
    const T half = constant<T>(0.5), one = constant<T>(1.0), two = constant<T>(2.0);
    const T m = half * (a + b), h = half * (a - b);
    const T tm = math::tanh(m), z = tm * math::tanh(h);
    const T size_a = math::abs(a), size_b = math::abs(b), q = math::min(size_a, size_b);
    const T way = math::max(size_a, size_b) - q;
    const bool is_near = math::abs(h) < one;
    const T argument =
        math::select(is_near, two * z / (one - z), math::sigmoid(-two * q) * math::expm1(-two * way));
    const T logarithm = math::log1p(argument), far = way + logarithm;
    const T rise = math::select(is_near, half * logarithm, half * math::select(size_a < size_b, -far, far));
    return math::select(h == T(0.0), tm, rise / h);
  }
  template <class T>
  RETROGRAD_INLINE std::array<T, 2> slopes(T a, T b) const {
    using math::constant;
    const T half = constant<T>(0.5), one = constant<T>(1.0);
    const T m = half * (a + b), h = half * (a - b), ta = math::tanh(a), tb = math::tanh(b);
    const T tm = math::tanh(m), th = math::tanh(h), s = math::fma(-tm, tm, one), z = tm * th;
    const bool is_still = h == T(0.0);
    const T near = math::select(is_still, s, th / h * s / math::fma(-z, z, one));
    const T in_m = math::select(math::abs(h) < one, near, half * (ta - tb) / h);
    const T ts = tm * s;
    const T small = slope_of_mean(
        h, constant<T>(-2.0) * ts, ts * math::fma(constant<T>(24.0), s, constant<T>(-8.0)),
        constant<T>(-2.0) * ts *
            math::fma(s, math::fma(s, constant<T>(360.0), constant<T>(-240.0)), constant<T>(16.0)));
    const T in_h =
        math::select(math::abs(h) < constant<T>(series_below<T>), small, (half * (ta + tb) - mean(a, b)) / h);
    return {half * (in_m + in_h), half * (in_m - in_h)};
  }
  static Check check() { return {.inputs = {{-6.0, 6.0}}}; }
};

/// tanh(x) with few aliases, half a sample late.
Var tanh_shaper(Var x);

}  // namespace retrograd
