// The ladder filters: a plain loop in double, the closed form of the linear one's response, the residual of the saturating one's implicit step and its
// adjoint beside one that goes through every step of the solver.
#include <doctest/doctest.h>

#include <retrograd/math/dual.hpp>
#include <retrograd/nodes/ladder.hpp>

#include <algorithm>
#include <cmath>
#include <complex>
#include <cstdlib>
#include <numbers>
#include <random>
#include <vector>

using namespace retrograd;

namespace {

constexpr double rate = 48000.0;
using Signal = std::vector<double>;

Tensor tensor_of(const Signal& x, ElementType type) {
  Tensor tensor(Shape{static_cast<std::int64_t>(x.size())});
  std::ranges::copy(x, tensor.as<double>().begin());
  return x.size() == 1 ? tensor : tensor.to(type);
}

Signal played(bool saturates, const Signal& x, const Signal& cutoff, const Signal& resonance,
              ElementType type) {
  Tape tape({.type = type, .sample_rate = rate});
  const Var y = (saturates ? saturating_ladder : ladder)(tape.input("x", tensor_of(x, type)),
                                                         tape.input("cutoff", tensor_of(cutoff, type)),
                                                         tape.input("resonance", tensor_of(resonance, type)));
  tape.play({y});
  Signal samples;
  for (std::int64_t n = 0; n < y.shape().elements(); ++n) samples.push_back(tape.value(y).at(n));
  return samples;
}

double at(const Signal& x, std::size_t n) { return x[x.size() == 1 ? 0 : n]; }

// Bisection, and stages as they stand in the book.
Signal loop(bool saturates, const Signal& x, const Signal& cutoff, const Signal& resonance) {
  double s[4] = {};
  Signal y;
  for (std::size_t n = 0; n < x.size(); ++n) {
    const double g = std::tan(std::numbers::pi * std::min(at(cutoff, n) / rate, 0.49)), gain = g / (1.0 + g);
    const double k = (saturates ? 4.0 : 3.96) * at(resonance, n);
    const auto stages = [&](double in, bool moves) {
      for (double& state : s) {
        const double v = (in - state) * gain, out = v + state;
        if (moves) state = out + v;
        in = out;
      }
      return in;
    };
    double low = -1e3, high = 1e3;
    for (int i = 0; i < 200; ++i) {
      const double u = 0.5 * (low + high);
      (u + k * stages(saturates ? std::tanh(u) : u, false) < x[n] ? low : high) = u;
    }
    y.push_back(stages(saturates ? std::tanh(low) : low, true));
  }
  return y;
}

Signal draw(std::size_t length, unsigned seed, double low, double high, bool in_octaves = false) {
  std::mt19937 generator(seed);
  std::uniform_real_distribution<double> uniform(in_octaves ? std::log2(low) : low,
                                                 in_octaves ? std::log2(high) : high);
  Signal x(length);
  for (double& sample : x)
    sample = static_cast<float>(in_octaves ? std::exp2(uniform(generator)) : uniform(generator));
  return x;
}

// Noise, and half a second of silence: one second, or as many as tools/soak/filters asks for.
std::size_t soak_samples() {
  const char* seconds = std::getenv("RETROGRAD_SOAK_SECONDS");
  return 48000 * static_cast<std::size_t>(seconds != nullptr ? std::max(1, std::atoi(seconds)) : 1);
}

double distance(const Signal& a, const Signal& b) {
  double worst = 0.0, top = 0.0;
  for (std::size_t n = 0; n < a.size(); ++n) {
    worst = std::max(worst, std::abs(a[n] - b[n]));
    top = std::max(top, std::abs(b[n]));
  }
  return worst / top;
}

}  // namespace

TEST_CASE("ladders are what a loop sample by sample computes, whose way back is solved by bisection") {
  for (const bool saturates : {false, true})
    for (const std::size_t length : {std::size_t{5}, std::size_t{64}, std::size_t{700}}) {
      const Signal x = draw(length, 1, -2.0, 2.0), moving = draw(length, 2, 50.0, 15000.0, true),
                   resonance = draw(length, 3, 0.0, 0.95);
      for (const ElementType type : {ElementType::f64, ElementType::f32}) {
        const double allowed = type == ElementType::f64 ? 1e-10 : 2e-4;
        CHECK(distance(played(saturates, x, moving, resonance, type),
                       loop(saturates, x, moving, resonance)) <= allowed);
        CHECK(distance(played(saturates, x, {900.0}, {0.7}, type), loop(saturates, x, {900.0}, {0.7})) <=
              allowed);
      }
    }
}

