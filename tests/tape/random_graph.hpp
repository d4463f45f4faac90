// A graph drawn at random, with broadcasts, whole nodes, sums and shared values in every order.
#pragma once

#include <retrograd/nodes/all.hpp>

#include <random>
#include <string>
#include <vector>

namespace random_graph {

using namespace retrograd;

inline Tensor random_tensor(std::mt19937& random, const Shape& shape) {
  std::uniform_real_distribution<double> uniform(-1.0, 1.0);
  Tensor values(shape);
  for (double& v : values.as<double>()) v = uniform(random);
  return values;
}

struct RandomGraph {
  std::vector<Var> parameters, values, outputs;
};

/// The same graph for the same seed, smooth everywhere. Values stay in [-2, 2].
inline RandomGraph record(Tape& tape, unsigned seed, bool keeps) {
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
    switch (random() % 14) {
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
      case 11:
        y = mix(a) * (1.0 / static_cast<double>(shape.rows()));
        break;
      case 12:
        y = shape.axes() > 1 ? mix(a, 0) * (1.0 / static_cast<double>(shape[0])) : a * b;
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

}  // namespace random_graph
