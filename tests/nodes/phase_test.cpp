// The phase of an oscillator: exact after minutes, at any frequency, and broadcast like everything else.
#include <doctest/doctest.h>

#include <retrograd/nodes/oscillator.hpp>
#include <retrograd/nodes/phase.hpp>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <numbers>
#include <random>
#include <vector>

using namespace retrograd;

namespace {

constexpr double two_pi = 2.0 * std::numbers::pi;

// The fraction of a turn that `hertz` (a whole number) has covered at sample n, in whole-number arithmetic.
double exact_turns(std::int64_t hertz, std::int64_t rate, std::int64_t n) {
  return static_cast<double>(hertz * n % rate) / static_cast<double>(rate);
}

// The worst error of a sine over its closed form, looking at every `step`-th sample.
double worst_error(const TensorView& y, std::int64_t hertz, std::int64_t rate, std::int64_t step) {
  double worst = 0.0;
  for (std::int64_t n = 0; n < y.shape.elements(); n += step) {
    const double error = std::abs(y.at(n) - std::sin(two_pi * exact_turns(hertz, rate, n)));
    worst = error <= worst ? worst : error;
  }
  return worst;
}

// Turns apart, on the circle.
double distance_on_circle(double a, double b) {
  const double d = a - b;
  return std::abs(d - std::round(d));
}

}  // namespace

TEST_CASE("60 s of 15 kHz in f32 stay within 1e-5 of the closed form") {
  constexpr std::int64_t rate = 44100, length = 60 * rate;
  Tape tape({.type = ElementType::f32, .sample_rate = rate, .length = length});
  const Var y = sinusoid(tape.constant(15000.0));
  tape.play({y});
  CHECK(worst_error(tape.value(y), 15000, rate, 7) <= 1e-5);
}

TEST_CASE("60 s of 15 kHz at audio rate in f32 stay within 1e-5 of the closed form") {
  constexpr std::int64_t rate = 44100, length = 60 * rate;
  Tape tape({.type = ElementType::f32, .sample_rate = rate});
  Tensor frequency(Shape{length}, ElementType::f32);
  frequency.fill(15000.0);
  const Var y = sinusoid(tape.input("frequency", frequency));
  tape.play({y});
  CHECK(worst_error(tape.value(y), 15000, rate, 7) <= 1e-5);
}

TEST_CASE("10 min of 100 Hz in f32 stay within 1e-5 of the closed form") {
  constexpr std::int64_t rate = 44100, length = 600 * rate;
  Tape tape({.type = ElementType::f32, .sample_rate = rate, .length = length});
  const Var y = sinusoid(tape.constant(100.0));
  tape.play({y});
  CHECK(worst_error(tape.value(y), 100, rate, 101) <= 1e-5);
}

TEST_CASE("frequencies beyond the sample rate, and negative ones, are reduced exactly") {
  constexpr double rate = 44100.0;
  constexpr std::int64_t length = 3000;
  for (const double hertz :
       {-0.25, -440.5, 22050.0, 44100.0, 44100.5, -44099.5, 1e6 + 0.25, -1e9 - 0.5, 3e9}) {
    const auto expected = [&](std::int64_t n) {
      const long double turns = static_cast<long double>(hertz) * static_cast<long double>(n);
      return static_cast<double>(std::fmod(turns, static_cast<long double>(rate)) /
                                 static_cast<long double>(rate));
    };
    for (const ElementType type : {ElementType::f64, ElementType::f32}) {
      Tape tape({.type = type, .sample_rate = rate, .length = length});
      const Var steady = phase(tape.constant(hertz));
      Tensor signal(Shape{length});
      signal.fill(hertz);
      const Var varying = phase(tape.input("frequency", signal));
      tape.play({steady, varying});
      const bool is_a_float = static_cast<double>(static_cast<float>(hertz)) == hertz;
      double worst_steady = 0.0, worst_varying = 0.0, largest = 0.0;
      for (std::int64_t n = 0; n < length; ++n) {
        worst_steady = std::max(worst_steady, distance_on_circle(tape.value(steady).at(n), expected(n)));
        worst_varying = std::max(worst_varying, distance_on_circle(tape.value(varying).at(n), expected(n)));
        largest =
            std::max({largest, std::abs(tape.value(steady).at(n)), std::abs(tape.value(varying).at(n))});
      }
      INFO(hertz << " Hz, " << std::string(name(type)));
      CHECK(worst_steady <= (type == ElementType::f64 ? 1e-12 : 1e-7));
      // The quotient frequency / rate has 53 bits, turns and fraction.
      if (type == ElementType::f64 || is_a_float)
        CHECK(worst_varying <=
              (type == ElementType::f64 ? 1e-12 : 1e-7) + 2e-16 * std::abs(hertz) / rate * length);
      CHECK(largest <= 0.5);
    }
  }
}

