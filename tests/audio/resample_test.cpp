// Resampling against closed forms: a sampled sine at another rate is the same sine sampled there.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <random>
#include <vector>

#include <retrograd/audio/resample.hpp>
#include <retrograd/tensor/errors.hpp>

using retrograd::DomainError;
using retrograd::resample;

namespace {

std::vector<double> sine(std::size_t size, double frequency, double sample_rate) {
  std::vector<double> x(size);
  for (std::size_t n = 0; n < size; ++n) {
    x[n] = std::sin(2 * std::numbers::pi * frequency * static_cast<double>(n) / sample_rate + 0.3);
  }
  return x;
}

/// The largest |x - y| away from the ends, where the kernel reaches into the silence outside.
double worst_inside(const std::vector<double>& x, const std::vector<double>& y, double margin) {
  const auto skip = static_cast<std::size_t>(margin);
  double worst = 0;
  for (std::size_t n = skip; n + skip < x.size(); ++n) worst = std::max(worst, std::abs(x[n] - y[n]));
  return worst;
}

struct Rates {
  double from, to;
};
constexpr Rates pairs[] = {
    {44100, 48000}, {48000, 44100}, {44100, 22050},  {22050, 44100},
    {96000, 44100}, {8000, 44100},  {44100, 8000},   {44100, 44100 * std::numbers::sqrt2},
    {11025, 11026}, {1, 3},         {192000, 44100}, {44100, 43999.25}};

}  // namespace

TEST_CASE("a sine in the pass band comes out as the same sine, sample 0 on sample 0") {
  for (const Rates& rates : pairs) {
    const double from = rates.from, to = rates.to;
    for (const double part : {0.01, 0.3, 0.6, 0.9}) {
      CAPTURE(from);
      CAPTURE(to);
      CAPTURE(part);
      const double frequency = part * std::min(from, to) / 2;
      const double lower_samples = 600;
      const auto size = static_cast<std::size_t>(lower_samples * from / std::min(from, to));
      const auto y = resample(sine(size, frequency, from), from, to);
      CHECK(worst_inside(y, sine(y.size(), frequency, to), 90 * to / std::min(from, to)) < 2e-6);
    }
  }
}

TEST_CASE("what the lower rate cannot hold is at least 118 dB down") {
  for (const Rates& rates : pairs) {
    const double from = rates.from, to = rates.to;
    if (to > 0.9 * from) continue;
    for (double frequency = to / 2; frequency < from / 2; frequency += 0.05 * from + 1) {
      CAPTURE(from);
      CAPTURE(to);
      CAPTURE(frequency);
      const auto size = static_cast<std::size_t>(400 * from / to);
      const auto y = resample(sine(size, frequency, from), from, to);
      const std::vector<double> nothing(y.size(), 0.0);
      CHECK(worst_inside(y, nothing, 90) < std::pow(10, -118.0 / 20));
    }
  }
}

TEST_CASE("a higher rate adds no images above the recording's band") {
  // At 4 times the rate an image of f stands at rate - f; a resampled sine that equals the closed form has
  // none, so this looks at a sine close to the band's edge.
  const auto y = resample(sine(800, 9000, 20000), 20000, 80000);
  CHECK(worst_inside(y, sine(y.size(), 9000, 80000), 90 * 4) < 2e-6);
}

TEST_CASE("there and back again returns a band-limited sound") {
  std::mt19937 generator(7);
  std::vector<double> x(3000, 0.0);
  for (int partial = 0; partial < 20; ++partial) {
    const double frequency = 1000.0 * (partial + 1) * std::generate_canonical<double, 53>(generator);
    const auto part = sine(x.size(), std::min(frequency, 15000.0), 44100);
    for (std::size_t n = 0; n < x.size(); ++n) x[n] += part[n] / 20;
  }
  for (const double rate : {48000.0, 96000.0, 36000.0, 44100 * std::numbers::phi}) {
    CAPTURE(rate);
    const auto back = resample(resample(x, 44100, rate), rate, 44100);
    CHECK(worst_inside(back, x, 300) < 4e-6);
  }
}

