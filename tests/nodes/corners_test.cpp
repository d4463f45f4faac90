// Where a slope is finite a gradient is a number: at the corners of every formula, and in what a select does not take.
#include <doctest/doctest.h>

#include <retrograd/math/simd.hpp>
#include <retrograd/nodes/all.hpp>
#include <retrograd/tape/tape.hpp>

#include <cmath>
#include <functional>
#include <limits>
#include <vector>

using namespace retrograd;

namespace {

using Builder = std::function<Var(const std::vector<Var>&)>;

// The gradients of sum(seed * y) with regard to each input, at one point: of numbers and of signals, in both types and at
// every SIMD level, which all have to agree.
std::vector<double> slopes(const Builder& build, const std::vector<double>& at, double seed = 1.0) {
  std::vector<double> slopes;
  const math::SimdLevel before = math::simd_level();
  for (const math::SimdLevel level : {math::SimdLevel::plain, math::SimdLevel::v3, math::SimdLevel::v4}) {
    if (!math::set_simd_level(level)) continue;
    for (const ElementType type : {ElementType::f32, ElementType::f64})
      for (const std::int64_t length : {std::int64_t{1}, std::int64_t{37}}) {
        Tape tape({.type = type});
        std::vector<Var> inputs;
        for (const double value : at) {
          Tensor tensor(Shape{length});
          tensor.fill(value);
          inputs.push_back(tape.parameter("x" + std::to_string(inputs.size()), tensor));
        }
        const Var y = build(inputs);
        tape.play({y});
        Tensor seeds(y.shape());
        seeds.fill(seed);
        tape.rewind(y, seeds);
        std::vector<double> here;
        for (const Var input : inputs)
          for (std::int64_t n = 0; n < length; ++n) {
            const double slope = tape.gradient(input).at(n);
            if (n == 0)
              here.push_back(slope);
            else
              CHECK((slope == here.back() || (std::isnan(slope) && std::isnan(here.back()))));
          }
        if (slopes.empty()) slopes = here;
        for (std::size_t i = 0; i < here.size(); ++i)
          CHECK((here[i] == doctest::Approx(slopes[i]) || here[i] == slopes[i] ||
                 (std::isnan(here[i]) && std::isnan(slopes[i]))));
      }
  }
  math::set_simd_level(before);
  return slopes;
}

using Slopes = std::vector<double>;
constexpr double infinite = std::numeric_limits<double>::infinity();

Var power(const std::vector<Var>& x) { return pow(x[0], x[1]); }
Var quotient(const std::vector<Var>& x) { return x[0] / x[1]; }

}  // namespace

TEST_CASE("a power has the slopes it has at 0, of the base and of the exponent") {
  CHECK(slopes(power, {0.0, 0.0}) == Slopes{0.0, 0.0});
  CHECK(slopes(power, {0.0, 1.0}) == Slopes{1.0, 0.0});
  CHECK(slopes(power, {0.0, 2.0}) == Slopes{0.0, 0.0});
  CHECK(slopes(power, {0.0, 3.5}) == Slopes{0.0, 0.0});
  CHECK(slopes(power, {0.0, 0.5}) == Slopes{infinite, 0.0});
  CHECK(slopes(power, {-2.0, 0.0}) == Slopes{0.0, 0.0});
  CHECK(slopes(power, {-2.0, 2.0}) == Slopes{-4.0, 0.0});
  CHECK(slopes(power, {-2.0, 3.0}) == Slopes{12.0, 0.0});
  CHECK(slopes(power, {3.0, 0.0})[0] == 0.0);
  CHECK(slopes(power, {3.0, 0.0})[1] == doctest::Approx(std::log(3.0)));
  CHECK(slopes(power, {1.0, 0.0}) == Slopes{0.0, 0.0});
  CHECK(std::abs(slopes(power, {1e-42, 2.0})[1]) < 1e-80);  // denormal in f32: counts as 0
}

