#include "sweep.hpp"

namespace {

namespace math = retrograd::math;
using math::Unfused;
using sweep::real;

struct Tanh {
  template <class T>
  RETROGRAD_INLINE static T of(T x) {
    return math::tanh(x);
  }
  static long double reference(long double x) { return std::tanh(x); }
};
struct Sigmoid {
  template <class T>
  RETROGRAD_INLINE static T of(T x) {
    return math::sigmoid(x);
  }
  static long double reference(long double x) { return 1 / (1 + std::exp(-x)); }
};
struct Softplus {
  template <class T>
  RETROGRAD_INLINE static T of(T x) {
    return math::softplus(x);
  }
  static long double reference(long double x) {
    return x > 0 ? x + std::log1p(std::exp(-x)) : std::log1p(std::exp(x));
  }
};

}  // namespace

TEST_CASE("tanh, sigmoid and softplus stay within their relative errors at every level") {
  for (const double reach : {1e-3, 1.0, 10.0, 87.0}) {
    CAPTURE(reach);
    sweep::check<Tanh, float>({-reach, reach, 1.8e-7, 2.5e-7});
    sweep::check<Tanh, double>({-reach, reach, 4e-16, 5e-16});
    sweep::check<Sigmoid, float>({-reach, reach, 1.8e-7, 2.5e-7});
    sweep::check<Sigmoid, double>({-reach, reach, 3.5e-16, 5e-16});
    sweep::check<Softplus, float>({-reach, reach, 1.5e-7, 2.5e-7});
    sweep::check<Softplus, double>({-reach, reach, 3e-16, 5e-16});
  }
  sweep::check<Sigmoid, double>({-708.0, 708.0, 3.5e-16, 5e-16});
  sweep::check<Softplus, double>({-708.0, 708.0, 3e-16, 5e-16});
}

TEST_CASE_TEMPLATE("tanh, sigmoid and softplus reach their limits without overflow", T, float, double,
                   Unfused<float>, Unfused<double>) {
  const math::real_t<T> infinity = math::infinity<T>;
  for (const math::real_t<T> x : {math::real_t<T>(1000), math::real_t<T>(1e30), infinity}) {
    CHECK(real(math::tanh(T(x))) == 1);
    CHECK(real(math::tanh(T(-x))) == -1);
    CHECK(real(math::sigmoid(T(x))) == 1);
    CHECK(real(math::sigmoid(T(-x))) == 0);
    CHECK(real(math::softplus(T(x))) == x);
    CHECK(real(math::softplus(T(-x))) == 0);
  }
  CHECK(real(math::tanh(math::constant<T>(0.0))) == 0);
  CHECK(real(math::sigmoid(math::constant<T>(0.0))) == 0.5);
  const T nan = math::not_a_number<T>;
  CHECK(math::is_nan(math::tanh(nan)));
  CHECK(math::is_nan(math::sigmoid(nan)));
  CHECK(math::is_nan(math::softplus(nan)));
}
