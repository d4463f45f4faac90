// Gradients of many nodes together: plans with several stages, values used more than once, tiles recomputed.
#include <doctest/doctest.h>

#include <cmath>
#include <retrograd/gradcheck/library_nodes.hpp>
#include <retrograd/math/random.hpp>
#include <retrograd/nodes/all.hpp>
#include <retrograd/nodes/oscillator.hpp>
#include <retrograd/racks/gate.hpp>

using namespace retrograd;
using gradcheck::Direction;
using math::Random;

namespace {

Tensor random_tensor(const Shape& shape, Random& random, double low = -1.0, double high = 1.0) {
  Tensor tensor(shape);
  for (double& x : tensor.as<double>()) x = random.uniform(low, high);
  return tensor;
}

// |<v, Ju> - <J'v, u>| over the sum of the terms' magnitudes, for random u and v; checks the tape's value
// too.
double dot_product_error(Tape& tape, Var y, Random& random) {
  const Tensor v = random_tensor(y.shape(), random);
  tape.play({y});
  tape.rewind(y, v);
  std::vector<Direction> directions;
  for (const Var parameter : tape.parameters())
    directions.push_back({parameter, random_tensor(parameter.shape(), random)});
  const gradcheck::DualTensor reference = evaluate_on_duals(y, directions);
  double forwards = 0.0, backwards = 0.0, forwards_terms = 0.0, backwards_terms = 0.0, worst_value = 0.0;
  for (std::size_t n = 0; n < reference.elements.size(); ++n) {
    const auto [value, tangent] = reference.elements[n];
    worst_value = std::max(worst_value,
                           std::abs(tape.value(y).as<double>()[n] - value) / std::max(1.0, std::abs(value)));
    forwards += v.as<double>()[n] * tangent;
    forwards_terms += std::abs(v.as<double>()[n] * tangent);
  }
  CHECK(worst_value < 1e-9);
  for (const Direction& direction : directions)
    for (std::size_t n = 0; n < direction.along.as<double>().size(); ++n) {
      const double term = tape.gradient(direction.leaf).as<double>()[n] * direction.along.as<double>()[n];
      backwards += term;
      backwards_terms += std::abs(term);
    }
  CHECK(forwards_terms > 0.0);
  return std::abs(forwards - backwards) / std::max(forwards_terms, backwards_terms);
}

// The gradient of sum(y) for element `n` of `parameter`, by central differences over `step`.
double numeric_gradient(Tape& tape, Var y, Var parameter, std::size_t n, double step) {
  const Tensor start(tape.value(parameter));
  const auto sum_at = [&](double distance) {
    Tensor moved = start;
    moved.as<double>()[n] += distance;
    tape.set(parameter, moved);
    tape.play({y});
    double sum = 0.0;
    for (const double value : tape.value(y).as<double>()) sum += value;
    return sum;
  };
  const double slope = (sum_at(step) - sum_at(-step)) / (2.0 * step);
  tape.set(parameter, start);
  return slope;
}

// --- random graphs -------------------------------------------------------------------------------

// Grows a graph on a tape node by node. Values stay within a few units of 0, so that no derivative explodes.
class RandomGraph {
 public:
  RandomGraph(Tape& tape, const Shape& full, Random& random) : tape_(tape), full_(full), random_(random) {
    for (int i = 0; i < 4; ++i) add_parameter();
    Tensor gate(Shape{full.length()});
    double level = 1.0;
    for (double& sample : gate.as<double>()) sample = random.chance(0.02) ? level = 1.0 - level : level;
    gate_ = tape.input("gate", gate);
  }

  void grow() { values_.push_back(next()); }
  // The last few values together, so that none is in vain.
  Var output() {
    Var y = values_.back();
    for (std::size_t i = values_.size() - 5; i + 1 < values_.size(); ++i) y = y + 0.5 * values_[i];
    return y;
  }

 private:
  Var any() { return values_[static_cast<std::size_t>(random_.below(static_cast<int>(values_.size())))]; }