TEST_CASE("absolute values, bounds and choices have the slopes at their corners that are documented") {
  CHECK(slopes([](const auto& x) { return abs(x[0]); }, {0.0}) == Slopes{0.0});
  CHECK(slopes([](const auto& x) { return max(x[0], x[1]); }, {2.0, 2.0}) == Slopes{1.0, 0.0});
  CHECK(slopes([](const auto& x) { return min(x[0], x[1]); }, {2.0, 2.0}) == Slopes{1.0, 0.0});
  CHECK(slopes([](const auto& x) { return square(x[0]); }, {0.0}) == Slopes{0.0});
  CHECK(slopes([](const auto& x) { return tanh(x[0]); }, {1000.0}) == Slopes{0.0});
  CHECK(slopes([](const auto& x) { return sigmoid(x[0]); }, {-1000.0}) == Slopes{0.0});
  CHECK(slopes([](const auto& x) { return softplus(x[0]); }, {1000.0}) == Slopes{1.0});
  CHECK(slopes([](const auto& x) { return exp(x[0]); }, {-1000.0}) == Slopes{0.0});
  CHECK(slopes(quotient, {0.0, 2.0}) == Slopes{0.5, 0.0});
}

TEST_CASE("slopes that are infinite are, and carry nothing where nothing comes in") {
  const Builder root = [](const auto&x) { return sqrt(x[0]); },
                logarithm = [](const auto&x) { return log(x[0]); };
  CHECK(slopes(root, {0.0}) == Slopes{infinite});
  CHECK(slopes(logarithm, {0.0}) == Slopes{infinite});
  CHECK(slopes(quotient, {1.0, 0.0}) == Slopes{infinite, -infinite});
  CHECK(slopes(root, {0.0}, 0.0) == Slopes{0.0});
  CHECK(slopes(root, {-1.0}, 0.0) == Slopes{0.0});
  CHECK(slopes(logarithm, {0.0}, 0.0) == Slopes{0.0});
  CHECK(slopes(logarithm, {-1.0}, 0.0) == Slopes{0.0});
  CHECK(slopes(quotient, {1.0, 0.0}, 0.0) == Slopes{0.0, 0.0});
  CHECK(slopes(quotient, {0.0, 0.0}, 0.0) == Slopes{0.0, 0.0});
  CHECK(slopes(power, {0.0, 0.5}, 0.0) == Slopes{0.0, 0.0});
  CHECK(slopes(power, {0.0, -1.0}, 0.0)[0] == 0.0);
  CHECK(slopes(power, {-1.0, 0.5}, 0.0) == Slopes{0.0, 0.0});
  CHECK(slopes([](const auto& x) { return exp(x[0]); }, {1000.0}, 0.0) == Slopes{0.0});
}

TEST_CASE("what a select does not take leaves no NaN in a gradient, but for a factor: that is documented") {
  const auto taken_if_positive = [](const std::function<Var(Var)>& f) {
    return [f](const std::vector<Var>& x) { return select(x[0] > 0.0, f(x[0]), x[0] * 0.0 + 1.0); };
  };
  for (const double x : {0.0, -1.0}) {
    CAPTURE(x);
    CHECK(slopes(taken_if_positive([](Var v) { return sqrt(v); }), {x}) == Slopes{0.0});
    CHECK(slopes(taken_if_positive([](Var v) { return log(v); }), {x}) == Slopes{0.0});
    CHECK(slopes(taken_if_positive([](Var v) { return pow(v, 0.5); }), {x}) == Slopes{0.0});
  }
  CHECK(slopes(taken_if_positive([](Var v) { return 1.0 / v; }), {0.0}) == Slopes{0.0});
  const Builder scaled = [](const auto& x) { return select(x[0] > 0.0, x[1] * log(x[0]), x[0]); };
  CHECK(std::isnan(slopes(scaled, {-1.0, 2.0})[1]));
  const Builder chosen_first = [](const auto& x) {
    return select(x[0] > 0.0, x[1] * log(select(x[0] > 0.0, x[0], x[0] * 0.0 + 1.0)), x[0]);
  };
  CHECK(slopes(chosen_first, {-1.0, 2.0}) == Slopes{1.0, 0.0});
}
