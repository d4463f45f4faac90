// Graphs drawn at random, with broadcasts, whole nodes, sums and shared values in every order: what the plan
// makes of them has the values of a plain evaluation, and the gradients of central differences.
#include <doctest/doctest.h>

#include <retrograd/nodes/all.hpp>

#include <cmath>
#include <random>
#include <string>
#include <vector>

using namespace retrograd;

namespace {

Tensor random_tensor(std::mt19937& random, const Shape& shape) {
  std::uniform_real_distribution<double> uniform(-1.0, 1.0);
  Tensor values(shape);
  for (double& v : values.as<double>()) v = uniform(random);
  return values;
}

struct RandomGraph {
  std::vector<Var> parameters, values, outputs;
};

// The same graph for the same seed, smooth everywhere. Values stay in [-2, 2].
RandomGraph record(Tape& tape, unsigned seed, bool keeps) {
  std::mt19937 random(seed);
  RandomGraph graph;
  const std::int64_t length = 3 + static_cast<std::int64_t>(random() % 300);
  for (const Shape& shape : {Shape{1}, Shape{2, 1}, Shape{length}, Shape{1, length}, Shape{2, length},
                             Shape{3, 1, length}, Shape{3, 2, 1}}) {
    const std::string name = "p" + std::to_string(graph.values.size());
    const bool is_input = random() % 4 == 0;
    const Tensor value = random_tensor(random, shape);
    graph.values.push_back(is_input ? tape.input(name, value) : tape.parameter(name, value));
    if (!is_input) graph.parameters.push_back(graph.values.back());
  }
  const auto any = [&] { return graph.values[random() % graph.values.size()]; };
  const int nodes = 8 + static_cast<int>(random() % 30);
  for (int i = 0; i < nodes; ++i) {
    const Var a = any(), b = any();
    const Shape shape = a.shape();
    Var y;
    switch (random() % 12) {
      case 0:
        y = sin(a + b);
        break;
      case 1:
        y = tanh(a * b * any());
        break;
      case 2:
        y = a * 0.5 - b * 0.5;
        break;
      case 3:
        y = sum_over_time(a) * (1.0 / static_cast<double>(shape.length()));
        break;
      case 4:
        y = a.is_signal() ? cumulative_sum(a) * (1.0 / static_cast<double>(shape.length())) : -a;
        break;
      case 5:
        y = mean(a * b);
        break;
      case 6:
        y = reshape(reshape(a, Shape{shape.elements()}), shape);
        break;
      case 7:
        y = shape.axes() > 1 ? slice(concat({a, -a}, 0), 0, 1, shape[0] + 1) : square(a);
        break;
      case 8:
        y = sigmoid(a - b) * 1.5;
        break;
      case 9:
        y = stop_gradient(a) * b;
        break;
      case 10:
        y = a * a;
        break;
      default:
        y = a * b;
    }
    if (keeps && random() % 5 == 0) tape.keep(y);
    graph.values.push_back(y);
  }
  graph.outputs = {graph.values.back(), any()};
  return graph;
}

double total(const TensorView& view) {
  double sum = 0.0;
  for (std::int64_t i = 0; i < view.shape.elements(); ++i)
    sum += view.at(i) * (1.0 + 0.1 * static_cast<double>(i % 3));
  return sum;
}

Tensor weights(const Shape& shape) {
  Tensor values(shape);
  for (std::int64_t i = 0; i < shape.elements(); ++i)
    values.as<double>()[static_cast<std::size_t>(i)] = 1.0 + 0.1 * static_cast<double>(i % 3);
  return values;
}

}  // namespace

TEST_CASE("a value is the same whatever else is stored beside it") {
  for (unsigned seed = 0; seed < 150; ++seed) {
    Tape one({.type = ElementType::f64, .tile = 128}), all({.type = ElementType::f64});
    const RandomGraph graph = record(one, seed, false), same = record(all, seed, false);
    for (const Var value : same.values) all.keep(value);  // nothing is fused away now
    one.play(graph.outputs);
    all.play(same.outputs);
    for (std::size_t i = 0; i < graph.outputs.size(); ++i) {
      const TensorView a = one.value(graph.outputs[i]), b = all.value(same.outputs[i]);
      int wrong = 0;
      for (std::int64_t n = 0; n < a.shape.elements(); ++n) wrong += a.at(n) != b.at(n);
      INFO("seed " << seed);
      CHECK(wrong == 0);
    }
  }
}

TEST_CASE("gradients of any graph agree with central differences") {
  std::mt19937 random(71);
  int checked = 0;
  for (unsigned seed = 0; seed < 150; ++seed) {
    Tape tape({.type = ElementType::f64, .tile = seed % 2 == 0 ? 128 : 0});
    const RandomGraph graph = record(tape, seed, seed % 3 == 0);
    bool stops = false;  // where a value is stopped, differences see more than gradients
    const std::vector<Var>& outputs = graph.outputs;
    stops = tape.describe_plan(outputs).find("stop_gradient") != std::string::npos;
    if (stops) continue;
    for (const Var y : outputs) {
      tape.play(outputs);
      tape.rewind(outputs[0]);  // something else first: nothing of it may stay
      tape.rewind(y, weights(y.shape()));
      std::vector<Tensor> gradients;
      for (const Var p : graph.parameters) gradients.emplace_back(tape.gradient(p));
      for (std::size_t p = 0; p < graph.parameters.size(); ++p) {
        const Tensor value(tape.value(graph.parameters[p]));
        const auto element = static_cast<std::int64_t>(random()) % value.shape().elements();
        const auto output_at = [&](double change) {
          Tensor moved = value;
          moved.as<double>()[static_cast<std::size_t>(element)] += change;
          tape.set(graph.parameters[p], moved);
          tape.play(outputs);
          return total(tape.value(y));
        };
        const double step = 1e-5;
        const double numeric = (output_at(step) - output_at(-step)) / (2.0 * step);
        tape.set(graph.parameters[p], value);
        const double analytic = gradients[p].view().at(element);
        INFO("seed " << seed << ", " << tape.name(graph.parameters[p]) << ": " << analytic << ", numeric "
                     << numeric);
        CHECK(std::abs(analytic - numeric) <= 1e-6 * std::max(1.0, std::abs(numeric)));
        ++checked;
      }
    }
  }
  CHECK(checked > 200);
}
