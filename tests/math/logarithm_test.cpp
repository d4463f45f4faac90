#include "sweep.hpp"

namespace {

namespace math = retrograd::math;
using math::Unfused;
using sweep::real;

struct Log {
  template <class T>
  RETROGRAD_INLINE static T of(T x) {
    return math::log(x);
  }
  static long double reference(long double x) { return std::log(x); }
};
struct Log2 {
  template <class T>
  RETROGRAD_INLINE static T of(T x) {
    return math::log2(x);
  }
  static long double reference(long double x) { return std::log2(x); }
};
struct Log1p {
  template <class T>
  RETROGRAD_INLINE static T of(T x) {
    return math::log1p(x);
  }
  static long double reference(long double x) { return std::log1p(x); }
};

/// x^y for a fixed y, or a fixed x: numbers that float holds exactly.
template <int Eighths>
struct PowerOf {
  static constexpr double y = Eighths / 8.0;
  template <class T>
  RETROGRAD_INLINE static T of(T x) {
    return math::pow(x, math::constant<T>(y));
  }
  static long double reference(long double x) { return std::pow(x, static_cast<long double>(y)); }
};
template <int Eighths>
struct PowerTo {
  static constexpr double x = Eighths / 8.0;
  template <class T>
  RETROGRAD_INLINE static T of(T y) {
    return math::pow(math::constant<T>(x), y);
  }
  static long double reference(long double y) { return std::pow(static_cast<long double>(x), y); }
};

}  // namespace

TEST_CASE("logarithms stay within their errors at every level, also close to 1") {
  for (const double high : {1e-30, 1.0, 100.0, 3e38}) {
    CAPTURE(high);
    sweep::check<Log, float>({1.2e-38, high, 8.5e-8, 1e-7});
    sweep::check<Log, double>({1.2e-38, high, 1.6e-16, 2e-16});
    sweep::check<Log2, float>({1.2e-38, high, 1.4e-7, 2e-7});
    sweep::check<Log2, double>({1.2e-38, high, 2.5e-16, 4e-16});
  }
  for (const double away : {0.5, 0.1, 1e-3, 1e-6}) {
    CAPTURE(away);
    sweep::check<Log, float>({1 - away, 1 + away, 8.5e-8, 1e-7});
    sweep::check<Log, double>({1 - away, 1 + away, 1.6e-16, 2e-16});
    sweep::check<Log2, float>({1 - away, 1 + away, 1.4e-7, 2e-7});
    sweep::check<Log2, double>({1 - away, 1 + away, 2.5e-16, 4e-16});
    sweep::check<Log1p, float>({-away, away, 1.3e-7, 2e-7});
    sweep::check<Log1p, double>({-away, away, 2.2e-16, 3e-16});
  }
  sweep::check<Log, double>({2.3e-308, 1.7e308, 1.6e-16, 2e-16});
  sweep::check<Log1p, float>({-0.99, 3.4e38, 1.3e-7, 2e-7});
  sweep::check<Log1p, double>({-0.99, 1.7e308, 2.2e-16, 3e-16});
}

TEST_CASE("powers stay within their errors at every level, however large the exponent") {
  sweep::check<PowerOf<4>, float>({1e-30, 1e30, 1e-7, 1.5e-7});
  sweep::check<PowerOf<11>, float>({1e-5, 1e5, 1e-7, 1.5e-7});
  sweep::check<PowerOf<150>, float>({0.01, 100.0, 1e-7, 1.5e-7});
  sweep::check<PowerOf<-150>, float>({0.01, 100.0, 1e-7, 1.5e-7});
  sweep::check<PowerTo<13>, float>({-179.0, 182.0, 1e-7, 1.5e-7});
  sweep::check<PowerTo<1>, float>({-42.0, 41.9, 1e-7, 1.5e-7});
  sweep::check<PowerOf<4>, double>({1e-30, 1e30, 4.5e-16, 7e-16});
  sweep::check<PowerOf<11>, double>({1e-200, 1e200, 4.5e-16, 7e-16});
  sweep::check<PowerOf<1000>, double>({0.01, 100.0, 4.5e-16, 7e-16});
  sweep::check<PowerOf<-1000>, double>({0.01, 100.0, 4.5e-16, 7e-16});
  sweep::check<PowerTo<13>, double>({-1450.0, 1460.0, 4.5e-16, 7e-16});
  sweep::check<PowerTo<1>, double>({-341.0, 340.0, 4.5e-16, 7e-16});
  sweep::check<PowerOf<8 * 100000>, double>({0.9935, 1.007, 4.5e-16, 7e-16});
}