TEST_CASE("a frequency that varies is summed over the samples before") {
  constexpr std::int64_t length = 5000;
  std::mt19937 random(3);
  std::uniform_real_distribution<double> uniform(-3000.0, 9000.0);
  std::vector<double> frequency(length), modulation(length);
  for (double& f : frequency) f = uniform(random);
  for (double& m : modulation) m = uniform(random) / 1000.0;
  for (const int tile : {128, 512, 1024}) {
    Tape tape({.type = ElementType::f64, .sample_rate = 48000.0, .tile = tile});
    const Var turns = phase(tape.input("frequency", Tensor(std::span<const double>(frequency))),
                            tape.input("phase_mod", Tensor(std::span<const double>(modulation))));
    tape.play({turns});
    long double sum = 0.0L;
    double worst = 0.0;
    for (std::size_t n = 0; n < static_cast<std::size_t>(length); ++n) {
      const double expected = static_cast<double>(sum / 48000.0L) + modulation[n] / two_pi;
      worst =
          std::max(worst, distance_on_circle(tape.value(turns).at(static_cast<std::int64_t>(n)), expected));
      sum += static_cast<long double>(frequency[n]);
    }
    CHECK(worst <= 1e-12);
  }
}

TEST_CASE("without a sample rate a frequency is in radians per sample") {
  Tape tape({.type = ElementType::f64});
  const Var y = sinusoid(tape.constant(0.1), std::nullopt, 1000);
  const Var cosine = sinusoid(tape.constant(0.1), tape.constant(std::numbers::pi / 2), 1000);
  REQUIRE(y.shape() == Shape{1000});
  tape.play({y, cosine});
  double worst = 0.0;
  for (std::int64_t n = 0; n < 1000; ++n)
    worst = std::max({worst, std::abs(tape.value(y).at(n) - std::sin(0.1 * static_cast<double>(n))),
                      std::abs(tape.value(cosine).at(n) - std::cos(0.1 * static_cast<double>(n)))});
  CHECK(worst <= 1e-12);
}

TEST_CASE("frequency and phase modulation broadcast") {
  Tape tape({.type = ElementType::f64, .sample_rate = 1000.0});
  const Var frequency =
      tape.input("frequency", Tensor{1.0, 2.0, 3.0, 4.0, 5.0, 6.0}.reshaped(Shape{2, 3, 1}));
  Tensor modulations(Shape{3, 200});
  for (std::size_t i = 0; i < 600; ++i) modulations.as<double>()[i] = 0.01 * static_cast<double>(i);
  const Var modulation = tape.input("phase_mod", modulations);
  const Var turns = phase(frequency, modulation);
  REQUIRE(turns.shape() == Shape{2, 3, 200});
  tape.play({turns});
  double worst = 0.0;
  for (std::int64_t i = 0; i < 2; ++i)
    for (std::int64_t j = 0; j < 3; ++j)
      for (std::int64_t n = 0; n < 200; ++n) {
        const double hertz = static_cast<double>(3 * i + j + 1);
        const double expected =
            hertz * static_cast<double>(n) / 1000.0 + 0.01 * static_cast<double>(j * 200 + n) / two_pi;
        worst = std::max(worst, distance_on_circle(tape.value(turns).at((i * 3 + j) * 200 + n), expected));
      }
  CHECK(worst <= 1e-13);

  const Var two = tape.input("two", Tensor(Shape{2, 1})), three = tape.input("three", Tensor(Shape{3, 50}));
  CHECK_THROWS_WITH_AS(phase(two, three), doctest::Contains("[phase] shapes (2, 1) and (3, 50)"), ShapeError);
}

