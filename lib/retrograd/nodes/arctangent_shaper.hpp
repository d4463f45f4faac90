// Arctangent, antialiased (nodes/antialiased.hpp): f(x) = atan(u) 2 / pi with u = x pi / 2, whose slope at 0 is 1 and which goes to -1 and 1. F(u) =
// u atan u - ln(1 + u^2) / 2, and with a, b, m, h of u
//
//     y pi / 2 = (atan a + atan b) / 2 + (m (atan a - atan b) - ln((1 + a^2) / (1 + b^2)) / 2) / (2 h)
#pragma once

#include <retrograd/nodes/antialiased.hpp>

namespace retrograd {

struct ArctangentShaper : Antialiased<ArctangentShaper> {
  static constexpr const char* name = "arctangent_shaper";
  static constexpr double half_pi = 1.5707963267948966;

  template <class T>
  RETROGRAD_INLINE T mean(T a, T b) const {
    const Line<T> of(a, b);
    return math::constant<T>(1.0 / half_pi) * of.mean();
  }
  template <class T>
  RETROGRAD_INLINE std::array<T, 2> slopes(T a, T b) const {
    using math::constant;
    const Line<T> of(a, b);
    const T half = constant<T>(0.5), m2 = of.m * of.m, r = T(1.0) / (T(1.0) + m2), r2 = r * r;
    const T in_m = math::select(of.h == T(0.0), r, half * of.rise / of.h);
    const T m_r2 = of.m * r2;
    const T f4 = constant<T>(24.0) * (T(1.0) - m2) * r2 * m_r2;
    const T f6 = constant<T>(-240.0) *
                 math::fma(math::fma(constant<T>(3.0), m2, constant<T>(-10.0)), m2, constant<T>(3.0)) * r2 *
                 r2 * m_r2;
    const T in_h =
        math::select(math::abs(of.h) < constant<T>(series_below<T>),
                     slope_of_mean(of.h, constant<T>(-2.0) * m_r2, f4, f6), (of.middle - of.mean()) / of.h);
    return {half * (in_m + in_h), half * (in_m - in_h)};
  }
  static Check check() { return {.inputs = {{-6.0, 6.0}}}; }

 private:
  template <class T>
  struct Line {
    RETROGRAD_INLINE Line(T x, T before) {
      using math::constant;
      const T a = constant<T>(half_pi) * x, b = constant<T>(half_pi) * before, half = constant<T>(0.5);
      m = half * (a + b);
      h = half * (a - b);
      const T of_a = math::atan(a), of_b = math::atan(b), one = T(1.0);
      // Of two of one sign, and of small ones, the difference is the arctangent of (a - b) / (1 + a b).
      const T product = a * b;
      const bool is_near = product > constant<T>(-0.5);
      rise =
          math::select(is_near, math::atan((h + h) / math::select(is_near, one + product, one)), of_a - of_b);
      middle = half * (of_a + of_b);
    }
    RETROGRAD_INLINE T mean() const {
      using math::constant;
      const T q = math::abs(math::abs(m) - math::abs(h)), mh = m * h;  // q: the smaller of |a| and |b|
      const T ratio = math::log1p(constant<T>(4.0) * math::abs(mh) / math::fma(q, q, T(1.0)));
      const T bend = math::fma(m, rise, constant<T>(-0.5) * math::select(mh < T(0.0), -ratio, ratio));
      return math::select(h == T(0.0), middle, math::fma(constant<T>(0.5), bend / h, middle));
    }
    T m, h, rise, middle;
  };
};

/// atan(x pi / 2) 2 / pi with few aliases, half a sample late.
Var arctangent_shaper(Var x);

}  // namespace retrograd