TEST_CASE_TEMPLATE("logarithms are exact for powers of two", T, float, double, Unfused<float>,
                   Unfused<double>) {
  const int least = math::is_single<T> ? -126 : -1022;
  for (int n = least; n < 2 - least; ++n) {
    CHECK(real(math::log2(T(std::ldexp(math::real_t<T>(1), n)))) == n);
  }
  CHECK(real(math::log(math::constant<T>(1.0))) == 0);
  CHECK(real(math::log1p(math::constant<T>(0.0))) == 0);
}

TEST_CASE_TEMPLATE("logarithms of zero, negative numbers, infinity and NaN", T, float, double, Unfused<float>,
                   Unfused<double>) {
  const math::real_t<T> infinity = math::infinity<T>;
  const math::real_t<T> denormal = std::numeric_limits<math::real_t<T>>::denorm_min();
  for (const math::real_t<T> zero : {math::real_t<T>(0), -math::real_t<T>(0), denormal}) {
    CHECK(real(math::log(T(zero))) == -infinity);
    CHECK(real(math::log2(T(zero))) == -infinity);
  }
  CHECK(real(math::log1p(math::constant<T>(-1.0))) == -infinity);
  CHECK(real(math::log(T(infinity))) == infinity);
  CHECK(real(math::log2(T(infinity))) == infinity);
  CHECK(real(math::log1p(T(infinity))) == infinity);
  for (const math::real_t<T> bad : {-infinity, math::real_t<T>(-2), math::not_a_number<T>}) {
    CHECK(math::is_nan(math::log(T(bad))));
    CHECK(math::is_nan(math::log2(T(bad))));
    CHECK(math::is_nan(math::log1p(T(bad))));
  }
}

TEST_CASE_TEMPLATE(
    "powers at the edges are those of the C library, save 1 to the infinite and fractions of -infinity", T,
    float, double, Unfused<float>, Unfused<double>) {
  using Real = math::real_t<T>;
  const Real infinity = math::infinity<T>;
  const Real integers =
      math::is_single<T> ? Real(1 << 23) : Real(std::int64_t{1} << 52);  // all are, from here on
  const Real xs[] = {0,
                     Real(0.5),
                     1,
                     Real(1.5),
                     2,
                     infinity,
                     -1,
                     Real(-0.5),
                     -2,
                     -infinity,
                     Real(-1.5),
                     Real(1e30),
                     math::not_a_number<T>};
  const Real ys[] = {0,
                     1,
                     2,
                     3,
                     -1,
                     -2,
                     -3,
                     Real(0.5),
                     Real(-2.5),
                     infinity,
                     -infinity,
                     integers + 1,
                     integers + 2,
                     integers - 1,
                     2 * integers + 2,
                     integers / 2 + Real(0.5),
                     Real(1e30),
                     math::not_a_number<T>};
  for (const Real x : xs) {
    for (const Real y : ys) {
      CAPTURE(x);
      CAPTURE(y);
      const Real got = real(math::pow(T(x), T(y)));
      const Real expected = std::pow(x, y);
      const bool one_wins = std::abs(x) == 1 && !std::isfinite(y);  // in C, not here
      const bool fraction_of_infinity = x == -infinity && std::isfinite(y) && std::trunc(y) != y;
      if (one_wins || fraction_of_infinity) {
        CHECK(std::isnan(got));
      } else if (std::isnan(expected)) {
        CHECK(std::isnan(got));
      } else if (std::isinf(expected) || expected == 0 || std::abs(expected) == 1) {
        CHECK(got == expected);
      } else {
        CHECK(got == doctest::Approx(expected).epsilon(1e-6));
      }
    }
  }
}

TEST_CASE_TEMPLATE("powers never become denormal", T, float, double, Unfused<float>, Unfused<double>) {
  using Real = math::real_t<T>;
  for (const double edge : {math::is_single<T> ? -126.0 : -1022.0, math::is_single<T> ? 128.0 : 1024.0}) {
    for (const Real base : {Real(2), Real(1.5), Real(0.7), Real(10)}) {
      Real y = static_cast<Real>(static_cast<long double>(edge) / std::log2(static_cast<long double>(base)));
      for (int i = 0; i < 2000; ++i) y = std::nextafter(y, -math::infinity<T>);
      for (int i = 0; i < 4000; ++i) {
        const Real power = real(math::pow(T(base), T(y)));
        const bool normal_or_edge = power == 0 || power >= math::smallest_normal<T>;
        REQUIRE(normal_or_edge);
        y = std::nextafter(y, math::infinity<T>);
      }
    }
  }
}
