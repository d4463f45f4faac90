// Slopes by differences, of functions whose slope is known.
#include <doctest/doctest.h>

#include <cmath>
#include <functional>
#include <retrograd/gradcheck/measured_slope.hpp>
#include <retrograd/math/random.hpp>

using namespace retrograd;

namespace {

MeasuredSlope slope_of(const std::function<double(double)>& f, double at, double expected,
                       double low = -1e300, double high = 1e300) {
  return measure_slope(
      [&](double distance) -> std::optional<LossValue> {
        const double x = at + distance;
        if (x < low || x > high) return std::nullopt;
        return LossValue{f(x), std::abs(f(x))};
      },
      std::max(0.1, std::abs(at)), expected, 1e-6);
}

}  // namespace

TEST_CASE("a right slope agrees and one that is off by a ten-thousandth does not, at any scale") {
  int unclear = 0, cases = 0;
  for (double rate = 1e-4; rate < 1e7; rate *= 3.1)  // radians per unit
    for (const double at : {1e-3, 0.37, 5.2, 300.3}) {
      const auto f = [&](double x) { return 2.0 + std::sin(rate * x + 0.2); };
      const double slope = rate * std::cos(rate * at + 0.2);
      CAPTURE(rate);
      CAPTURE(at);
      const Agreement right = slope_of(f, at, slope).agreement,
                      wrong = slope_of(f, at, slope * 1.0001).agreement;
      CHECK(right != Agreement::disagrees);
      CHECK(wrong != Agreement::agrees);
      CHECK(slope_of(f, at, -slope).agreement != Agreement::agrees);
      CHECK(slope_of(f, at, 0.0).agreement != Agreement::agrees);
      unclear += (right == Agreement::cannot_tell) + (wrong == Agreement::cannot_tell);
      cases += 2;
    }
  CAPTURE(unclear);
  CAPTURE(cases);
  CHECK(unclear * 8 <= cases);
}

TEST_CASE("a slope is what small steps say: a plateau, and a kink nearby, do not mislead") {
  // Flat within 1e-5, as the decay of an envelope that is shorter than a sample.
  const auto plateau = [](double x) { return 3.0 + std::max(std::abs(x - 2e-5) - 1e-5, 0.0); };
  CHECK(slope_of(plateau, 2e-5, 0.0).agreement == Agreement::agrees);
  CHECK(slope_of(plateau, 2e-5, 0.5).agreement == Agreement::disagrees);
  for (const double distance : {1e-2, 1e-4, 1e-6, 1e-7, 1e-8}) {
    const auto bent = [&](double x) {
      return 1.0 + x + (x > 1.0 + distance ? 5.0 * (x - 1.0 - distance) : 0.0);
    };
    CAPTURE(distance);
    CHECK(slope_of(bent, 1.0, 1.0).agreement == Agreement::agrees);
    if (distance > 1e-6) CHECK(slope_of(bent, 1.0, 6.0).agreement == Agreement::disagrees);
  }
}

TEST_CASE("at a kink either side's slope is right, and no other between") {
  const auto corner = [](double x) { return 1.0 + std::abs(x - 0.5); };
  for (const double slope : {-1.0, 0.0, 1.0}) {
    const MeasuredSlope found = slope_of(corner, 0.5, slope);
    CHECK(found.agreement == Agreement::agrees);
    CHECK(found.at_kink);
  }
  CHECK(slope_of(corner, 0.5, 0.3).agreement == Agreement::disagrees);
}

TEST_CASE("a value at, and next to, the end of its domain has a slope") {
  const auto f = [](double x) { return std::exp(3.0 * x); };
  for (const double at : {0.0, 1e-12, 1e-9, 1e-7, 1e-3}) {
    CAPTURE(at);
    CHECK(slope_of(f, at, 3.0 * f(at), 0.0, 1.0).agreement == Agreement::agrees);
    CHECK(slope_of(f, at, 3.001 * f(at), 0.0, 1.0).agreement == Agreement::disagrees);
  }
}

TEST_CASE("a loss that is too rough for differences cannot tell") {
  const auto rough = [](double x) {
    math::Random random(static_cast<std::uint64_t>(std::llround(x * 1e15)));
    return 1.0 + x + 0.3 * random.uniform(-1.0, 1.0);
  };
  for (const double expected : {1.0, 1.1, 30.0, 0.0})
    CHECK(slope_of(rough, 0.4, expected).agreement == Agreement::cannot_tell);
  // With little roughness what can be told is told.
  const auto smooth = [&](double x) { return 1.0 + x * x + 1e-9 * rough(x); };
  CHECK(slope_of(smooth, 0.4, 0.8).agreement != Agreement::disagrees);
  CHECK(slope_of(smooth, 0.4, 1.6).agreement == Agreement::disagrees);
}

TEST_CASE("what a loss does not depend on has the slope 0") {
  CHECK(slope_of([](double) { return 0.3; }, 0.7, 0.0).agreement == Agreement::agrees);
  CHECK(slope_of([](double) { return 0.3; }, 0.7, 1e-3).agreement == Agreement::disagrees);
  // At the bottom of a loss, as far as its rounding lets one see.
  CHECK(slope_of([](double x) { return 2.0 + (x - 0.7) * (x - 0.7); }, 0.7, 0.0).agreement ==
        Agreement::agrees);
}
