// Graphs drawn at random, with broadcasts, whole nodes, sums and shared values in every order: what the plan
// makes of them has the values of a plain evaluation, and the gradients of central differences.
#include <doctest/doctest.h>

#include "random_graph.hpp"

#include <cmath>
#include <random>
#include <string>
#include <vector>

using namespace random_graph;

namespace {

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