  void add_parameter() {
    std::array<std::int64_t, 3> axes{};
    for (int axis = 0; axis < 3; ++axis)
      axes[static_cast<std::size_t>(axis)] = random_.chance(0.5) ? full_[axis] : 1;
    values_.push_back(
        tape_.parameter("x" + std::to_string(values_.size()), random_tensor(Shape(axes), random_)));
  }

  Var constant_over_time() {
    const Var x = any();
    return x.is_signal() ? mean_over_time(x) : x;
  }

  Var next() {
    const Var a = any(), b = any(), c = any();
    switch (random_.below(22)) {
      case 0:
        return tanh(a + b);
      case 1:
        return sin(a * b);
      case 2:
        return tanh(product(a, b, c));
      case 3:
        return a - sigmoid(b);
      case 4:
        return tanh(a) / (1.0 + square(b));
      case 5:
        return exp(sin(a)) * 0.5;
      case 6:
        return log(1.0 + square(a));
      case 7:
        return sqrt(0.1 + square(a)) - 1.0;
      case 8:
        return tanh(softplus(a) + cos(b));
      case 9:
        return min(a, b);
      case 10:
        return max(a, -b);
      case 11:
        return clamp(a, -0.7, 0.9);
      case 12:
        return select(a < b, b, tanh(c));
      case 13:
        return pow(0.5 + sigmoid(a), b);
      case 14:
        return abs(a) - 0.3;
      case 15:
        return Oscillator<>()(0.3 + 0.1 * tanh(a), 0.5 * b);
      case 16:
        return tanh(0.05 * cumulative_sum(sin(a)));
      case 17: {
        const Var x = constant_over_time();
        return adsr(gate_, {30.3 + tanh(x), 60.0 + 5.0 * sin(x), sigmoid(x), 80.0 - x / (1.0 + square(x))});
      }
      case 18:
        return mean_over_time(a) + b;
      case 19:
        return tanh(0.3 * maximum_over_time(a));
      case 20:
        return tanh(mean(a)) * b;
      default:
        return a.is_signal() ? concat({slice(a, -1, 5, a.shape().length()), slice(a, -1, 0, 5)}, -1) : a;
    }
  }

  Tape& tape_;
  Shape full_;
  Random& random_;
  Var gate_;
  std::vector<Var> values_;
};

}  // namespace

TEST_CASE("random graphs of all kinds of nodes have the gradient that dual numbers give") {
  constexpr int tiles[] = {0, 128, 512, 1024};
  double worst = 0.0;
  for (int seed = 0; seed < 120; ++seed) {
    CAPTURE(seed);
    Random random(static_cast<std::uint64_t>(1000 + seed));
    const Shape full{1 + random.below(3), 1 + random.below(2),
                     20 + random.below(seed % 10 == 0 ? 5000 : 700)};
    Tape tape({.type = ElementType::f64, .length = full.length(), .tile = tiles[seed % 4]});
    RandomGraph graph(tape, full, random);
    const int nodes = 3 + random.below(22);
    for (int i = 0; i < nodes; ++i) graph.grow();
    const double error = dot_product_error(tape, graph.output(), random);
    CHECK(error <= 1e-12);
    worst = std::max(worst, error);
  }
  MESSAGE("worst of the random graphs: ", worst);
}

// --- envelopes -----------------------------------------------------------------------------------

