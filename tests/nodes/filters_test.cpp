// Filters against plain loops in double, against the closed forms of their frequency responses, and on inputs that would break them.
#include <doctest/doctest.h>

#include "../tape/bits.hpp"

#include <retrograd/nodes/arithmetic.hpp>
#include <retrograd/nodes/biquad.hpp>
#include <retrograd/nodes/one_pole.hpp>
#include <retrograd/nodes/state_variable.hpp>

#include <algorithm>
#include <cmath>
#include <complex>
#include <cstdlib>
#include <functional>
#include <numbers>
#include <random>
#include <vector>

using namespace retrograd;

namespace {

constexpr double pi = std::numbers::pi, rate = 48000.0;
using Signal = std::vector<double>;
using Complex = std::complex<double>;

Tensor tensor_of(const Signal& x, ElementType type) {
  Tensor tensor(Shape{static_cast<std::int64_t>(x.size())}, type);
  for (std::size_t n = 0; n < x.size(); ++n)
    if (type == ElementType::f32)
      tensor.as<float>()[n] = static_cast<float>(x[n]);
    else
      tensor.as<double>()[n] = x[n];
  return tensor;
}

Signal signal_of(const TensorView& y) {
  Signal x;
  for (std::int64_t n = 0; n < y.shape.elements(); ++n) x.push_back(y.at(n));
  return x;
}

Signal noise(std::size_t length, unsigned seed, double low = -1.0, double high = 1.0) {
  std::mt19937 generator(seed);
  std::uniform_real_distribution<double> draw(low, high);
  Signal x(length);
  for (double& sample : x) sample = draw(generator);
  return x;
}

// Between `low` and `high` in octaves.
Signal octaves(std::size_t length, unsigned seed, double low, double high) {
  Signal x = noise(length, seed, std::log2(low), std::log2(high));
  for (double& sample : x) sample = std::exp2(sample);
  return x;
}

double largest(const Signal& x) {
  double top = 0.0;
  for (const double sample : x) top = sample == sample ? std::max(top, std::abs(sample)) : sample;
  return top;
}
double distance(const Signal& a, const Signal& b) {
  REQUIRE(a.size() == b.size());
  double worst = 0.0;
  for (std::size_t n = 0; n < a.size(); ++n) worst = std::max(worst, std::abs(a[n] - b[n]));
  return worst;
}

// A filter on a tape whose inputs are named by their place: each a signal, or constant over time where it has one value.
using Filter = std::function<Var(std::span<const Var>)>;
Signal played(const Filter& filter, const std::vector<Signal>& inputs, const TapeOptions& options) {
  Tape tape(options);
  std::vector<Var> vars;
  for (const Signal& x : inputs)
    vars.push_back(tape.input("x" + std::to_string(vars.size()),
                              tensor_of(x, x.size() == 1 ? ElementType::f64 : options.type)));
  const Var y = filter(vars);
  tape.play({y});
  return signal_of(tape.value(y));
}

double at(const Signal& x, std::size_t n) { return x[x.size() == 1 ? 0 : n]; }

// Sample by sample, in double.
Signal state_variable_loop(const std::vector<Signal>& in) {
  double s1 = 0.0, s2 = 0.0;
  Signal y;
  for (std::size_t n = 0; n < in[0].size(); ++n) {
    const double g = std::tan(pi * std::clamp(at(in[1], n) / rate, 0.0, 0.49)), k = 1.0 / at(in[2], n);
    const double v3 = at(in[0], n) - s2, v1 = (s1 + g * v3) / (1.0 + g * (g + k)), v2 = s2 + g * v1;
    s1 = 2.0 * v1 - s1;
    s2 = 2.0 * v2 - s2;
    y.push_back(v2);
  }
  return y;
}
Signal one_pole_loop(const std::vector<Signal>& in) {
  double s = 0.0;
  Signal y;
  for (std::size_t n = 0; n < in[0].size(); ++n) {
    const double g = std::tan(pi * at(in[1], n) / rate), v = (at(in[0], n) - s) * g / (1.0 + g), low = v + s;
    s = low + v;
    y.push_back(low);
  }
  return y;
}
Signal biquad_loop(const std::vector<Signal>& in) {
  double s1 = 0.0, s2 = 0.0;
  Signal y;
  for (std::size_t n = 0; n < in[0].size(); ++n) {
    const double x = at(in[0], n), out = at(in[1], n) * x + s1;
    s1 = at(in[2], n) * x - at(in[4], n) * out + s2;
    s2 = at(in[3], n) * x - at(in[5], n) * out;
    y.push_back(out);
  }
  return y;
}

const Filter low = [](std::span<const Var> x) { return state_variable(x[0], x[1], x[2]); };
const Filter pole = [](std::span<const Var> x) { return one_pole_low(x[0], x[1]); };
const Filter direct = [](std::span<const Var> x) { return biquad(x[0], {x[1], x[2], x[3], x[4], x[5]}); };

constexpr std::size_t lengths[] = {2, 3, 16, 17, 63, 64, 65, 129, 1024, 2500};

void check_against(const Filter& filter, Signal (*loop)(const std::vector<Signal>&),
                   const std::function<std::vector<Signal>(std::size_t)>& inputs, double bound_f32) {
  for (const std::size_t length : lengths)
    for (const ElementType type : {ElementType::f64, ElementType::f32}) {
      CAPTURE(length);
      CAPTURE(type == ElementType::f32);
      std::vector<Signal> in = inputs(length);
      if (type == ElementType::f32)
        for (Signal& x : in)
          if (x.size() > 1)
            for (double& sample : x) sample = static_cast<float>(sample);
      const Signal y = played(filter, in, {.type = type, .sample_rate = rate}), expected = loop(in);
      CHECK(distance(y, expected) <=
            (type == ElementType::f64 ? 1e-12 : bound_f32) * std::max(largest(expected), 1e-3));
    }
}

// The response of a filter to a sine, as a complex gain, from whole periods after it has settled.
Complex measured(const Filter& filter, std::vector<Signal> settings, double hertz, ElementType type) {
  const std::size_t length = 48000, from = 24000;
  Signal x(length);
  for (std::size_t n = 0; n < length; ++n) x[n] = std::cos(2.0 * pi * hertz * static_cast<double>(n) / rate);
  settings.insert(settings.begin(), x);
  const Signal y = played(filter, settings, {.type = type, .sample_rate = rate});
  Complex sum = 0.0;
  for (std::size_t n = from; n < length; ++n)
    sum += y[n] * std::polar(1.0, -2.0 * pi * hertz * static_cast<double>(n) / rate);
  return 2.0 * sum / static_cast<double>(length - from);
}
double decibels(Complex gain) { return 20.0 * std::log10(std::abs(gain)); }

// Noise, and half a second of silence: one second, or as many as tools/soak/filters asks for.
std::size_t soak_samples() {
  const char* seconds = std::getenv("RETROGRAD_SOAK_SECONDS");
  return 48000 * static_cast<std::size_t>(seconds != nullptr ? std::max(1, std::atoi(seconds)) : 1);
}

// Of an analog filter that the bilinear transform has at w = tan(pi hertz / rate) / tan(pi cutoff / rate).
Complex analog(double hertz, double cutoff) {
  return Complex(0.0, std::tan(pi * hertz / rate) / std::tan(pi * cutoff / rate));
}

}  // namespace

