#include "sweep.hpp"

namespace {

namespace math = retrograd::math;
using math::Unfused;
using sweep::real;

}  // namespace

TEST_CASE_TEMPLATE("a multiply-add rounds once, and twice where it is unfused", T, float, double) {
  const T tiny = std::numeric_limits<T>::epsilon();
  const T a = 1 + tiny;  // a*a = 1 + 2*tiny + tiny^2: the last term is lost when the product is rounded
  CHECK(math::fma(a, a, T(-1) - 2 * tiny) == tiny * tiny);
  CHECK(real(math::fma(Unfused<T>(a), Unfused<T>(a), Unfused<T>(T(-1) - 2 * tiny))) == 0);
}

TEST_CASE_TEMPLATE("the rounding error of a product is exact with and without fused multiply-add", T, float,
                   double) {
  std::mt19937_64 generator(1);
  std::uniform_real_distribution<T> any(T(-100), T(100));
  for (int i = 0; i < 10000; ++i) {
    const T a = any(generator), b = any(generator), product = a * b;
    const T error = std::fma(a, b, -product);
    REQUIRE(math::product_error(a, b, product) == error);
    REQUIRE(real(math::product_error(Unfused<T>(a), Unfused<T>(b), Unfused<T>(product))) == error);
  }
}

TEST_CASE_TEMPLATE("rounding goes to the nearest integer, halves to the even one", T, float, double,
                   Unfused<float>, Unfused<double>) {
  for (int i = -1000; i <= 1000; ++i) {
    const math::real_t<T> x = static_cast<math::real_t<T>>(i) / 8;
    CHECK(real(math::round_to_nearest(T(x))) == std::nearbyint(x));
  }
  CHECK(real(math::round_to_nearest(math::constant<T>(4194303.5))) == 4194304);
  CHECK(real(math::round_to_nearest(math::constant<T>(-4194304.0))) == -4194304);
}

TEST_CASE_TEMPLATE("signs, extremes and roots", T, float, double, Unfused<float>, Unfused<double>) {
  const auto number = [](double x) { return math::constant<T>(x); };
  const T nan = math::not_a_number<T>;
  CHECK(real(math::abs(number(-3.5))) == 3.5);
  CHECK(!std::signbit(real(math::abs(number(-0.0)))));
  CHECK(real(math::copysign(number(2.0), number(-0.0))) == -2);
  CHECK(real(math::copysign(number(-2.0), number(1.0))) == 2);
  CHECK(real(math::min(number(1.0), number(2.0))) == 1);
  CHECK(real(math::max(number(1.0), number(2.0))) == 2);
  CHECK(std::signbit(real(math::min(number(-0.0), number(0.0)))));  // a tie: the first
  CHECK(!std::signbit(real(math::max(number(0.0), number(-0.0)))));
  CHECK(math::is_nan(math::max(math::min(nan, number(1.0)), number(0.0))));
  CHECK(real(math::sqrt(number(6.25))) == 2.5);
  CHECK(math::is_nan(math::sqrt(number(-1.0))));
  CHECK(!math::is_nan(number(1.0)));
  CHECK(real(math::select(true, number(1.0), number(2.0))) == 1);
  CHECK(real(math::select(false, number(1.0), number(2.0))) == 2);
  CHECK(real(math::polynomial(number(2.0), 1.0, 3.0, 5.0)) == 27);
}
