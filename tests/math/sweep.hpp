// Sweeps a function over many arguments, in every precision and at every SIMD level this processor runs,
// against the long double functions of the C library.
//
// A function under test is a struct with `of(x)`, the function, and `reference(x)`, the same in long double.
#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <initializer_list>
#include <limits>
#include <random>
#include <retrograd/math/functions.hpp>
#include <retrograd/math/simd.hpp>
#include <type_traits>
#include <vector>

namespace sweep {

namespace math = retrograd::math;

/// The function over an array, as the kernels of the library run it: 16 lanes at a time.
template <class Function>
struct Loop {
  template <class T>
  RETROGRAD_INLINE static void run(const math::real_t<T>* x, math::real_t<T>* y, int count) {
    for (int i = 0; i < count; i += 16) {
      for (int lane = 0; lane < 16; ++lane) {
        y[i + lane] = static_cast<math::real_t<T>>(Function::of(T(x[i + lane])));
      }
    }
  }
};

/// What to sweep: arguments of [low, high], evenly and logarithmically spread, and the worst errors allowed.
/// `absolute` errors count as they are, others relative to the result.
struct Range {
  double low, high;
  double fused_error, unfused_error;
  bool absolute = false;
};

template <class Real>
std::vector<Real> arguments(const Range& range) {
  constexpr int count = 1 << 14;
  std::mt19937_64 generator(1);
  std::uniform_real_distribution<double> even(range.low, range.high), exponent(-60.0, 0.0);
  const double reach = std::max(std::abs(range.low), std::abs(range.high));
  std::vector<Real> x = {static_cast<Real>(range.low), static_cast<Real>(range.high)};
  for (int i = 0; x.size() < count; ++i) {
    const double value = i % 3 != 0 ? even(generator) : reach * std::exp2(exponent(generator));
    for (const double signed_value : {value, -value}) {
      const Real rounded = static_cast<Real>(signed_value);
      if (rounded >= range.low && rounded <= range.high) x.push_back(rounded);
    }
  }
  x.resize(count);
  return x;
}

template <class Function, class Real>
double worst_error(const std::vector<Real>& x, const std::vector<Real>& y, bool absolute) {
  long double worst = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const long double expected = Function::reference(static_cast<long double>(x[i]));
    const long double scale = absolute || expected == 0 ? 1.0L : std::abs(expected);
    const long double error = std::abs(static_cast<long double>(y[i]) - expected) / scale;
    if (!(error <= worst)) worst = error;  // a NaN counts, and stays
    if (std::isnan(error)) break;
  }
  return static_cast<double>(worst);
}

template <class Real>
bool same_bits(const std::vector<Real>& a, const std::vector<Real>& b) {
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (math::to_bits(a[i]) != math::to_bits(b[i])) return false;
  }
  return true;
}

/// Sweeps one precision: the function called directly, and its loop at every level. Levels with fused
/// multiply-add must give the bits of the direct call.
template <class Function, class Real>
void check(const Range& range) {
  const std::vector<Real> x = arguments<Real>(range);
  std::vector<Real> direct(x.size()), loop(x.size());
  for (std::size_t i = 0; i < x.size(); ++i) direct[i] = Function::of(x[i]);
  CHECK(worst_error<Function>(x, direct, range.absolute) <= range.fused_error);

  std::vector<Real> unfused(x.size());
  for (std::size_t i = 0; i < x.size(); ++i) {
    unfused[i] = static_cast<Real>(Function::of(math::Unfused<Real>(x[i])));
  }
  CHECK(worst_error<Function>(x, unfused, range.absolute) <= range.unfused_error);

  for (const math::SimdLevel level : {math::SimdLevel::plain, math::SimdLevel::v3, math::SimdLevel::v4}) {
    if (!math::has_simd_level(level)) continue;
    CAPTURE(math::name(level));
    math::Kernel<Loop<Function>, Real>::at(level)(x.data(), loop.data(), static_cast<int>(x.size()));
#if defined(__x86_64__)
    const bool fused = level != math::SimdLevel::plain;
#else
    const bool fused = true;
#endif
    CHECK(same_bits(loop, fused ? direct : unfused));
  }
}

/// The real number inside any scalar.
template <class T>
math::real_t<T> real(T x) {
  return static_cast<math::real_t<T>>(x);
}

}  // namespace sweep