TEST_CASE("an envelope retriggered eight times inside its attack has the gradients of its differences") {
  constexpr std::int64_t length = 700;
  Tensor gate(Shape{length});
  for (std::int64_t n = 0; n < 520; ++n)  // eight times 50 samples on and 15 off, the attack being 300.3
    gate.as<double>()[static_cast<std::size_t>(n)] = n % 65 < 50 ? 1.0 : 0.0;
  Tape tape({.type = ElementType::f64, .length = length, .tile = 128});
  const EnvelopeParameters parameters{tape.parameter("attack", 300.3), tape.parameter("decay", 55.5),
                                      tape.parameter("sustain", 0.4), tape.parameter("release", 40.7)};
  const Var y = square(adsr(tape.input("gate", gate), parameters));
  tape.play({y});
  tape.rewind(y);
  const double attack = tape.gradient(parameters.attack).item(),
               release = tape.gradient(parameters.release).item();
  // The attack is never over: decay and sustain do not matter.
  CHECK(tape.gradient(parameters.decay).item() == 0.0);
  CHECK(tape.gradient(parameters.sustain).item() == 0.0);
  CHECK(std::abs(attack) > 0.01);
  CHECK(std::abs(release) > 0.01);
  CHECK(std::abs(attack - numeric_gradient(tape, y, parameters.attack, 0, 1e-3)) <= 1e-7 * std::abs(attack));
  CHECK(std::abs(release - numeric_gradient(tape, y, parameters.release, 0, 1e-3)) <=
        1e-7 * std::abs(release));
  Random random(1);
  CHECK(dot_product_error(tape, y, random) <= 1e-12);
}

TEST_CASE(
    "attack, decay and release that span tiles have the gradients of their differences, for every tile") {
  constexpr std::int64_t length = 4000;
  Tensor gate(Shape{2, length});
  for (std::size_t n = 0; n < 2 * length; ++n)
    gate.as<double>()[n] = n < length                   ? (n >= 10 && n < 2100 ? 1.0 : 0.0)
                           : (n - length) % 1500 < 1100 ? 1.0
                                                        : 0.0;
  std::vector<double> first;
  for (const int tile : {128, 256, 512, 1024}) {
    CAPTURE(tile);
    Tape tape({.type = ElementType::f64, .length = length, .tile = tile});
    const EnvelopeParameters parameters{
        tape.parameter("attack", Tensor(std::array{700.4, 300.6}, Shape{2, 1})),
        tape.parameter("decay", 400.0), tape.parameter("sustain", 0.3),
        tape.parameter("release", Tensor(std::array{500.0, 150.0}, Shape{2, 1}))};
    const Var y = square(adsr(tape.input("gate", gate), parameters));
    tape.play({y});
    tape.rewind(y);
    std::vector<double> gradients;
    for (const Var parameter : tape.parameters())
      for (const double g : tape.gradient(parameter).as<double>()) gradients.push_back(g);
    std::size_t i = 0;
    for (const Var parameter : tape.parameters())
      for (std::size_t n = 0; n < static_cast<std::size_t>(parameter.shape().elements()); ++n) {
        CAPTURE(tape.name(parameter));
        const double step = tape.name(parameter) == "sustain" ? 1e-5 : 1e-3;
        CHECK(std::abs(gradients[i] - numeric_gradient(tape, y, parameter, n, step)) <=
              1e-7 * std::abs(gradients[i]));
        CHECK(gradients[i++] != 0.0);
      }
    if (first.empty()) first = gradients;
    CHECK(gradients == first);
  }
}

TEST_CASE("a time under one sample counts as one and gets no gradient") {
  Tape tape({.type = ElementType::f64, .length = 100});
  Tensor gate(Shape{100});
  for (std::size_t n = 0; n < 60; ++n) gate.as<double>()[n] = 1.0;
  const EnvelopeParameters parameters{tape.parameter("attack", 0.25), tape.parameter("decay", 0.5),
                                      tape.parameter("sustain", 0.5), tape.parameter("release", 0.75)};
  const Var y = adsr(tape.input("gate", gate), parameters);
  tape.play({y});
  tape.rewind(y);
  CHECK(tape.gradient(parameters.attack).item() == 0.0);
  CHECK(tape.gradient(parameters.decay).item() == 0.0);
  CHECK(tape.gradient(parameters.release).item() == 0.0);
  CHECK(tape.gradient(parameters.sustain).item() != 0.0);
  Random random(1);
  CHECK(dot_product_error(tape, y, random) <= 1e-12);
}

// --- phases and shared signals -------------------------------------------------------------------

