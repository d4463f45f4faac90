#include "sweep.hpp"

namespace {

namespace math = retrograd::math;
using math::Unfused;
using sweep::real;

struct Exp2 {
  template <class T>
  RETROGRAD_INLINE static T of(T x) {
    return math::exp2(x);
  }
  static long double reference(long double x) { return std::exp2(x); }
};
struct DecayExp2 {
  template <class T>
  RETROGRAD_INLINE static T of(T x) {
    return math::decay_exp2(x);
  }
  static long double reference(long double x) { return x < -100 ? 0 : std::exp2(x); }
};
struct Exp {
  template <class T>
  RETROGRAD_INLINE static T of(T x) {
    return math::exp(x);
  }
  static long double reference(long double x) { return std::exp(x); }
};
struct Expm1 {
  template <class T>
  RETROGRAD_INLINE static T of(T x) {
    return math::expm1(x);
  }
  static long double reference(long double x) { return std::expm1(x); }
};

}  // namespace

TEST_CASE("powers of two stay within their errors at every level") {
  sweep::check<Exp2, float>({-126.0, 127.99, 7e-8, 1e-7});
  sweep::check<Exp2, float>({-1.0, 1.0, 7e-8, 1e-7});
  sweep::check<Exp2, double>({-1022.0, 1023.99, 1.4e-16, 2e-16});
  sweep::check<Exp2, double>({-1.0, 1.0, 1.4e-16, 2e-16});
  for (const double least : {-1.0, -100.0, -1e6}) {
    sweep::check<DecayExp2, float>({least, 0.0, 7e-8, 1e-7});
    sweep::check<DecayExp2, double>({least, 0.0, 1.4e-16, 2e-16});
  }
}

TEST_CASE("powers of e stay within their errors at every level") {
  sweep::check<Exp, float>({-87.33, 88.72, 9e-8, 1.2e-7});
  sweep::check<Exp, float>({-1.0, 1.0, 9e-8, 1.2e-7});
  sweep::check<Exp, double>({-708.39, 709.78, 1.7e-16, 2.5e-16});
  sweep::check<Exp, double>({-1.0, 1.0, 1.7e-16, 2.5e-16});
  for (const double reach : {0.5, 2.0, 88.0}) {
    sweep::check<Expm1, float>({-reach, reach, 1.3e-7, 2e-7});
    sweep::check<Expm1, double>({-reach, reach, 2.8e-16, 4e-16});
  }
  sweep::check<Expm1, double>({-800.0, 709.0, 2.8e-16, 4e-16});
}

TEST_CASE_TEMPLATE("powers are exact where they must be", T, float, double, Unfused<float>, Unfused<double>) {
  CHECK(real(math::exp(math::constant<T>(0.0))) == 1);
  CHECK(real(math::expm1(math::constant<T>(0.0))) == 0);
  const int least = math::is_single<T> ? -126 : -1022;
  for (int n = least; n < 2 - least; ++n) {
    const math::real_t<T> expected = std::ldexp(math::real_t<T>(1), n);
    CHECK(real(math::exp2(math::constant<T>(n))) == expected);
    if (n <= 0) CHECK(real(math::decay_exp2(math::constant<T>(n))) == (n < -100 ? 0 : expected));
  }
}

TEST_CASE_TEMPLATE("powers overflow to infinity and never become denormal", T, float, double, Unfused<float>,
                   Unfused<double>) {
  const math::real_t<T> infinity = math::infinity<T>, largest = std::numeric_limits<math::real_t<T>>::max();
  const double octaves = math::is_single<T> ? 128.0 : 1024.0;
  for (const double x : {octaves, octaves + 0.3, 1e9, 1e30}) {
    CHECK(real(math::exp2(math::constant<T>(x))) == infinity);
    CHECK(real(math::exp(math::constant<T>(x))) == infinity);
    CHECK(real(math::expm1(math::constant<T>(x))) == infinity);
    CHECK(real(math::exp2(math::constant<T>(-x))) == 0);
    CHECK(real(math::exp(math::constant<T>(-x))) == 0);
    CHECK(real(math::expm1(math::constant<T>(-x))) == -1);
    CHECK(real(math::decay_exp2(math::constant<T>(-x))) == 0);
  }
  CHECK(real(math::exp2(T(infinity))) == infinity);
  CHECK(real(math::exp(T(infinity))) == infinity);
  CHECK(real(math::expm1(T(infinity))) == infinity);
  CHECK(real(math::exp2(T(-infinity))) == 0);
  CHECK(real(math::exp(T(-infinity))) == 0);
  CHECK(real(math::expm1(T(-infinity))) == -1);
  CHECK(real(math::decay_exp2(T(-infinity))) == 0);
  CHECK(real(math::exp2(T(std::nextafter(static_cast<math::real_t<T>>(octaves), math::real_t<T>(0))))) <=
        largest);

  // Steps of a few thousand neighbours through the places where the result leaves the normal numbers.
  for (const double edge :
       {octaves, 2 - octaves, octaves * 0.6931471805599453, (2 - octaves) * 0.6931471805599453}) {
    math::real_t<T> x = static_cast<math::real_t<T>>(edge);
    for (int i = 0; i < 2000; ++i) x = std::nextafter(x, -infinity);
    for (int i = 0; i < 4000; ++i) {
      for (const math::real_t<T> y : {real(math::exp2(T(x))), real(math::exp(T(x)))}) {
        const bool normal_or_edge = y == 0 || y >= math::smallest_normal<T>;
        if (!normal_or_edge) CAPTURE(x);
        REQUIRE(normal_or_edge);
      }
      x = std::nextafter(x, infinity);
    }
  }
}

TEST_CASE_TEMPLATE("powers of NaN are NaN", T, float, double, Unfused<float>, Unfused<double>) {
  const T nan = math::not_a_number<T>;
  CHECK(math::is_nan(math::exp2(nan)));
  CHECK(math::is_nan(math::decay_exp2(nan)));
  CHECK(math::is_nan(math::exp(nan)));
  CHECK(math::is_nan(math::expm1(nan)));
}