TEST_CASE("a lone sample stays where it was") {
  std::vector<double> x(1001, 0.0);
  x[500] = 1;
  const auto y = resample(x, 44100, 88200);
  CHECK(y.size() == 2002);
  CHECK(std::max_element(y.begin(), y.end()) - y.begin() == 1000);
  for (std::size_t k = 1; k < 900; ++k) REQUIRE(std::abs(y[1000 + k] - y[1000 - k]) < 1e-12);
}

TEST_CASE("the result covers the recording's duration, no sample more") {
  const std::vector<double> x(441, 0.5);
  CHECK(resample(x, 44100, 48000).size() == 480);
  CHECK(resample(x, 44100, 44100).size() == 441);
  CHECK(resample(x, 44100, 22050).size() == 221);
  CHECK(resample(x, 44100, 100).size() == 1);
  CHECK(resample(x, 44100, 1).size() == 1);
  CHECK(resample(std::vector<double>{1.0}, 48000, 44100).size() == 1);
  CHECK(resample(std::vector<double>(12271, 0.1), 44100, 48000).size() == 13357);
}

TEST_CASE("the beginning alone is the beginning of the whole, from what it needs of a long recording") {
  std::mt19937 generator(3);
  std::uniform_real_distribution<double> uniform(-1, 1);
  std::vector<double> x(20000);
  for (double& value : x) value = uniform(generator);
  for (const Rates& rates : pairs) {
    CAPTURE(rates.from);
    CAPTURE(rates.to);
    const auto whole = resample(x, rates.from, rates.to);
    CHECK(whole.size() == retrograd::resampled_size(x.size(), rates.from, rates.to));
    for (const std::size_t most : {std::size_t{1}, std::size_t{700}, whole.size(), whole.size() + 5}) {
      const auto part = resample(x, rates.from, rates.to, most);
      REQUIRE(part.size() == std::min(most, whole.size()));
      for (std::size_t m = 0; m < part.size(); ++m) REQUIRE(std::abs(part[m] - whole[m]) < 1e-8);
    }
  }
  CHECK(resample(x, 44100, 44100, 10) == std::vector<double>(x.begin(), x.begin() + 10));
  CHECK(retrograd::resampled_size(441, 44100, 48000) == 480);
}

TEST_CASE("equal rates change no bit, and silence stays silence") {
  const auto x = sine(100, 440, 44100);
  CHECK(resample(x, 44100, 44100) == x);
  CHECK(resample(std::vector<double>(50, 0.0), 44100, 48000) == std::vector<double>(55, 0.0));
}

TEST_CASE("resampling refuses what it cannot do, and says why") {
  const std::vector<double> x{0.0, 1.0, 0.5};
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const double infinity = std::numeric_limits<double>::infinity();
  CHECK_THROWS_WITH_AS(resample({}, 44100, 48000), "the recording is empty: it has no samples", DomainError);
  CHECK_THROWS_WITH_AS(resample(std::vector<double>{0.0, nan}, 44100, 48000),
                       "the recording is damaged: sample 1 is NaN", DomainError);
  CHECK_THROWS_WITH_AS(resample(std::vector<double>{-infinity}, 44100, 48000),
                       "the recording is damaged: sample 0 is infinite", DomainError);
  CHECK_THROWS_WITH_AS(resample(x, 0, 48000), "a sample rate must be a finite number of Hz above 0, not 0",
                       DomainError);
  CHECK_THROWS_WITH_AS(resample(x, 44100, -1), "a sample rate must be a finite number of Hz above 0, not -1",
                       DomainError);
  CHECK_THROWS_WITH_AS(resample(x, nan, 1), "a sample rate must be a finite number of Hz above 0, not nan",
                       DomainError);
  CHECK_THROWS_WITH_AS(resample(x, infinity, 1),
                       "a sample rate must be a finite number of Hz above 0, not inf", DomainError);
  CHECK_THROWS_WITH_AS(
      resample(x, 1, 1e12),
      "resampling 3 samples from 1 Hz to 1e+12 Hz would give 3e+12 samples; 2147483648 is the most",
      DomainError);
}
