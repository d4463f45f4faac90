// A node on inputs drawn at random, as its check() allows them.
#pragma once

#include <retrograd/gradcheck/library_nodes.hpp>
#include <retrograd/nodes/all.hpp>
#include <retrograd/tape/tape.hpp>

#include <cmath>
#include <random>

#include "on_both.hpp"

namespace retrograd::cuda {

inline Tensor uniform(std::mt19937& random, const Shape& shape, const Span& span) {
  std::uniform_real_distribution<double> value(span.low, span.high);
  Tensor tensor(shape);
  for (double& x : tensor.as<double>()) x = span.is_gate ? std::round(value(random)) : value(random);
  return tensor;
}

/// On inputs of random shapes, or, for a whole node, of the shapes of one of its cases: parameters, where it lets a
/// gradient through.
inline Recorded record_random_node(Tape& tape, const gradcheck::CheckedNode& node, unsigned seed,
                                   unsigned most_samples = 2600) {
  std::mt19937 random(seed);
  const Check check = node.check();
  const std::int64_t length = 1 + static_cast<std::int64_t>(random() % most_samples);
  const Shape shapes[] = {Shape{1},         Shape{3, 1},      Shape{length},
                          Shape{1, length}, Shape{3, length}, Shape{2, 1, 1}};
  const CheckCase* const whole = check.cases.empty() ? nullptr : &check.cases[seed % check.cases.size()];
  std::vector<Var> x;
  for (std::size_t i = 0; i < (whole != nullptr ? whole->shapes.size() : check.inputs.size()); ++i) {
    const Span& span = check.inputs[std::min(i, check.inputs.size() - 1)];
    Shape shape = shapes[random() % std::size(shapes)];
    if (span.is_gate || (i == 0 && !span.is_constant)) shape = Shape{3, length};
    if (span.is_constant) shape = random() % 2 == 0 ? Shape{1} : Shape{3, 1};
    if (whole != nullptr) shape = whole->shapes[i];
    const std::string name = "x" + std::to_string(i);
    const Tensor value = uniform(random, shape, span);
    x.push_back(span.is_gate || random() % 5 == 0 ? tape.input(name, value) : tape.parameter(name, value));
  }
  const Var y = whole != nullptr          ? whole->record(x)
                : check.record != nullptr ? check.record(x)
                                          : node.record(x);
  return {{mean(y * 0.7), y}};
}

}  // namespace retrograd::cuda
