// Logarithms, and the power x^y that needs one of more than working precision.
//
// A number is taken apart into 2^e * m with m in [sqrt(1/2), sqrt(2)). Denormal arguments count as zero, so
// that results do not depend on how the processor treats them. The error of every function is swept by
// tests/math/logarithm_test.cpp.
#pragma once

#include <retrograd/math/exponential.hpp>

namespace retrograd::math {

namespace detail {

template <class T>
struct Parts {
  T exponent;               // an integer
  T fraction;               // m - 1, exactly
  bits_t<T> exponent_bits;  // the exponent, shifted to where the format has it
};

/// x = 2^exponent * (1 + fraction) for normal x > 0.
template <PlainScalar T>
RETROGRAD_INLINE constexpr Parts<T> take_apart(T x) {
  using F = Format<real_t<T>>;
  using Bits = bits_t<T>;
  constexpr Bits root_half =
      is_single<T> ? static_cast<Bits>(0x3F3504F3u) : static_cast<Bits>(0x3FE6A09E667F3BCDu);
  const Bits shifted = static_cast<Bits>(to_bits(x) + (F::one - root_half));
  const T mantissa = from_bits<T>(static_cast<Bits>((shifted & F::fraction_mask) + root_half));
  // The biased exponent becomes a number as the lowest bits of 2^23 (2^52): there are no vector instructions
  // before AVX-512 that convert 64-bit integers.
  const T limit = F::integer_limit;
  const T biased = from_bits<T>(static_cast<Bits>((shifted >> F::fraction_bits) | to_bits(limit)));
  return {.exponent = biased - (limit + constant<T>(F::exponent_bias)),
          .fraction = mantissa - constant<T>(1.0),
          .exponent_bits = static_cast<Bits>((shifted & ~F::fraction_mask) - F::one)};
}

/// exponent*ln(2) + ln(1 + f) for f between sqrt(1/2) - 1 and sqrt(2) - 1. In double by s = f/(2 + f) and
/// ln(1 + f) = 2 atanh(s) = f - f^2/2 + s*(f^2/2 + s^2*R(s^2)), as in fdlibm's e_log.c.
template <PlainScalar T>
RETROGRAD_INLINE constexpr T log_of_parts(T exponent, T f) {
  const T half_square = constant<T>(0.5) * (f * f);
  if constexpr (is_single<T>) {
    const T tail = polynomial(f, 0.333333313, -0.250008225, 0.20001246, -0.166233256, 0.142015532,
                              -0.131604105, 0.127619535, -0.0763334483);
    const T y = fma(f * f, f * tail, exponent * constant<T>(1.428606765330187e-06)) - half_square;
    return fma(exponent, constant<T>(0.693145751953125), f + y);
  } else {
    const T s = f / (constant<T>(2.0) + f);
    const T z = s * s;
    const T tail =
        z * polynomial(z, 0.6666666666666735, 0.3999999999940912, 0.28571428743787314, 0.2222219841384602,
                       0.18183573378326962, 0.1531380019652603, 0.14798633991792856);
    const T y = fma(s, half_square + tail, exponent * constant<T>(5.497923018708371e-14)) - half_square;
    return fma(exponent, constant<T>(0.6931471805598903), f + y);
  }
}

/// ln(1 + x) for finite x > -1: what 1 + x loses by rounding is added to the fraction.
template <PlainScalar T>
RETROGRAD_INLINE constexpr T log1p_above_minus_one(T x) {
  const T one = constant<T>(1.0);
  const T sum = one + x;
  const T x_rounded = sum - one;
  const T lost = (one - (sum - x_rounded)) + (x - x_rounded);  // 1 + x - sum, exactly
  const Parts<T> parts = take_apart(sum);
  const T scale =
      from_bits<T>(static_cast<bits_t<T>>(Format<real_t<T>>::one - parts.exponent_bits));  // 2^-exponent
  const T correction = select(x < T(Format<real_t<T>>::integer_limit), lost * scale, constant<T>(0.0));
  return log_of_parts(parts.exponent, parts.fraction + correction);
}

/// What a logarithm of x is where x is not a positive normal number.
template <PlainScalar T>
RETROGRAD_INLINE constexpr T logarithm_edges(T x, T y) {
  const T smallest = smallest_normal<T>;
  y = select(x < smallest, T(-infinity<T>), y);
  y = select(x <= -smallest, T(not_a_number<T>), y);
  return select(x < T(infinity<T>), y, x);
}

/// log2(x) for normal x > 0 as the unevaluated sum high + low, some 10 bits more than T has:
/// log2(1 + f) = 2/ln(2) * atanh(s), s = f/(2 + f), its first term in two pieces, the others in one.
template <class T>
struct Extended {
  T high, low;
};
template <PlainScalar T>
RETROGRAD_INLINE constexpr Extended<T> log2_extended(T x) {
  const Parts<T> parts = take_apart(x);
  const T e = parts.exponent, f = parts.fraction;
  const T two = constant<T>(2.0);
  const T divisor = f + two, divisor_low = f - (divisor - two);
  const T s = f / divisor;
  const T product = s * divisor;
  const T rest = ((f - product) - product_error(s, divisor, product)) - s * divisor_low;
  const T s_low = rest * fma(constant<T>(-0.5), s, constant<T>(0.5));  // (1 - s)/2 = 1/divisor

  const T z = s * s;
  T first, first_low, tail;
  if constexpr (is_single<T>) {
    const T factor = constant<T>(2.885390043258667), factor_low = constant<T>(3.851926067000022e-08);
    first = factor * s;
    first_low = product_error(factor, s, first) + fma(factor_low, s, factor * s_low);
    tail = polynomial(z, 0.9617967, 0.5770788, 0.41192716, 0.3364947);
  } else {
    const T factor = constant<T>(2.8853900817779268), factor_low = constant<T>(4.0710547481862066e-17);
    first = factor * s;
    first_low = product_error(factor, s, first) + fma(factor_low, s, factor * s_low);
    tail = polynomial(z, 0.9617966939259854, 0.5770780163470954, 0.41219858558928874, 0.3205985554316199,
                      0.2623334591391353, 0.22093285678930358, 0.21348414129482798);
  }
  const T sum = e + first;
  const T sum_low = (first - (sum - e)) + fma(s * z, tail, first_low);
  const T high = sum + sum_low;
  return {.high = high, .low = sum_low - (high - sum)};
}

}  // namespace detail

/// Natural logarithm. Worst relative error 8.5e-8, in double 1.6e-16, also close to 1. 0 and denormals give
/// -infinity, negative numbers NaN, infinity infinity.
template <PlainScalar T>
RETROGRAD_INLINE constexpr T log(T x) {
  const detail::Parts<T> parts = detail::take_apart(x);
  return detail::logarithm_edges(x, detail::log_of_parts(parts.exponent, parts.fraction));
}

/// Logarithm to base 2, exact for powers of two. Worst relative error 1.4e-7, in double 2.5e-16. Edges as for
/// `log`.
template <PlainScalar T>
RETROGRAD_INLINE constexpr T log2(T x) {
  const detail::Parts<T> parts = detail::take_apart(x);
  const T fraction = detail::log_of_parts(constant<T>(0.0), parts.fraction);
  return detail::logarithm_edges(x, fma(fraction, constant<T>(1.4426950408889634), parts.exponent));
}

/// ln(1 + x), accurate for small x too. Worst relative error 1.3e-7, in double 2.2e-16. -infinity at -1, NaN
/// below.
template <PlainScalar T>
RETROGRAD_INLINE constexpr T log1p(T x) {
  return detail::logarithm_edges(constant<T>(1.0) + x, detail::log1p_above_minus_one(x));
}

/// x to the power y. Worst relative error 1e-7, in double 4.5e-16 (Unfused 7e-16), where the result is
/// normal; smaller ones are 0. A negative x, -infinity included, has a power where y is an integer, NaN
/// otherwise. x = 0: 0 for y > 0, infinity for y < 0. y = 0 gives 1 for every x. A NaN elsewhere gives NaN,
/// and so does 1 to an infinite power.
template <PlainScalar T>
RETROGRAD_INLINE constexpr T pow(T x, T y) {
  using F = Format<real_t<T>>;
  const T smallest = smallest_normal<T>;
  const T size = abs(x);
  detail::Extended<T> logarithm = detail::log2_extended(size);
  logarithm.high = select(size < smallest, T(-infinity<T>), logarithm.high);
  logarithm.high = select(size < T(infinity<T>), logarithm.high, size);

  const T z = y * logarithm.high;
  T z_low = fma(y, logarithm.low, product_error(y, logarithm.high, z));
  z_low = select(abs(z) < constant<T>(2048.0), z_low, constant<T>(0.0));
  const T magic = F::round_magic;
  const T rounded = z + magic;
  const T t = (z - (rounded - magic)) + z_low;
  T power = detail::scale(fma(t, detail::exp2_slope(t), constant<T>(1.0)), rounded);
  const T above_underflow = (z + constant<T>(is_single<T> ? 126.0 : 1022.0)) + z_low;
  const T below_overflow = (constant<T>(is_single<T> ? 128.0 : 1024.0) - z) - z_low;
  power = select(above_underflow < constant<T>(0.0), constant<T>(0.0), power);
  power = select(below_overflow > constant<T>(0.0), power, z + T(infinity<T>));

  // The parity of y: numbers from 2^23 (2^52) on are integers, twice as large ones even.
  const T limit = F::integer_limit;
  const T y_size = abs(y), y_half = constant<T>(0.5) * y_size;
  const T y_whole = (y_size + limit) - limit, y_half_whole = (y_half + limit) - limit;
  T mirrored = select(y_half < limit, select(y_half_whole == y_half, power, -power), power);
  mirrored = select(y_size < limit, select(y_whole == y_size, mirrored, T(not_a_number<T>)), mirrored);
  power = select(x <= -smallest, mirrored, power);
  return select(y == constant<T>(0.0), constant<T>(1.0), power);
}

}  // namespace retrograd::math
