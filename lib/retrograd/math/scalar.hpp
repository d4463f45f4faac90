// The scalars a functor computes in, and the few primitives every formula is built from.
//
// A node's formula is written once, as a template over its scalar T:
//
//     float, double            the fused levels of the CPU, and the GPU
//     Unfused<float|double>    processors without fused multiply-add: the same formula, with fma(a, b, c)
//                              = a*b + c
//     Dual<float|double>       forward-mode derivatives for the gradient checks (dual.hpp)
//
// Everything here is free of branches, so that a compiler turns a loop over it into SIMD code: a choice is a
// `select` of two values that are both computed.
#pragma once

#include <concepts>
#include <cstdint>
#include <limits>
#include <type_traits>

#if defined(__CUDACC__)
#define RETROGRAD_INLINE __host__ __device__ __forceinline__
#define RETROGRAD_ANYWHERE __host__ __device__ inline
#else
#define RETROGRAD_INLINE __attribute__((always_inline)) inline
/// A function that is no part of a loop over samples, on the host or on a GPU.
#define RETROGRAD_ANYWHERE inline
#endif
/// The same of what a GPU does in another way, in the same order: loops over the lanes of a vector.
#define RETROGRAD_INLINE_ON_CPU __attribute__((always_inline)) inline
/// After a lambda's parameters: it becomes part of the loop it is called in, and of that loop's SIMD level.
#define RETROGRAD_INLINE_LAMBDA __attribute__((always_inline))

/// In front of a loop over the lanes of a block: no lane reads what another writes, so that the compiler need
/// not prove it.
#if defined(__clang__)
#define RETROGRAD_INDEPENDENT_LANES _Pragma("clang loop vectorize(assume_safety)")
#elif defined(__GNUC__) && !defined(__CUDACC__)
#define RETROGRAD_INDEPENDENT_LANES _Pragma("GCC ivdep")
#else
#define RETROGRAD_INDEPENDENT_LANES
#endif

namespace retrograd::math {

/// A float or double whose `fma` rounds twice.
template <class Real>
struct Unfused {
  Real value;
  Unfused() = default;
  RETROGRAD_INLINE constexpr Unfused(Real v) : value(v) {}
  RETROGRAD_INLINE explicit constexpr operator Real() const { return value; }