TEST_CASE("filters are what a loop sample by sample computes") {
  check_against(
      low, state_variable_loop,
      [](std::size_t n) {
        return std::vector<Signal>{noise(n, 1), octaves(n, 2, 100.0, 10000.0), octaves(n, 3, 0.5, 8.0)};
      },
      1e-5);
  check_against(
      low, state_variable_loop,
      [](std::size_t n) {
        return std::vector<Signal>{noise(n, 4), {440.0}, {2.0}};
      },
      1e-5);
  check_against(
      low, state_variable_loop,
      [](std::size_t n) {
        return std::vector<Signal>{noise(n, 5), octaves(n, 6, 20.0, 30000.0), {0.7}};
      },
      1e-5);
  check_against(
      pole, one_pole_loop,
      [](std::size_t n) {
        return std::vector<Signal>{noise(n, 7), octaves(n, 8, 10.0, 20000.0)};
      },
      1e-5);
  check_against(
      pole, one_pole_loop,
      [](std::size_t n) {
        return std::vector<Signal>{noise(n, 9), {1000.0}};
      },
      1e-5);
  check_against(
      direct, biquad_loop,
      [](std::size_t n) {
        return std::vector<Signal>{
            noise(n, 10),           noise(n, 11), noise(n, 12), noise(n, 13), noise(n, 14, -0.6, 0.6),
            noise(n, 15, -0.3, 0.3)};
      },
      1e-5);
  check_against(
      direct, biquad_loop,
      [](std::size_t n) { return std::vector<Signal>{noise(n, 16), {0.2}, {0.1}, {0.05}, {-1.6}, {0.81}}; },
      1e-4);
}

