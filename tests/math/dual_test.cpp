#include <doctest/doctest.h>

#include <cmath>
#include <initializer_list>
#include <retrograd/math/functions.hpp>

namespace {

namespace math = retrograd::math;
using Number = math::Dual<double>;

/// The tangent along 0.7 must be 0.7 times the slope of the function's values (five-point central
/// difference).
template <class Function>
void check_slope(Function function, double x) {
  CAPTURE(x);
  const double direction = 0.7, step = 1e-3;
  const Number y = function(Number(x, direction));
  CHECK(y.value == function(Number(x)).value);
  CHECK(function(Number(x)).tangent == 0);
  const auto value = [&](double offset) { return function(Number(x + offset * step)).value; };
  const double slope = (8 * (value(1) - value(-1)) - (value(2) - value(-2))) / (12 * step);
  CHECK(std::abs(y.tangent - direction * slope) <= 1e-9 * (1 + std::abs(slope)));
}

}  // namespace

TEST_CASE("the tangent of every function is its slope") {
  for (const double x : {-0.47, -0.3, -0.1, 0.013, 0.2, 0.45}) {
    check_slope([](Number u) { return math::sin_turns(u); }, x);
    check_slope([](Number u) { return math::cos_turns(u); }, x);
    check_slope([](Number u) { return math::tan_half_turns(0.5 * u); }, x);
  }
  for (const double x : {-7.3, -2.2, -0.4, 0.3, 1.7, 5.6}) {
    check_slope([](Number t) { return math::sin(t); }, x);
    check_slope([](Number t) { return math::cos(t); }, x);
    check_slope([](Number t) { return math::exp2(t); }, x);
    check_slope([](Number t) { return math::decay_exp2(t); }, -std::abs(x));
    check_slope([](Number t) { return math::exp(t); }, x);
    check_slope([](Number t) { return math::expm1(t); }, x);
    check_slope([](Number t) { return math::tanh(t); }, x);
    check_slope([](Number t) { return math::sigmoid(t); }, x);
    check_slope([](Number t) { return math::softplus(t); }, x);
    check_slope([](Number t) { return math::abs(t); }, x);
    check_slope([](Number t) { return math::copysign(t, Number(-1.0)); }, x);
    check_slope([](Number t) { return math::wrap_turns(t); }, x);
    check_slope([](Number t) { return math::round_to_nearest(t); }, x);
    check_slope([](Number t) { return math::fma(t, t, 3.0 * t); }, x);
    check_slope([](Number t) { return (2.0 - t) / (t * t + 1.0) - -t; }, x);
    check_slope([](Number t) { return math::pow(t, Number(3.0)); }, x);
    check_slope([](Number t) { return math::pow(Number(1.5), t); }, x);
  }
  for (const double x : {0.2, 0.9, 1.3, 20.0}) {
    check_slope([](Number t) { return math::sqrt(t); }, x);
    check_slope([](Number t) { return math::log(t); }, x);
    check_slope([](Number t) { return math::log2(t); }, x);
    check_slope([](Number t) { return math::log1p(t); }, x);
    check_slope([](Number t) { return math::pow(t, t); }, x);
  }
}

TEST_CASE("at a kink the tangent is the documented one") {
  const Number a(2.0, 1.0), b(2.0, 10.0);
  CHECK(math::abs(Number(0.0, 5.0)).tangent == 0);
  CHECK(math::min(a, b).tangent == 1);
  CHECK(math::max(a, b).tangent == 1);
  CHECK(math::max(a, b + 1.0).tangent == 10);
  CHECK(math::min(a, b - 1.0).tangent == 10);
  CHECK(math::decay_exp2(Number(-200.0, 1.0)).tangent == 0);
  CHECK(math::pow(Number(0.0, 1.0), Number(2.0, 1.0)).tangent == 0);
  CHECK(math::pow(Number(0.0, 1.0), Number(1.0, 1.0)).tangent == 1);
}

TEST_CASE("dual numbers mix with reals, compare by value and keep a slope where the value is flat") {
  Number x(3.0, 1.0);
  x += 1.0;
  x *= 2.0;
  x -= Number(0.0, 0.5);
  x /= 4.0;
  CHECK(x.value == 2.0);
  CHECK(x.tangent == 0.375);
  CHECK((1.0 < x));
  CHECK((x == Number(2.0, -7.0)));
  CHECK(math::select(x >= 2.0, x, Number(0.0)).tangent == 0.375);
  // 1 - tanh^2 would be 0 here.
  CHECK(math::tanh(Number(30.0, 1.0)).tangent == doctest::Approx(4 * std::exp(-60.0)).epsilon(1e-12));
  static_assert(std::is_same_v<math::real_t<Number>, double>);
}
