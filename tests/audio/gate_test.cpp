// Gates of sounds whose envelope is known.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <numbers>
#include <random>
#include <vector>

#include <retrograd/audio/gate.hpp>
#include <retrograd/tensor/errors.hpp>

using retrograd::detect_gate;
using retrograd::DomainError;

namespace {

std::vector<double> sound(double seconds, double sample_rate, double frequency,
                          const std::function<double(double)>& envelope) {
  std::vector<double> x(static_cast<std::size_t>(seconds * sample_rate));
  for (std::size_t n = 0; n < x.size(); ++n) {
    const double t = static_cast<double>(n) / sample_rate;
    x[n] = envelope(t) * std::sin(2 * std::numbers::pi * frequency * t + 0.5);
  }
  return x;
}

}  // namespace

TEST_CASE("a tone that is switched on and off gives its on and off times") {
  for (const double rate : {8000.0, 44100.0, 96000.0}) {
    for (const double frequency : {110.0, 440.0, 3000.0}) {
      for (const double on : {0.0, 0.013, 0.4}) {
        CAPTURE(rate);
        CAPTURE(frequency);
        CAPTURE(on);
        const auto x =
            sound(1.5, rate, frequency, [&](double t) { return t >= on && t < on + 0.6 ? 0.3 : 0.0; });
        const auto gate = detect_gate(x, rate);
        CHECK(std::abs(gate.on - on) < 0.001);
        CHECK(std::abs(gate.off - (on + 0.6)) < 0.005);
      }
    }
  }
}

TEST_CASE("the gate of an ADSR note ends where the release starts") {
  for (const double sustain : {1.0, 0.7, 0.3}) {
    for (const double release : {0.01, 0.05, 0.2}) {
      CAPTURE(sustain);
      CAPTURE(release);
      const auto x = sound(3, 44100, 330, [&](double t) {
        const double held = std::min(t, 1.2);
        const double level =
            held < 0.05 ? held / 0.05 : sustain + (1 - sustain) * std::exp(-(held - 0.05) / 0.1);
        return level * std::exp(-std::max(0.0, t - 1.2) / release);
      });
      const auto gate = detect_gate(x, 44100);
      CHECK(gate.on < 0.002);
      CHECK(std::abs(gate.off - 1.2) < 0.03);
    }
  }
}

TEST_CASE("the gate of a struck sound ends where it is 20 dB down") {
  for (const double time : {0.03, 0.1, 0.5}) {
    CAPTURE(time);
    const auto x = sound(10 * time, 44100, 700, [&](double t) { return std::exp(-t / time); });
    const auto gate = detect_gate(x, 44100);
    CHECK(gate.on == 0);
    CHECK(std::abs(gate.off - time * std::log(10)) < 0.01);
  }
}

TEST_CASE("a sound that goes on until the recording ends keeps its gate until then") {
  CHECK(detect_gate(sound(0.5, 44100, 440, [](double) { return 1.0; }), 44100).off == 0.5);
  CHECK(detect_gate(sound(0.5, 44100, 440, [](double t) { return std::exp(-t / 0.3); }), 44100).off == 0.5);
  CHECK(detect_gate(sound(0.5, 44100, 440, [](double t) { return t; }), 44100).off == 0.5);
}

TEST_CASE("a noise floor moves the gate little") {
  std::mt19937 generator(3);
  std::normal_distribution<double> noise(0, 0.01);  // 37 dB below a sine of amplitude 1
  auto x = sound(3, 44100, 440, [](double t) { return t < 1 ? 1.0 : std::exp(-(t - 1) / 0.05); });
  for (double& sample : x) sample += noise(generator);
  const auto gate = detect_gate(x, 44100);
  CHECK(gate.on < 0.001);
  CHECK(std::abs(gate.off - 1) < 0.03);
}

TEST_CASE("the gate does not depend on the recording's level") {
  for (const double level : {1e-300, 1e-6, 1e300}) {
    auto x = sound(1, 8000, 440, [](double t) { return t > 0.1 && t < 0.5 ? 1.0 : 0.0; });
    const auto gate = detect_gate(x, 8000);
    for (double& sample : x) sample *= level;
    const auto scaled = detect_gate(x, 8000);
    CHECK(scaled.on == gate.on);
    CHECK(scaled.off == gate.off);
  }
}

TEST_CASE("every gate is open for a while and lies within its recording") {
  std::mt19937 generator(11);
  std::normal_distribution<double> noise;
  for (std::size_t size = 1; size < 2000; size = size * 5 / 4 + 1) {
    for (const double rate : {1.0, 100.0, 8000.0, 44100.0}) {
      std::vector<double> x(size);
      for (double& sample : x) sample = noise(generator);
      x[size / 2] = 100;
      const auto gate = detect_gate(x, rate);
      REQUIRE(gate.on >= 0);
      REQUIRE(gate.off > gate.on);
      REQUIRE(gate.off <= static_cast<double>(size) / rate);
    }
  }
  std::vector<double> click(44100, 0.0);
  click[22050] = 1;
  const auto gate = detect_gate(click, 44100);
  CHECK(gate.on == 0.5);
  CHECK(gate.off >= 0.505);
  CHECK(gate.off < 0.52);
}

TEST_CASE("gates refuse what is no recording, and say why") {
  CHECK_THROWS_WITH_AS(detect_gate({}, 44100), "the recording is empty: it has no samples", DomainError);
  CHECK_THROWS_WITH_AS(detect_gate(std::vector<double>(9, 0.0), 44100),
                       "the recording is silent: its peak is 0", DomainError);
  CHECK_THROWS_WITH_AS(detect_gate(std::vector<double>{1, std::numeric_limits<double>::infinity()}, 44100),
                       "the recording is damaged: sample 1 is infinite", DomainError);
  CHECK_THROWS_WITH_AS(detect_gate(std::vector<double>{1}, -8000),
                       "a sample rate must be a finite number of Hz above 0, not -8000", DomainError);
}