TEST_CASE("tiles, threads and constants that are signals change no bit of a filter") {
  for (const ElementType type : {ElementType::f32, ElementType::f64}) {
    const std::vector<Signal> in{noise(3000, 1), {700.0}, {3.0}};
    const Signal expected = played(low, in, {.type = type, .sample_rate = rate});
    for (const int tile : {128, 256, 512, 1024})
      CHECK(played(low, in, {.type = type, .sample_rate = rate, .tile = tile}) == expected);
    ThreadPool threads(3);
    CHECK(played(low, in, {.type = type, .sample_rate = rate, .executor = &threads}) == expected);
    // Without prewarping, which is done in double for what is constant.
    const Filter of_coefficients = [](std::span<const Var> x) {
      return biquad(x[0], {x[1], x[2], x[3], x[4], x[5]});
    };
    const Signal steady =
        played(of_coefficients, {in[0], {0.25}, {0.5}, {0.125}, {-0.75}, {0.5}}, {.type = type});
    const auto all = [](double value) { return Signal(3000, value); };
    CHECK(played(of_coefficients, {in[0], all(0.25), all(0.5), all(0.125), all(-0.75), all(0.5)},
                 {.type = type}) == steady);
  }
}

TEST_CASE("every kind of filter has the frequency response of its closed form within 0.01 dB") {
  const double cutoff = 1000.0, q = 2.0, gain = 9.0, a = std::pow(10.0, gain / 40.0);
  const auto response = [&](FilterKind kind, double hertz) -> Complex {
    const Complex s = analog(hertz, cutoff), d = s * s + s / q + 1.0;
    switch (kind) {
      case FilterKind::low:
        return 1.0 / d;
      case FilterKind::band:
        return s / q / d;
      case FilterKind::high:
        return s * s / d;
      case FilterKind::notch:
        return (s * s + 1.0) / d;
      case FilterKind::peak:
        return (s * s - 1.0) / d;
      case FilterKind::all_pass:
        return (s * s - s / q + 1.0) / d;
      case FilterKind::bell:
        return (s * s + s * (a / q) + 1.0) / (s * s + s / (a * q) + 1.0);
      case FilterKind::low_shelf:
        return a * (s * s + s * (std::sqrt(a) / q) + a) / (a * s * s + s * (std::sqrt(a) / q) + 1.0);
      case FilterKind::high_shelf:
        return a * (a * s * s + s * (std::sqrt(a) / q) + 1.0) / (s * s + s * (std::sqrt(a) / q) + a);
    }
    return 0.0;
  };
  for (int kind = 0; kind <= static_cast<int>(FilterKind::high_shelf); ++kind)
    for (const double hertz : {100.0, 900.0, 1010.0, 5000.0, 20000.0}) {
      CAPTURE(kind);
      CAPTURE(hertz);
      const auto of_kind = static_cast<FilterKind>(kind);
      const double expected = decibels(response(of_kind, hertz));
      const Filter state = [&](std::span<const Var> x) {
        return state_variable(x[0], x[1], x[2], of_kind, x[3]);
      };
      const Filter cookbook = [&](std::span<const Var> x) {
        return biquad(x[0], biquad_coefficients(of_kind, x[1], x[2], x[3]));
      };
      CHECK(std::abs(decibels(measured(state, {{cutoff}, {q}, {gain}}, hertz, ElementType::f64)) -
                     expected) <= 0.01);
      CHECK(std::abs(decibels(measured(state, {{cutoff}, {q}, {gain}}, hertz, ElementType::f32)) -
                     expected) <= 0.01);
      if (of_kind != FilterKind::peak)
        CHECK(std::abs(decibels(measured(cookbook, {{cutoff}, {q}, {gain}}, hertz, ElementType::f64)) -
                       expected) <= 0.01);
    }
  for (const double hertz : {100.0, 1000.0, 9000.0}) {
    const Complex s = analog(hertz, 1000.0);
    const auto first_order = [&](Var (*filter)(Var, Var)) {
      return measured([&](std::span<const Var> x) { return filter(x[0], x[1]); }, {{1000.0}}, hertz,
                      ElementType::f32);
    };
    CHECK(std::abs(decibels(first_order(one_pole_low) * (s + 1.0))) <= 0.01);
    CHECK(std::abs(decibels(first_order(one_pole_high) * (s + 1.0) / s)) <= 0.01);
    CHECK(std::abs(first_order(one_pole_all_pass) - (1.0 - s) / (1.0 + s)) <= 1e-3);
  }
}

