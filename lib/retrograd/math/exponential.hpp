// Powers of two and of e. The integer part of the exponent goes straight into the result's exponent bits, a
// polynomial does the rest.
//
// All polynomials are minimax fits, their coefficients rounded one after the other, each rest fitted again.
// The error of every function is swept by tests/math/exponential_test.cpp; Unfused scalars have about twice
// as much.
#pragma once

#include <retrograd/math/scalar.hpp>

namespace retrograd::math {

namespace detail {

/// (2^t - 1)/t for |t| <= 1/2.
template <PlainScalar T>
RETROGRAD_INLINE constexpr T exp2_slope(T t) {
  if constexpr (is_single<T>) {
    return polynomial(t, 0.693147182, 0.240226477, 0.0555035956, 0.00961850025, 0.00133909716,
                      0.000153288871);
  } else {
    return polynomial(t, 0.6931471805599453, 0.24022650695910108, 0.055504108664821715, 0.009618129107601571,
                      0.0013333558146548003, 0.0001540353044909319, 1.5252733632591597e-05,
                      1.321543880487732e-06, 1.0178160518867824e-07, 7.0732384858646064e-09,
                      4.4388048100190503e-10);
  }
}

/// e^r - 1 for |r| <= ln(2)/2.
template <PlainScalar T>
RETROGRAD_INLINE constexpr T expm1_small(T r) {
  T tail;
  if constexpr (is_single<T>) {
    tail = polynomial(r, 0.49999997, 0.16666545, 0.0416675247, 0.00836639944, 0.00138624734);
  } else {
    tail = polynomial(r, 0.5000000000000006, 0.1666666666666661, 0.041666666666573766, 0.00833333333337613,
                      0.0013888888932325966, 0.0001984126974816789, 2.480150450296569e-05,
                      2.7557381384434037e-06, 2.76263081836372e-07, 2.506209290622093e-08);
  }
  return fma(r * r, tail, r);
}

/// x - n*ln(2), ln(2) in two parts, the product of n and the first exact.
template <PlainScalar T>
RETROGRAD_INLINE constexpr T subtract_octaves(T x, T n) {
  if constexpr (is_single<T>) {
    return fma(-n, constant<T>(1.428606765330187e-06), fma(-n, constant<T>(0.693145751953125), x));
  } else {
    return fma(-n, constant<T>(5.497923018708371e-14), fma(-n, constant<T>(0.6931471805598903), x));
  }
}

/// value * 2^n, where `rounded` is n + the rounding magic number: its lowest bits are n. No check of the
/// range.
template <PlainScalar T>
RETROGRAD_INLINE constexpr T scale(T value, T rounded) {
  constexpr int shift = Format<real_t<T>>::fraction_bits;
  return from_bits<T>(static_cast<bits_t<T>>(to_bits(value) + (to_bits(rounded) << shift)));
}

/// Adding this rounds to an integer n and leaves n + offset + the exponent's bias in the lowest bits: one
/// shift away from 2^(n + offset), which `biased_power` takes.
template <class T, int offset>
inline constexpr double biased_magic =
    static_cast<double>(Format<real_t<T>>::round_magic) + Format<real_t<T>>::exponent_bias + offset;
template <PlainScalar T>
RETROGRAD_INLINE constexpr T biased_power(T rounded) {
  return from_bits<T>(static_cast<bits_t<T>>(to_bits(rounded) << Format<real_t<T>>::fraction_bits));
}

/// e^x for x <= 0; below the smallest normal number 0.
template <PlainScalar T>
RETROGRAD_INLINE constexpr T exp_nonpositive(T x) {
  const T magic = constant<T>(biased_magic<T, 0>);
  const T rounded = fma(x, constant<T>(1.4426950408889634), magic);
  const T r = subtract_octaves(x, rounded - magic);
  const T y = biased_power(rounded) * (expm1_small(r) + constant<T>(1.0));
  return select(x < constant<T>(is_single<T> ? -87.336 : -708.396), constant<T>(0.0), y);
}

/// e^x - 1 for x from about -80 to the overflow.
template <PlainScalar T>
RETROGRAD_INLINE constexpr T expm1_in_range(T x) {
  const T magic = constant<T>(biased_magic<T, -1>);
  const T rounded = fma(x, constant<T>(1.4426950408889634), magic);
  const T r = subtract_octaves(x, rounded - magic);
  const T half = biased_power(rounded);  // 2^(n-1): 2^n itself would overflow for the largest n
  const T y = fma(half, expm1_small(r), half - constant<T>(0.5));
  return y + y;
}

}  // namespace detail

/// 2^x, exact for integers. Worst relative error 7e-8, in double 1.4e-16. Infinity from x = 128 (double:
/// 1024) on, 0 below -126 (-1022): never denormal. NaN gives NaN.
template <PlainScalar T>
RETROGRAD_INLINE constexpr T exp2(T x) {
  const T magic = Format<real_t<T>>::round_magic;
  const T rounded = x + magic;
  const T t = x - (rounded - magic);
  T y = detail::scale(fma(t, detail::exp2_slope(t), constant<T>(1.0)), rounded);
  y = select(x < constant<T>(is_single<T> ? -126.0 : -1022.0), constant<T>(0.0), y);
  return select(x < constant<T>(is_single<T> ? 128.0 : 1024.0), y, x + T(infinity<T>));
}

/// 2^x for x <= 0, -infinity included: the decay of an envelope, the hottest exponential. Results below
/// 2^-100 are exactly 0, so that nothing that follows runs denormal. Errors as for `exp2`; NaN gives NaN.
template <PlainScalar T>
RETROGRAD_INLINE constexpr T decay_exp2(T x) {
  const T magic = constant<T>(detail::biased_magic<T, 0>);
  const T rounded = x + magic;
  const T t = x - (rounded - magic);
  const T y = detail::biased_power(rounded) * fma(t, detail::exp2_slope(t), constant<T>(1.0));
  return select(x < constant<T>(-100.0), constant<T>(0.0), y);
}

/// e^x, exactly 1 at 0. Worst relative error 9e-8, in double 1.7e-16. Infinity where the result would
/// overflow, 0 below -87.336 (double: -708.396), which is the smallest normal number. NaN gives NaN.
template <PlainScalar T>
RETROGRAD_INLINE constexpr T exp(T x) {
  const T magic = Format<real_t<T>>::round_magic;
  const T rounded = fma(x, constant<T>(1.4426950408889634), magic);
  const T r = detail::subtract_octaves(x, rounded - magic);
  T y = detail::scale(detail::expm1_small(r) + constant<T>(1.0), rounded);
  y = select(x < constant<T>(is_single<T> ? -87.336 : -708.396), constant<T>(0.0), y);
  return select(x < constant<T>(is_single<T> ? 88.72284 : 709.782712893384), y, x + T(infinity<T>));
}

/// e^x - 1, accurate for small x too. Worst relative error 1.3e-7, in double 2.8e-16.
template <PlainScalar T>
RETROGRAD_INLINE constexpr T expm1(T x) {
  const T least = constant<T>(-60.0);  // from here on the result is -1
  const T y = detail::expm1_in_range(select(x < least, least, x));
  return select(x < constant<T>(is_single<T> ? 88.72284 : 709.782712893384), y, x + T(infinity<T>));
}

}  // namespace retrograd::math
