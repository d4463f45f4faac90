#include "sweep.hpp"

namespace {

namespace math = retrograd::math;
using math::Unfused;
using sweep::real;

constexpr long double pi = 3.14159265358979323846264338327950288L;

struct SinTurns {
  template <class T>
  RETROGRAD_INLINE static T of(T u) {
    return math::sin_turns(u);
  }
  static long double reference(long double u) { return std::sin(2 * pi * u); }
};
struct CosTurns {
  template <class T>
  RETROGRAD_INLINE static T of(T u) {
    return math::cos_turns(u);
  }
  static long double reference(long double u) { return std::cos(2 * pi * u); }
};
struct TanHalfTurns {
  template <class T>
  RETROGRAD_INLINE static T of(T u) {
    return math::tan_half_turns(u);
  }
  static long double reference(long double u) { return std::tan(pi * u); }
};
struct Sin {
  template <class T>
  RETROGRAD_INLINE static T of(T x) {
    return math::sin(x);
  }
  static long double reference(long double x) { return std::sin(x); }
};
struct Cos {
  template <class T>
  RETROGRAD_INLINE static T of(T x) {
    return math::cos(x);
  }
  static long double reference(long double x) { return std::cos(x); }
};
struct Atan {
  template <class T>
  RETROGRAD_INLINE static T of(T x) {
    return math::atan(x);
  }
  static long double reference(long double x) { return std::atan(x); }
};
struct WrapTurns {
  template <class T>
  RETROGRAD_INLINE static T of(T x) {
    return math::wrap_turns(x);
  }
  static long double reference(long double x) { return x - std::nearbyint(x); }
};

}  // namespace

TEST_CASE("sine and cosine in turns stay within their errors at every level") {
  sweep::check<SinTurns, float>({-0.5, 0.5, 1.6e-7, 2.5e-7, true});
  sweep::check<SinTurns, double>({-0.5, 0.5, 3e-16, 5e-16, true});
  sweep::check<CosTurns, float>({-0.5, 0.5, 2e-7, 3e-7, true});
  sweep::check<CosTurns, double>({-0.5, 0.5, 4e-16, 6e-16, true});
}

TEST_CASE("the tangent of half turns stays within its error at every level") {
  sweep::check<TanHalfTurns, float>({-0.49, 0.49, 3e-7, 3e-6});
  sweep::check<TanHalfTurns, double>({-0.49, 0.49, 5e-16, 5e-15});
}

TEST_CASE("sine and cosine in radians stay within their errors at every level") {
  for (const double reach : {0.1, 4.0, 1000.0, 99999.0}) {
    CAPTURE(reach);
    sweep::check<Sin, float>({-reach, reach, 1.7e-7, 1e-5});
    sweep::check<Sin, double>({-reach, reach, 2.5e-16, 1e-13});
    sweep::check<Cos, float>({-reach, reach, 1.7e-7, 1e-5});
    sweep::check<Cos, double>({-reach, reach, 2.5e-16, 1e-13});
    sweep::check<Sin, float>({-reach, reach, 1.3e-7, 2e-7, true});
    sweep::check<Cos, float>({-reach, reach, 1.3e-7, 2e-7, true});
    sweep::check<Sin, double>({-reach, reach, 2.5e-16, 3e-16, true});
    sweep::check<Cos, double>({-reach, reach, 2.5e-16, 3e-16, true});
  }
}

TEST_CASE(
    "sine and cosine keep their absolute error up to the largest angle they take, and are 0 from there on") {
  const auto check = [](auto zero, double limit, double bound) {
    using T = decltype(zero);
    for (double x = 1e5; x < limit; x *= 1.0 + 1e-4) {
      for (const double angle : {x, -x, std::nextafter(limit, 0.0)}) {
        const T radians = static_cast<T>(angle);
        if (std::abs(static_cast<double>(radians)) >= limit) continue;
        CAPTURE(angle);
        REQUIRE(std::abs(math::sin(radians) - std::sin(static_cast<long double>(radians))) <= bound);
        REQUIRE(std::abs(math::cos(radians) - std::cos(static_cast<long double>(radians))) <= bound);
      }
    }
    for (const double x : {limit, 2.0 * limit, 1e30}) {
      CHECK(math::sin(static_cast<T>(x)) == T(0));
      CHECK(math::cos(static_cast<T>(-x)) == T(0));
    }
  };
  check(0.0f, 1048576.0, 1.5e-7);
  check(0.0, 1099511627776.0, 2.5e-16);
}

TEST_CASE("wrapping removes whole turns exactly") {
  for (const double reach : {1.0, 1000.0, 4e6}) {
    sweep::check<WrapTurns, float>({-reach, reach, 0.0, 0.0, true});
    sweep::check<WrapTurns, double>({-reach, reach, 0.0, 0.0, true});
  }
}

TEST_CASE_TEMPLATE("a phase in turns hits its zeros and extremes exactly", T, float, double, Unfused<float>,
                   Unfused<double>) {
  for (const double u : {0.0, 0.5, -0.5}) CHECK(real(math::sin_turns(math::constant<T>(u))) == 0);
  for (const double u : {0.25, -0.25}) CHECK(real(math::cos_turns(math::constant<T>(u))) == 0);
  CHECK(real(math::cos_turns(math::constant<T>(0.0))) == 1);
  CHECK(real(math::sin(math::constant<T>(0.0))) == 0);
  CHECK(real(math::wrap_turns(math::constant<T>(7.5))) == -0.5);
  CHECK(real(math::wrap_turns(math::constant<T>(-2.75))) == 0.25);
}

TEST_CASE_TEMPLATE("angles that are not finite give NaN, huge ones a number", T, float, double,
                   Unfused<float>, Unfused<double>) {
  const math::real_t<T> infinity = math::infinity<T>;
  for (const math::real_t<T> bad : {math::not_a_number<T>, infinity, -infinity}) {
    CHECK(math::is_nan(math::wrap_turns(T(bad))));
    CHECK(math::is_nan(math::sin(T(bad))));
    CHECK(math::is_nan(math::cos(T(bad))));
  }
  CHECK(math::is_nan(math::sin_turns(T(math::not_a_number<T>))));
  CHECK(math::is_nan(math::cos_turns(T(math::not_a_number<T>))));
  for (double x = 1.0; x < 1e30; x *= 1.7) {
    for (const double angle : {x, -x}) {
      CAPTURE(angle);
      CHECK(std::abs(real(math::sin(math::constant<T>(angle)))) <= 1);
      CHECK(std::abs(real(math::cos(math::constant<T>(angle)))) <= 1);
      CHECK(std::abs(real(math::wrap_turns(math::constant<T>(angle)))) <= 0.5);
    }
  }
  CHECK(real(math::wrap_turns(math::constant<T>(1e30))) == 0);
}

TEST_CASE("the arctangent stays within its relative error at every level, and reaches its limits") {
  for (const double reach : {1e-3, 0.4, 1.0, 3.0, 1e3, 1e9}) {
    CAPTURE(reach);
    sweep::check<Atan, float>({-reach, reach, 1.9e-7, 2.5e-7});
    sweep::check<Atan, double>({-reach, reach, 3e-16, 5e-16});
  }
  CHECK(math::atan(math::infinity<float>) == 1.5707964f);
  CHECK(math::atan(-math::infinity<double>) == -1.5707963267948966);
  CHECK(math::is_nan(math::atan(math::not_a_number<float>)));
  CHECK(math::atan(0.0f) == 0.0f);
}