TEST_CASE("the linear ladder has the frequency response of its closed form within 0.01 dB") {
  for (const double hertz : {100.0, 1000.0, 3000.0}) {
    const std::size_t length = 48000, from = 24000;
    Signal x(length);
    for (std::size_t n = 0; n < length; ++n)
      x[n] = std::cos(2.0 * std::numbers::pi * hertz * static_cast<double>(n) / rate);
    const Signal y = played(false, x, {1000.0}, {0.5}, ElementType::f64);
    std::complex<double> sum = 0.0;
    for (std::size_t n = from; n < length; ++n)
      sum += y[n] * std::polar(1.0, -2.0 * std::numbers::pi * hertz * static_cast<double>(n) / rate);
    const std::complex<double> s(
        0.0, std::tan(std::numbers::pi * hertz / rate) / std::tan(std::numbers::pi * 1000.0 / rate)),
        stages = 1.0 / std::pow(1.0 + s, 4.0), expected = stages / (1.0 + 3.96 * 0.5 * stages);
    CHECK(std::abs(20.0 * std::log10(std::abs(2.0 * sum / static_cast<double>(length - from)) /
                                     std::abs(expected))) <= 0.01);
  }
}

TEST_CASE("the implicit step is solved to a residual of 1e-12 over the whole domain") {
  double worst = 0.0, worst_f32 = 0.0;
  for (double a = 0.0; a <= 4.0; a += 0.01)
    for (double right = -30.0; right <= 30.0; right += 0.037) {
      const double u = SaturatingLadder::root(right, a);
      worst = std::max(worst, std::abs(u + a * std::tanh(u) - right));
      const auto f =
          static_cast<double>(SaturatingLadder::root(static_cast<float>(right), static_cast<float>(a)));
      worst_f32 = std::max(worst_f32, std::abs(f - u) / (1.0 + std::abs(u)));
    }
  CHECK(worst <= 1e-12);
  CHECK(worst_f32 <= 1e-6);
}

TEST_CASE("the implicit adjoint is that of every step of the solver, gone back one by one") {
  using Number = math::Dual<double>;
  std::mt19937 generator(4);
  std::uniform_real_distribution<double> draw_one(-1.5, 1.5), draw_g(0.02, 5.0), draw_resonance(0.01, 0.99);
  const SaturatingLadder node;
  for (int round = 0; round < 200; ++round) {
    SaturatingLadder::State<double> s, gs;
    for (double& state : s.s) state = draw_one(generator);
    for (double& adjoint : gs.s) adjoint = draw_one(generator);
    const double gy = draw_one(generator), x = draw_one(generator), g = draw_g(generator),
                 resonance = draw_resonance(generator);
    const SaturatingLadder::State<double> after = gs;
    SaturatingLadder::State<double> before = gs;
    const std::array<double, 3> gx = node.adjoint(before, s, gy, x, g, resonance);
    // Along each input and each state: what the output and the next state gain, from dual numbers.
    for (int along = 0; along < 7; ++along) {
      SaturatingLadder::State<Number> moving;
      for (int i = 0; i < 4; ++i) moving.s[i] = Number(s.s[i], along == 3 + i ? 1.0 : 0.0);
      const Number y =
          node.forward(moving, Number(x, along == 0 ? 1.0 : 0.0), Number(g, along == 1 ? 1.0 : 0.0),
                       Number(resonance, along == 2 ? 1.0 : 0.0));
      double expected = gy * y.tangent;
      for (int i = 0; i < 4; ++i) expected += after.s[i] * moving.s[i].tangent;
      const double found = along < 3 ? gx[static_cast<std::size_t>(along)] : before.s[along - 3];
      CHECK(found == doctest::Approx(expected).epsilon(1e-10));
    }
  }
}

TEST_CASE(
    "ladders stay bounded under full noise with every setting jumping at random, and fall silent after it") {
  const std::size_t length = soak_samples(), silent = 24000;
  Signal x = draw(length, 1, -1.0, 1.0), cutoff = draw(length, 2, 20.0, 40000.0, true),
         resonance = draw(length, 3, 0.0, 1.0);
  for (std::size_t n = length - silent; n < length; ++n) x[n] = 0.0, cutoff[n] = 1000.0, resonance[n] = 0.5;
  for (const bool saturates : {false, true}) {
    const Signal y = played(saturates, x, cutoff, resonance, ElementType::f32);
    for (const double sample : y) REQUIRE(std::abs(sample) <= 20.0);
    CHECK(y.back() == 0.0);
  }
}

TEST_CASE(
    "a resonance outside [0, 1] is an error, and one that is a signal is held there without a gradient") {
  Tape tape({.type = ElementType::f64, .sample_rate = rate});
  const Var x = tape.input("x", tensor_of(draw(64, 1, -1.0, 1.0), ElementType::f64)),
            cutoff = tape.constant(500.0);
  for (const double resonance : {-0.1, 1.1, std::numeric_limits<double>::quiet_NaN()}) {
    CHECK_THROWS_WITH_AS(ladder(x, cutoff, tape.constant(resonance)),
                         doctest::Contains("[ladder] resonance is"), DomainError);
    CHECK_THROWS_AS(saturating_ladder(x, cutoff, tape.constant(resonance)), DomainError);
  }
  for (const bool saturates : {false, true}) {
    const Var moving = tape.parameter(saturates ? "a" : "b", tensor_of(Signal(64, 1.5), ElementType::f64));
    const Var y = (saturates ? saturating_ladder : ladder)(x, cutoff, moving);
    tape.play({y});
    tape.rewind(y);
    for (std::int64_t n = 0; n < 64; ++n) CHECK(tape.gradient(moving).at(n) == 0.0);
  }
}