TEST_CASE("a frequency that is no number makes its row NaN from there on, and no other row") {
  constexpr std::int64_t length = 1700;
  constexpr double infinity = std::numeric_limits<double>::infinity();
  for (const ElementType type : {ElementType::f64, ElementType::f32})
    for (const double bad : {std::nan(""), infinity, -infinity}) {
      Tape tape({.type = type, .sample_rate = 44100.0, .length = length});
      const Var steady = tape.input("steady", Tensor{100.0, 200.0, 300.0}.reshaped(Shape{3, 1}));
      Tensor frequencies(Shape{3, length});
      for (std::size_t i = 0; i < 3 * length; ++i)
        frequencies.as<double>()[i] = 100.0 + 10.0 * static_cast<double>(i % 37);
      const Var varying = tape.input("varying", frequencies);
      const Var of_steady = sinusoid(steady), of_varying = sinusoid(varying);
      tape.play({of_steady, of_varying});
      const Tensor clean_steady(tape.value(of_steady)), clean_varying(tape.value(of_varying));

      tape.set(steady, Tensor{100.0, bad, 300.0}.reshaped(Shape{3, 1}));
      for (const std::size_t at : {0u, 1u, 15u, 127u, 128u, 511u, 512u, 1023u, 1696u, 1699u}) {
        Tensor poisoned = frequencies;
        poisoned.as<double>()[length + at] = bad;
        tape.set(varying, poisoned);
        tape.play({of_steady, of_varying});
        int wrong = 0;
        for (std::int64_t n = 0; n < length; ++n) {
          for (const std::int64_t row : {0, 2}) {
            wrong += tape.value(of_steady).at(row * length + n) != clean_steady.view().at(row * length + n);
            wrong += tape.value(of_varying).at(row * length + n) != clean_varying.view().at(row * length + n);
          }
          if (n > 0) wrong += !std::isnan(tape.value(of_steady).at(length + n));
          const double y = tape.value(of_varying).at(length + n);
          wrong +=
              n <= static_cast<std::int64_t>(at) ? y != clean_varying.view().at(length + n) : !std::isnan(y);
        }
        INFO(std::string(name(type)) << ", " << bad << " at sample " << at);
        CHECK(wrong == 0);
      }
    }
}

TEST_CASE("a length missing, given twice or of nothing is an error that says so") {
  Tape tape({.sample_rate = 44100.0});
  const Var number = tape.input("number", Tensor(440.0)), signal = tape.input("signal", Tensor(Shape{100}));
  CHECK_THROWS_WITH_AS(phase(number), doctest::Contains("a length is needed"), LengthMismatchError);
  CHECK_THROWS_WITH_AS(phase(number, number), doctest::Contains("a length is needed"), LengthMismatchError);
  CHECK_THROWS_WITH_AS(phase(signal, std::nullopt, 100),
                       doctest::Contains("[phase] a length of 100 was given"), LengthMismatchError);
  CHECK_THROWS_AS(phase(number, signal, 100), LengthMismatchError);
  CHECK_THROWS_AS(phase(number, std::nullopt, 0), LengthMismatchError);
  CHECK_THROWS_AS(phase(number, std::nullopt, -5), LengthMismatchError);
  CHECK_THROWS_AS(phase(signal, tape.input("shorter", Tensor(Shape{99}))), ShapeError);
  CHECK(phase(number, std::nullopt, 100).shape() == Shape{100});
  CHECK(phase(number, signal).shape() == Shape{100});
  Tape with_length({.sample_rate = 44100.0, .length = 70});
  CHECK(phase(with_length.constant(Tensor{1.0, 2.0}.reshaped(Shape{2, 1}))).shape() == Shape{2, 70});
}

namespace {

// The largest distance of the sum of two phases from the closed form: of the wave, and of its slope in turns.
template <class Real>
std::pair<double, double> worst_of_sums() {
  std::mt19937 random(7);
  std::uniform_real_distribution<double> turns(-0.5, 0.5);
  const Sinusoid sinusoid;
  double wave = 0.0, slope = 0.0;
  for (int i = 0; i < 1000000; ++i) {
    const Real a = i % 1000 == 0 ? Real(0.5) : static_cast<Real>(turns(random));
    const Real b = i % 1001 == 0 ? Real(0.25) : static_cast<Real>(turns(random));
    const auto of_a = Sinusoid::part(a), of_b = Sinusoid::part(b);
    const long double radians =
        2.0L * std::numbers::pi_v<long double> * (static_cast<long double>(a) + static_cast<long double>(b));
    wave = std::max(wave, static_cast<double>(std::abs(sinusoid.forward(of_a, of_b) - std::sin(radians))));
    const long double cosine =
        sinusoid.adjoint(Real(1.0), of_a, of_b) / (2.0L * std::numbers::pi_v<long double>);
    slope = std::max(slope, static_cast<double>(std::abs(cosine - std::cos(radians))));
  }
  return {wave, slope};
}

}  // namespace

TEST_CASE("a sine of a sum of phases keeps the error it documents") {
  const auto [wave, slope] = worst_of_sums<float>();
  CHECK(wave <= 4e-7);
  CHECK(slope <= 4e-7);
  const auto [double_wave, double_slope] = worst_of_sums<double>();
  CHECK(double_wave <= 8e-16);
  CHECK(double_slope <= 8e-16);
}