TEST_CASE("a Butterworth filter has its published poles: 1 / sqrt(1 + w^2n)") {
  for (const int order : {1, 2, 3, 4, 5, 8})
    for (const double hertz : {300.0, 800.0, 1000.0, 1500.0}) {
      CAPTURE(order);
      CAPTURE(hertz);
      const double w = std::abs(analog(hertz, 1000.0));
      const auto gain = [&](FilterKind kind) {
        return decibels(measured([&](std::span<const Var> x) { return butterworth(x[0], x[1], order, kind); },
                                 {{1000.0}}, hertz, ElementType::f64));
      };
      CHECK(std::abs(gain(FilterKind::low) + 10.0 * std::log10(1.0 + std::pow(w, 2 * order))) <= 0.01);
      CHECK(std::abs(gain(FilterKind::high) + 10.0 * std::log10(1.0 + std::pow(w, -2 * order))) <= 0.01);
    }
}

TEST_CASE("a blocker takes away what is constant and nothing else") {
  Signal x = noise(100000, 1);
  for (double& sample : x) sample = 0.5;
  const Filter filter = [](std::span<const Var> in) { return dc_blocker(in[0]); };
  const Signal y = played(filter, {x}, {.type = ElementType::f32, .sample_rate = rate});
  CHECK(std::abs(y.back()) <= 1e-5);
  CHECK(std::abs(decibels(measured(filter, {}, 100.0, ElementType::f32))) <= 0.02);
}

