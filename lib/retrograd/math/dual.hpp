// Dual numbers: a value and its derivative along one direction, for checking gradients.
//
// A functor run on Dual<double> gives the derivative of its forward formula (forward mode), found by rules
// that know nothing of the adjoints written beside it. Comparisons, and with them every choice a functor
// makes, look at values.
#pragma once

#include <retrograd/math/activation.hpp>
#include <retrograd/math/exponential.hpp>
#include <retrograd/math/logarithm.hpp>
#include <retrograd/math/trigonometric.hpp>

namespace retrograd::math {

template <class Real>
struct Dual {
  Real value{};
  Real tangent{};

  constexpr Dual() = default;
  constexpr Dual(Real v) : value(v) {}  // a constant: its tangent is 0
  constexpr Dual(Real v, Real t) : value(v), tangent(t) {}

  friend constexpr Dual operator+(Dual a, Dual b) { return {a.value + b.value, a.tangent + b.tangent}; }
  friend constexpr Dual operator-(Dual a, Dual b) { return {a.value - b.value, a.tangent - b.tangent}; }
  friend constexpr Dual operator*(Dual a, Dual b) {
    return {a.value * b.value, a.tangent * b.value + a.value * b.tangent};
  }
  friend constexpr Dual operator/(Dual a, Dual b) {
    const Real quotient = a.value / b.value;
    return {quotient, (a.tangent - quotient * b.tangent) / b.value};
  }
  friend constexpr Dual operator-(Dual a) { return {-a.value, -a.tangent}; }
  constexpr Dual& operator+=(Dual b) { return *this = *this + b; }
  constexpr Dual& operator-=(Dual b) { return *this = *this - b; }
  constexpr Dual& operator*=(Dual b) { return *this = *this * b; }
  constexpr Dual& operator/=(Dual b) { return *this = *this / b; }
  friend constexpr bool operator<(Dual a, Dual b) { return a.value < b.value; }
  friend constexpr bool operator<=(Dual a, Dual b) { return a.value <= b.value; }
  friend constexpr bool operator>(Dual a, Dual b) { return a.value > b.value; }
  friend constexpr bool operator>=(Dual a, Dual b) { return a.value >= b.value; }
  friend constexpr bool operator==(Dual a, Dual b) { return a.value == b.value; }
  friend constexpr bool operator!=(Dual a, Dual b) { return a.value != b.value; }
};

template <class Real>
struct RealOf<Dual<Real>> {
  using type = Real;
};

namespace detail {
inline constexpr double ln2 = 0.6931471805599453;
inline constexpr double two_pi = 6.283185307179586;
}  // namespace detail

template <class Real>
constexpr Dual<Real> fma(Dual<Real> a, Dual<Real> b, Dual<Real> c) {
  return {fma(a.value, b.value, c.value), a.tangent * b.value + a.value * b.tangent + c.tangent};
}

/// The slope at 0 is 0.
template <class Real>
constexpr Dual<Real> abs(Dual<Real> x) {
  const Real slope = x.value > 0 ? Real(1) : x.value < 0 ? Real(-1) : Real(0);
  return {abs(x.value), slope * x.tangent};
}

/// The slope along `magnitude` is the product of the two signs; a magnitude of 0 has slope 0.
template <class Real>
constexpr Dual<Real> copysign(Dual<Real> magnitude, Dual<Real> sign) {
  const Real direction = copysign(Real(1), sign.value);
  return {copysign(magnitude.value, sign.value), direction * abs(magnitude).tangent};
}

/// Ties give the first argument, and its tangent.
template <class Real>
constexpr Dual<Real> min(Dual<Real> a, Dual<Real> b) {
  return b < a ? b : a;
}
template <class Real>
constexpr Dual<Real> max(Dual<Real> a, Dual<Real> b) {
  return a < b ? b : a;
}

/// The slope at 0 is infinite.
template <class Real>
Dual<Real> sqrt(Dual<Real> x) {
  const Real root = sqrt(x.value);
  return {root, x.tangent / (2 * root)};
}

template <class Real>
constexpr bool is_nan(Dual<Real> x) {
  return is_nan(x.value);
}

template <class Real>
constexpr Dual<Real> round_to_nearest(Dual<Real> x) {
  return {round_to_nearest(x.value), Real(0)};
}

template <class Real>
constexpr Dual<Real> wrap_turns(Dual<Real> x) {
  return {wrap_turns(x.value), x.tangent};
}

template <class Real>
constexpr Dual<Real> sin_turns(Dual<Real> u) {
  return {sin_turns(u.value), constant<Real>(detail::two_pi) * cos_turns(u.value) * u.tangent};
}

template <class Real>
constexpr Dual<Real> cos_turns(Dual<Real> u) {
  return {cos_turns(u.value), constant<Real>(-detail::two_pi) * sin_turns(u.value) * u.tangent};
}

template <class Real>
constexpr Dual<Real> tan_half_turns(Dual<Real> u) {
  const Real y = tan_half_turns(u.value);
  return {y, constant<Real>(detail::two_pi / 2) * (1 + y * y) * u.tangent};
}

template <class Real>
constexpr Dual<Real> sin(Dual<Real> x) {
  return {sin(x.value), cos(x.value) * x.tangent};
}

template <class Real>
constexpr Dual<Real> cos(Dual<Real> x) {
  return {cos(x.value), -sin(x.value) * x.tangent};
}

template <class Real>
constexpr Dual<Real> atan(Dual<Real> x) {
  return {atan(x.value), x.tangent / (1 + x.value * x.value)};
}

template <class Real>
constexpr Dual<Real> exp2(Dual<Real> x) {
  const Real y = exp2(x.value);
  return {y, constant<Real>(detail::ln2) * y * x.tangent};
}

/// Where the value is flushed to 0, so is the tangent.
template <class Real>
constexpr Dual<Real> decay_exp2(Dual<Real> x) {
  const Real y = decay_exp2(x.value);
  return {y, constant<Real>(detail::ln2) * y * x.tangent};
}

template <class Real>
constexpr Dual<Real> exp(Dual<Real> x) {
  const Real y = exp(x.value);
  return {y, y * x.tangent};
}

template <class Real>
constexpr Dual<Real> expm1(Dual<Real> x) {
  return {expm1(x.value), exp(x.value) * x.tangent};
}

template <class Real>
constexpr Dual<Real> log(Dual<Real> x) {
  return {log(x.value), x.tangent / x.value};
}

template <class Real>
constexpr Dual<Real> log2(Dual<Real> x) {
  return {log2(x.value), x.tangent / (constant<Real>(detail::ln2) * x.value)};
}

template <class Real>
constexpr Dual<Real> log1p(Dual<Real> x) {
  return {log1p(x.value), x.tangent / (1 + x.value)};
}

/// Along x: y * x^(y-1), 0 where y = 0. Along y: ln(x) * x^y, 0 where x <= 0: there y is an integer or the
/// power is 0.
template <class Real>
constexpr Dual<Real> pow(Dual<Real> x, Dual<Real> y) {
  const Real power = pow(x.value, y.value);
  const Real along_x = y.value == 0 ? Real(0) : y.value * pow(x.value, y.value - 1);
  const Real along_y = x.value > 0 ? log(x.value) * power : Real(0);
  return {power, along_x * x.tangent + along_y * y.tangent};
}

/// 1 - tanh(x)^2, written as a product so that it keeps its relative accuracy where tanh is close to 1.
template <class Real>
constexpr Dual<Real> tanh(Dual<Real> x) {
  const Real slope = 4 * sigmoid(2 * x.value) * sigmoid(-2 * x.value);
  return {tanh(x.value), slope * x.tangent};
}

template <class Real>
constexpr Dual<Real> sigmoid(Dual<Real> x) {
  return {sigmoid(x.value), sigmoid(x.value) * sigmoid(-x.value) * x.tangent};
}

template <class Real>
constexpr Dual<Real> softplus(Dual<Real> x) {
  return {softplus(x.value), sigmoid(x.value) * x.tangent};
}

}  // namespace retrograd::math