  friend RETROGRAD_INLINE constexpr Unfused operator+(Unfused a, Unfused b) { return a.value + b.value; }
  friend RETROGRAD_INLINE constexpr Unfused operator-(Unfused a, Unfused b) { return a.value - b.value; }
  friend RETROGRAD_INLINE constexpr Unfused operator*(Unfused a, Unfused b) { return a.value * b.value; }
  friend RETROGRAD_INLINE constexpr Unfused operator/(Unfused a, Unfused b) { return a.value / b.value; }
  friend RETROGRAD_INLINE constexpr Unfused operator-(Unfused a) { return -a.value; }
  RETROGRAD_INLINE constexpr Unfused& operator+=(Unfused b) { return *this = *this + b; }
  RETROGRAD_INLINE constexpr Unfused& operator-=(Unfused b) { return *this = *this - b; }
  RETROGRAD_INLINE constexpr Unfused& operator*=(Unfused b) { return *this = *this * b; }
  RETROGRAD_INLINE constexpr Unfused& operator/=(Unfused b) { return *this = *this / b; }
  friend RETROGRAD_INLINE constexpr bool operator<(Unfused a, Unfused b) { return a.value < b.value; }
  friend RETROGRAD_INLINE constexpr bool operator<=(Unfused a, Unfused b) { return a.value <= b.value; }
  friend RETROGRAD_INLINE constexpr bool operator>(Unfused a, Unfused b) { return a.value > b.value; }
  friend RETROGRAD_INLINE constexpr bool operator>=(Unfused a, Unfused b) { return a.value >= b.value; }
  friend RETROGRAD_INLINE constexpr bool operator==(Unfused a, Unfused b) { return a.value == b.value; }
  friend RETROGRAD_INLINE constexpr bool operator!=(Unfused a, Unfused b) { return a.value != b.value; }
};

template <class T>
struct RealOf {
  using type = T;
};
template <class Real>
struct RealOf<Unfused<Real>> {
  using type = Real;
};

/// float or double: the precision a scalar T computes in.
template <class T>
using real_t = typename RealOf<T>::type;

template <class T>
inline constexpr bool is_unfused = false;
template <class Real>
inline constexpr bool is_unfused<Unfused<Real>> = true;

/// float, double, Unfused<float>, Unfused<double>: what the formulas below are written for. Dual numbers have
/// overloads of their own (dual.hpp).
template <class T>
concept PlainScalar = std::same_as<T, float> || std::same_as<T, double> || std::same_as<T, Unfused<float>> ||
    std::same_as<T, Unfused<double>>;

template <class T>
inline constexpr bool is_single = std::same_as<real_t<T>, float>;

/// The unsigned integer as wide as T's real: uint32_t or uint64_t.
template <class T>
using bits_t = std::conditional_t<is_single<T>, std::uint32_t, std::uint64_t>;

/// What the formulas need to know about the two number formats.
template <class Real>
struct Format;
template <>
struct Format<float> {
  static constexpr int fraction_bits = 23;
  static constexpr int exponent_bias = 127;
  static constexpr float round_magic = 12582912.0f;   // 1.5 * 2^23: adding it rounds to an integer
  static constexpr float round_limit = 4194304.0f;    // 2^22: below this the magic number is exact
  static constexpr float integer_limit = 8388608.0f;  // 2^23: every number from here on is an integer
  static constexpr std::uint32_t sign_bit = 0x80000000u;
  static constexpr std::uint32_t fraction_mask = 0x007FFFFFu;
  static constexpr std::uint32_t one = 0x3F800000u;
};
template <>
struct Format<double> {
  static constexpr int fraction_bits = 52;
  static constexpr int exponent_bias = 1023;
  static constexpr double round_magic = 6755399441055744.0;    // 1.5 * 2^52
  static constexpr double round_limit = 2251799813685248.0;    // 2^51
  static constexpr double integer_limit = 4503599627370496.0;  // 2^52
  static constexpr std::uint64_t sign_bit = 0x8000000000000000u;
  static constexpr std::uint64_t fraction_mask = 0x000FFFFFFFFFFFFFu;
  static constexpr std::uint64_t one = 0x3FF0000000000000u;
};

/// Whether loops over T are compiled in one form alone, where others have one for each choice that is made once for
/// a tile, with the same bits: doubles are for checks and processors without fused multiply-add are old, so that of
/// both together code counts for more than speed.
template <class T>
inline constexpr bool is_compact = !is_single<T> && is_unfused<T>;

/// A constant of a formula in T's precision: `constant<T>(0.1)`.
template <class T>
RETROGRAD_INLINE constexpr T constant(double value) {
  return T(static_cast<real_t<T>>(value));
}

template <class T>
inline constexpr real_t<T> infinity = std::numeric_limits<real_t<T>>::infinity();
template <class T>
inline constexpr real_t<T> not_a_number = std::numeric_limits<real_t<T>>::quiet_NaN();
template <class T>
inline constexpr real_t<T> smallest_normal = std::numeric_limits<real_t<T>>::min();

/// The bits of a number, and the number of some bits.
template <PlainScalar T>
RETROGRAD_INLINE constexpr bits_t<T> to_bits(T x) {
  return __builtin_bit_cast(bits_t<T>, x);
}
template <PlainScalar T>
RETROGRAD_INLINE constexpr T from_bits(bits_t<T> bits) {
  return __builtin_bit_cast(T, bits);
}

/// `condition ? a : b` with both computed.
template <class T>
RETROGRAD_INLINE constexpr T select(bool condition, T a, T b) {
  return condition ? a : b;
}

/// a*b + c, rounded once (for Unfused rounded twice).
template <PlainScalar T>
RETROGRAD_INLINE constexpr T fma(T a, T b, T c) {
  if constexpr (is_unfused<T>) {
    return a * b + c;
  } else if constexpr (is_single<T>) {
    return __builtin_fmaf(a, b, c);
  } else {
    return __builtin_fma(a, b, c);
  }
}

/// The rounding error of `product` = a*b, exactly: a*b - product. Where there is no fused multiply-add the
/// factors are split in halves (Dekker 1971), which overflows for factors beyond 2^115 (double: 2^996).
template <PlainScalar T>
RETROGRAD_INLINE constexpr T product_error(T a, T b, T product) {
  if constexpr (is_unfused<T>) {
    const T splitter = constant<T>(is_single<T> ? 4097.0 : 134217729.0);  // 2^12 + 1, 2^27 + 1
    const T a_scaled = a * splitter, b_scaled = b * splitter;
    const T a_high = a_scaled - (a_scaled - a), b_high = b_scaled - (b_scaled - b);
    const T a_low = a - a_high, b_low = b - b_high;
    return ((a_high * b_high - product) + a_high * b_low + a_low * b_high) + a_low * b_low;
  } else {
    return fma(a, b, -product);
  }
}

template <PlainScalar T>
RETROGRAD_INLINE constexpr T abs(T x) {
  return from_bits<T>(to_bits(x) & ~Format<real_t<T>>::sign_bit);
}

/// |magnitude| with the sign of `sign`.
template <PlainScalar T>
RETROGRAD_INLINE constexpr T copysign(T magnitude, T sign) {
  constexpr bits_t<T> sign_bit = Format<real_t<T>>::sign_bit;
  return from_bits<T>(static_cast<bits_t<T>>((to_bits(magnitude) & ~sign_bit) | (to_bits(sign) & sign_bit)));
}

/// The smaller, the larger one. Ties give the first argument. A NaN in the first argument comes back, one in
/// the second is passed over: `max(min(x, high), low)` keeps a NaN in x.
template <PlainScalar T>
RETROGRAD_INLINE constexpr T min(T a, T b) {
  return select(b < a, b, a);
}
template <PlainScalar T>
RETROGRAD_INLINE constexpr T max(T a, T b) {
  return select(a < b, b, a);
}

/// Correctly rounded; NaN below zero.
template <PlainScalar T>
RETROGRAD_INLINE T sqrt(T x) {
  if constexpr (is_single<T>) {
    return T(__builtin_sqrtf(static_cast<float>(x)));
  } else {
    return T(__builtin_sqrt(static_cast<double>(x)));
  }
}

template <PlainScalar T>
RETROGRAD_INLINE constexpr bool is_nan(T x) {
  return x != x;
}

/// The nearest integer, ties to the even one, for |x| <= 2^22 (double: 2^51); meaningless beyond.
template <PlainScalar T>
RETROGRAD_INLINE constexpr T round_to_nearest(T x) {
  const T magic = Format<real_t<T>>::round_magic;
  return (x + magic) - magic;
}

/// c0 + c1*x + c2*x^2 + ... by Horner's rule, in fused multiply-adds.
template <PlainScalar T>
RETROGRAD_INLINE constexpr T polynomial(T, double c0) {
  return constant<T>(c0);
}
template <PlainScalar T, class... Coefficients>
RETROGRAD_INLINE constexpr T polynomial(T x, double c0, double c1, Coefficients... more) {
  return fma(polynomial(x, c1, more...), x, constant<T>(c0));
}

}  // namespace retrograd::math