TEST_CASE("full noise with every setting jumping at random stays bounded, and falls silent after it") {
  const std::size_t length = soak_samples(), silent = 24000;
  Signal x = noise(length, 1);
  std::fill(x.begin() + static_cast<std::ptrdiff_t>(length - silent), x.end(), 0.0);
  Signal cutoff = octaves(length, 2, 20.0, 40000.0), q = octaves(length, 3, 0.5, 40.0);
  for (std::size_t n = length - silent; n < length; ++n) cutoff[n] = 1000.0, q[n] = 0.7;
  const auto check = [&](const Signal& y, double bound) {
    CHECK(largest(y) <= bound);
    for (const double sample : y)
      if (sample != 0.0) REQUIRE(std::abs(sample) >= 1e-37);  // no denormal
    CHECK(y.back() == 0.0);
  };
  for (int kind = 0; kind <= static_cast<int>(FilterKind::high_shelf); ++kind) {
    CAPTURE(kind);
    const Filter filter = [&](std::span<const Var> in) {
      return state_variable(in[0], in[1], in[2], static_cast<FilterKind>(kind), in[3]);
    };
    check(played(filter, {x, cutoff, q, noise(length, 4, -12.0, 12.0)},
                 {.type = ElementType::f32, .sample_rate = rate}),
          1000.0);
  }
  check(played(pole, {x, cutoff}, {.type = ElementType::f32, .sample_rate = rate}), 40.0);
}

TEST_CASE(
    "a cutoff and a Q that are none are told: constants as errors, signals by the nearest that is one") {
  Tape tape({.type = ElementType::f32, .sample_rate = rate});
  const Var x = tape.input("x", tensor_of(noise(100, 1), ElementType::f32));
  const Var one = tape.constant(1.0);
  for (const double cutoff :
       {-1.0, std::numeric_limits<double>::infinity(), std::numeric_limits<double>::quiet_NaN()})
    CHECK_THROWS_WITH_AS(state_variable(x, tape.constant(cutoff), one),
                         doctest::Contains("[prewarp] cutoff is"), DomainError);
  for (const double q : {-1.0, 0.0, std::numeric_limits<double>::infinity()})
    CHECK_THROWS_WITH_AS(state_variable(x, one, tape.constant(q)), doctest::Contains("[damping] q is"),
                         DomainError);

  // Computed: where it is played.
  const Var sum = tape.parameter("a", 1.0), y = state_variable(x, sum - 2.0, one);
  CHECK_THROWS_WITH_AS(tape.play({y}), doctest::Contains("[prewarp] cutoff"), DomainError);
  CHECK_THROWS_AS(butterworth(x, one, 0), DomainError);
  CHECK_THROWS_AS(butterworth(x, one, 2, FilterKind::band), DomainError);
  CHECK_THROWS_AS(biquad_coefficients(FilterKind::peak, one, one), DomainError);

  // A signal outside has the value of the bound and no gradient.
  const Signal in = noise(64, 2);
  const auto with_cutoff = [&](double cutoff) {
    Tape other({.type = ElementType::f64, .sample_rate = rate});
    const Var moving = other.parameter("cutoff", tensor_of(Signal(64, cutoff), ElementType::f64));
    const Var out =
        state_variable(other.input("x", tensor_of(in, ElementType::f64)), moving, other.constant(1.0));
    other.play({out});
    other.rewind(out);
    return std::pair(signal_of(other.value(out)), largest(signal_of(other.gradient(moving))));
  };
  CHECK(with_cutoff(-5.0).first == with_cutoff(0.0).first);
  CHECK(with_cutoff(1e6).first == with_cutoff(40000.0).first);
  CHECK(with_cutoff(-5.0).second == 0.0);
  CHECK(with_cutoff(1e6).second == 0.0);
  CHECK(with_cutoff(1000.0).second > 0.0);
}

TEST_CASE("a sample that is not a number spoils its row from there on, and no other") {
  Signal x = noise(400, 1);
  x[200] = std::numeric_limits<double>::quiet_NaN();
  const Signal y = played(low, {x, {500.0}, {1.0}}, {.type = ElementType::f32, .sample_rate = rate});
  for (std::size_t n = 0; n < 200; ++n) REQUIRE(std::isfinite(y[n]));
  for (std::size_t n = 200; n < 400; ++n) REQUIRE(std::isnan(y[n]));
}
