// Sine and cosine: of a phase in turns, which is what oscillators use, and of an angle in radians. Tangent: of half turns, for
// filters. Arctangent: for shapers.
//
// All polynomials are minimax fits (Remez), their coefficients rounded one after the other, each rest fitted
// again. The error of every function is swept by tests/math/trigonometric_test.cpp; Unfused scalars have
// about twice as much.
#pragma once

#include <retrograd/math/scalar.hpp>

namespace retrograd::math {

/// x minus the nearest integer, in [-1/2, 1/2]: a phase in turns without its whole turns. Exact. From |x| =
/// 2^22 (double: 2^51) on it gives 0; NaN and infinity give NaN.
template <PlainScalar T>
RETROGRAD_INLINE constexpr T wrap_turns(T x) {
  const T beyond = x - x;  // 0, or NaN where x is not finite
  return select(abs(x) < T(Format<real_t<T>>::round_limit), x - round_to_nearest(x), beyond);
}

/// sin(2*pi*u) for a phase u of [-1/2, 1/2] turns, exactly 0 at 0 and +-1/2. Worst absolute error 1.6e-7, in
/// double 3e-16.
template <PlainScalar T>
RETROGRAD_INLINE constexpr T sin_turns(T u) {
  const T square = u * u;
  const T zeros = u * fma(-u, u, constant<T>(0.25));
  if constexpr (is_single<T>) {
    return zeros * polynomial(square, 25.132742, -64.83591, 67.079056, -38.523426, 14.182575, -3.3897302);
  } else {
    return zeros * polynomial(square, 25.132741228718345, -64.83584404672534, 67.07762091736804,
                              -38.512955341401614, 14.182954380047748, -3.6467522743700327, 0.69279626844236,
                              -0.10127250079263132, 0.011695276428188447, -0.0010013597945539843);
  }
}

/// cos(2*pi*u) for a phase u of [-1/2, 1/2] turns, exactly 1 at 0 and exactly 0 at +-1/4. Worst absolute
/// error 2e-7, in double 4e-16.
template <PlainScalar T>
RETROGRAD_INLINE constexpr T cos_turns(T u) {
  const T square = u * u;
  const T zeros = fma(-u, u, constant<T>(0.0625));
  if constexpr (is_single<T>) {
    return zeros * polynomial(square, 16.0, -59.8273163, 81.7905579, -58.5796852, 25.5961189, -6.57895899);
  } else {
    return zeros * polynomial(square, 16.0, -59.82734083485948, 81.7928510049413, -58.6234592280528,
                              25.938914301413146, -7.797479709679013, 1.6969064683629769, -0.2797459624693603,
                              0.03614336108911509, -0.003744419657446134, 0.00029304169311052987);
  }
}

/// tan(pi*u) for |u| <= 0.49 half turns, exactly 0 at 0. Worst relative error 3e-7, in double 5e-16.
template <PlainScalar T>
RETROGRAD_INLINE constexpr T tan_half_turns(T u) {
  const T square = u * u;
  const T poles = fma(-u, u, constant<T>(0.25));
  if constexpr (is_single<T>) {
    return u *
           polynomial(square, 0.7853981430857875, -0.5577320427258301, -0.13490846721639277,
                      -0.05105465975632566, -0.02963569499331545) /
           poles;
  } else {
    return u *
           polynomial(square, 0.7853981633974483, -0.557736263564798, -0.13476940059226075,
                      -0.05263664411351165, -0.02251294242357144, -0.009879789164582984,
                      -0.004372753175907779, -0.0019336871300363193, -0.0008927862302349281,
                      -0.00029169735667120136, -0.00031380274160593656) /
           poles;
  }
}

namespace detail {

/// Where the radians of `sin` and `cos` end: 2^20, in double 2^40.
template <class T>
inline constexpr double radians_limit = is_single<T> ? 1048576.0 : 1099511627776.0;

/// x - n*pi (Cody and Waite). With fused multiply-add the first step is exact for pi in working precision;
/// without, pi comes in parts so short that their products with n are exact up to n = 2^16.
template <PlainScalar T>
RETROGRAD_INLINE constexpr T subtract_half_turns(T x, T n) {
  if constexpr (is_single<T> && is_unfused<T>) {
    x = fma(-n, constant<T>(3.140625), x);
    x = fma(-n, constant<T>(0.000965118408203125), x);
    x = fma(-n, constant<T>(2.5331974029541016e-06), x);
    return fma(-n, constant<T>(1.984187159361081e-09), x);
  } else if constexpr (is_single<T>) {
    x = fma(-n, constant<T>(3.1415927410125732), x);
    x = fma(-n, constant<T>(-8.742277657347586e-08), x);
    return fma(-n, constant<T>(-3.4302490200117637e-15), x);
  } else if constexpr (is_unfused<T>) {
    x = fma(-n, constant<T>(3.1415926535846666), x);
    x = fma(-n, constant<T>(5.1266883031679116e-12), x);
    return fma(-n, constant<T>(2.1125998133974855e-23), x);
  } else {
    x = fma(-n, constant<T>(3.141592653589793), x);
    return fma(-n, constant<T>(1.2246467991473532e-16), x);
  }
}

/// sin(r) for |r| <= pi/2, and a little beyond.
template <PlainScalar T>
RETROGRAD_INLINE constexpr T sin_quarter(T r) {
  const T square = r * r;
  T tail;
  if constexpr (is_single<T>) {
    tail = polynomial(square, -0.16666667, 0.0083333505, -0.00019843093, 2.7627063e-06, -2.5503425e-08);
  } else {
    tail = polynomial(square, -0.16666666666666666, 0.008333333333333207, -0.00019841269841212476,
                      2.755731921156839e-06, -2.5052106904256477e-08, 1.6058940990221923e-10,
                      -7.643018951136205e-13, 2.7214139167879223e-15);
  }
  return fma(r * square, tail, r);
}

/// sin(r) * (-1)^n, where `rounded` is n + the rounding magic number, so that n's parity is its lowest bit.
template <PlainScalar T>
RETROGRAD_INLINE constexpr T sin_with_parity(T r, T rounded) {
  constexpr int to_sign = Format<real_t<T>>::fraction_bits + (is_single<T> ? 8 : 11);
  return from_bits<T>(static_cast<bits_t<T>>(to_bits(sin_quarter(r)) ^ (to_bits(rounded) << to_sign)));
}

}  // namespace detail

/// Sine of an angle in radians. Worst relative error 1.7e-7, in double 2.5e-16, for |x| <= 1e5, also close to
/// multiples of pi (there an Unfused scalar keeps only the absolute error). Above, the relative error grows with the
/// angle (never beyond the rounding of x itself), the absolute one stays at 1.5e-7, in double 2.5e-16 (an Unfused scalar's
/// grows); from 2^20 (double: 2^40) on the result is 0. NaN and infinity give NaN.
template <PlainScalar T>
RETROGRAD_INLINE constexpr T sin(T x) {
  const T magic = Format<real_t<T>>::round_magic;
  const T rounded = fma(x, constant<T>(0.3183098861837907), magic);
  const T y = detail::sin_with_parity(detail::subtract_half_turns(x, rounded - magic), rounded);
  return select(abs(x) < constant<T>(detail::radians_limit<T>), y, x - x);
}

/// Cosine of an angle in radians: the sine, counted from odd multiples of pi/2. Errors and limits as for
/// `sin`.
template <PlainScalar T>
RETROGRAD_INLINE constexpr T cos(T x) {
  const T magic = Format<real_t<T>>::round_magic;
  const T rounded = fma(x, constant<T>(0.3183098861837907), constant<T>(0.5)) + magic;
  const T n = (rounded - magic) - constant<T>(0.5);
  const T y = detail::sin_with_parity(detail::subtract_half_turns(x, n), rounded);
  return select(abs(x) < constant<T>(detail::radians_limit<T>), y, x - x);
}

/// Arctangent, in radians. Worst relative error 1.9e-7, in double 3e-16. NaN gives NaN.
template <PlainScalar T>
RETROGRAD_INLINE constexpr T atan(T x) {
  const T size = abs(x), one = constant<T>(1.0);
  // atan(x) = pi/4 + atan((x - 1) / (x + 1)) = pi/2 + atan(-1 / x): what is left lies within tan(pi/8).
  const bool is_middle = size > constant<T>(0.4142135623730951),
             is_high = size > constant<T>(2.414213562373095);
  const T above = select(is_high, constant<T>(-1.0), select(is_middle, size - one, size));
  const T below = select(is_high, size, select(is_middle, size + one, one));
  const T base = select(is_high, constant<T>(1.5707963267948966),
                        select(is_middle, constant<T>(0.7853981633974483), constant<T>(0.0)));
  const T r = above / below, square = r * r;
  T tail;
  if constexpr (is_single<T>) {
    tail = polynomial(square, -0.33333331761167784, 0.19999540483480294, -0.14263955592140723,
                      0.10743731427626937, -0.06451927998778499);
  } else {
    tail = polynomial(square, -0.3333333333333333, 0.1999999999999552, -0.14285714284666542,
                      0.11111111015256292, -0.09090904578121085, 0.07692183190760651, -0.0666451144646022,
                      0.05858148904795124, -0.050854496960392584, 0.039231657085083686, -0.01917688563658905);
  }
  return copysign(base + fma(r * square, tail, r), x);
}

}  // namespace retrograd::math