TEST_CASE("an audio-rate frequency has the gradient of dual numbers and of differences") {
  constexpr std::int64_t length = 1300;
  Random random(3);
  for (const int tile : {128, 1024}) {
    Tape tape({.type = ElementType::f64, .sample_rate = 8000, .length = length, .tile = tile});
    const Var vibrato = tape.parameter("vibrato", random_tensor(Shape{1, length}, random, -500.0, 500.0));
    const Var pitch = tape.parameter("pitch", Tensor(std::array{440.0, 1000.0, 3999.0}, Shape{3, 1}));
    const Var depth = tape.parameter("depth", 0.7);
    const Var modulator = sinusoid(2.0 * pitch);
    const Var y = square(sinusoid(pitch + vibrato * depth, modulator * depth)) * modulator;
    CHECK(dot_product_error(tape, y, random) <= 1e-12);
    tape.play({y});
    tape.rewind(y);
    for (const std::size_t n : {0u, 17u, 127u, 128u, 700u, 1023u, 1024u, 1298u}) {
      CAPTURE(n);
      const double analytic = tape.gradient(vibrato).as<double>()[n];
      const double numeric = numeric_gradient(tape, y, vibrato, n, 0.01);
      tape.play({y});
      tape.rewind(y);
      CHECK(std::abs(analytic - numeric) <= 1e-7 * std::max(0.01, std::abs(analytic)));
    }
    // The last sample's frequency would show only after the end.
    CHECK(tape.gradient(vibrato).as<double>()[length - 1] == 0.0);
  }
}

TEST_CASE("a signal shared by rows gets the sum of the rows' gradients, over chunks of time") {
  constexpr std::int64_t length = 9000;
  Random random(5);
  const Tensor shared = random_tensor(Shape{1, length}, random);
  const Tensor gains = random_tensor(Shape{5, 1}, random);
  const Tensor v = random_tensor(Shape{5, length}, random);
  Tape tape({.type = ElementType::f64, .length = length});
  const Var x = tape.parameter("x", shared), gain = tape.parameter("gain", gains);
  const Var y = tanh(0.01 * cumulative_sum(x * gain)) + sin(x);
  tape.play({y});
  tape.rewind(y, v);
  std::vector<double> together(length, 0.0);
  for (std::int64_t row = 0; row < 5; ++row) {
    Tape alone({.type = ElementType::f64, .length = length});
    const Var z = alone.parameter("x", shared);
    const Var own_gain = alone.parameter("gain", gains.as<double>()[static_cast<std::size_t>(row)]);
    const Var w = tanh(0.01 * cumulative_sum(z * own_gain)) + sin(z);
    alone.play({w});
    alone.rewind(w, Tensor(v.view().row<double>(row), Shape{1, length}));
    for (std::size_t n = 0; n < together.size(); ++n) together[n] += alone.gradient(z).as<double>()[n];
    CHECK(alone.gradient(own_gain).item() ==
          doctest::Approx(tape.gradient(gain).as<double>()[static_cast<std::size_t>(row)]).epsilon(1e-12));
  }
  double worst = 0.0;
  for (std::size_t n = 0; n < together.size(); ++n)
    worst = std::max(worst, std::abs(together[n] - tape.gradient(x).as<double>()[n]));
  CHECK(worst < 1e-12);
  CHECK(dot_product_error(tape, y, random) <= 1e-12);
}

TEST_CASE("a node of another maker is refused on dual numbers, unless its check is given") {
  Tape tape({.type = ElementType::f64});
  const Var x = tape.parameter("x", 2.0);
  static constexpr NodeType foreign{"foreign", NodeKind::pointwise, ~0u, true, false, 0, false};
  const std::array inputs{x};
  const Var y = record_node(tape.state(), foreign, NodeData::of(Square{}), inputs, Shape{1}, false);
  CHECK_THROWS_WITH_AS(gradcheck::evaluate_on_duals(y, {}), doctest::Contains("'foreign'"), TapeError);
  gradcheck::CheckedNode own = gradcheck::checked_node<Square>;
  own.type = &foreign;
  const Direction direction{x, Tensor(1.0)};
  const auto result = gradcheck::evaluate_on_duals(y, std::span(&direction, 1), std::span(&own, 1));
  CHECK(result.elements[0].value == 4.0);
  CHECK(result.elements[0].tangent == 4.0);
}
