// Every pointwise node against the plain formula of the standard library, under random broadcasts.
#include <doctest/doctest.h>

#include <retrograd/nodes/all.hpp>
#include <retrograd/nodes/oscillator.hpp>

#include <algorithm>
#include <cmath>
#include <functional>
#include <numbers>
#include <random>
#include <string>
#include <vector>

using namespace retrograd;

namespace {

using Vars = std::vector<Var>;
using Numbers = std::vector<double>;

// One node: how it is recorded, what it computes, and where its inputs are drawn from.
struct Entry {
  std::string name;
  std::function<Var(const Vars&)> record;
  std::function<double(const Numbers&)> formula;
  std::vector<std::pair<double, double>> ranges;
};

const std::pair<double, double> anywhere{-3.0, 3.0};

const std::vector<Entry>& entries() {
  static const std::vector<Entry> all{
      {"add",
       [](const Vars& x) { return x[0] + x[1]; },
       [](const Numbers& x) { return x[0] + x[1]; },
       {anywhere, anywhere}},
      {"subtract",
       [](const Vars& x) { return x[0] - x[1]; },
       [](const Numbers& x) { return x[0] - x[1]; },
       {anywhere, anywhere}},
      {"multiply",
       [](const Vars& x) { return x[0] * x[1]; },
       [](const Numbers& x) { return x[0] * x[1]; },
       {anywhere, anywhere}},
      {"divide",
       [](const Vars& x) { return x[0] / x[1]; },
       [](const Numbers& x) { return x[0] / x[1]; },
       {anywhere, {0.25, 4.0}}},
      {"negate", [](const Vars& x) { return -x[0]; }, [](const Numbers& x) { return -x[0]; }, {anywhere}},
      {"abs",
       [](const Vars& x) { return abs(x[0]); },
       [](const Numbers& x) { return std::abs(x[0]); },
       {anywhere}},
      {"minimum",
       [](const Vars& x) { return min(x[0], x[1]); },
       [](const Numbers& x) { return std::min(x[0], x[1]); },
       {anywhere, anywhere}},
      {"maximum",
       [](const Vars& x) { return max(x[0], x[1]); },
       [](const Numbers& x) { return std::max(x[0], x[1]); },
       {anywhere, anywhere}},
      {"clamp",
       [](const Vars& x) { return clamp(x[0], x[1], x[2]); },
       [](const Numbers& x) { return std::min(std::max(x[0], x[1]), x[2]); },
       {anywhere, {-2.0, 0.0}, {0.0, 2.0}}},
      {"pow",
       [](const Vars& x) { return pow(x[0], x[1]); },
       [](const Numbers& x) { return std::pow(x[0], x[1]); },
       {{0.1, 4.0}, anywhere}},
      {"sqrt",
       [](const Vars& x) { return sqrt(x[0]); },
       [](const Numbers& x) { return std::sqrt(x[0]); },
       {{0.0, 9.0}}},
      {"square",
       [](const Vars& x) { return square(x[0]); },
       [](const Numbers& x) { return x[0] * x[0]; },
       {anywhere}},
      {"exp",
       [](const Vars& x) { return exp(x[0]); },
       [](const Numbers& x) { return std::exp(x[0]); },
       {{-10.0, 10.0}}},
      {"log",
       [](const Vars& x) { return log(x[0]); },
       [](const Numbers& x) { return std::log(x[0]); },
       {{1e-3, 50.0}}},
      {"sin",
       [](const Vars& x) { return sin(x[0]); },
       [](const Numbers& x) { return std::sin(x[0]); },
       {{-20.0, 20.0}}},
      {"cos",
       [](const Vars& x) { return cos(x[0]); },
       [](const Numbers& x) { return std::cos(x[0]); },
       {{-20.0, 20.0}}},
      {"tanh",
       [](const Vars& x) { return tanh(x[0]); },
       [](const Numbers& x) { return std::tanh(x[0]); },
       {anywhere}},
      {"sigmoid",
       [](const Vars& x) { return sigmoid(x[0]); },
       [](const Numbers& x) { return 1.0 / (1.0 + std::exp(-x[0])); },
       {{-10.0, 10.0}}},
      {"softplus",
       [](const Vars& x) { return softplus(x[0]); },
       [](const Numbers& x) { return std::log1p(std::exp(x[0])); },
       {{-10.0, 10.0}}},
      {"damping",
       [](const Vars& x) { return damping(x[0]); },
       [](const Numbers& x) { return 1.0 / x[0]; },
       {{0.1, 40.0}}},
      {"prewarp",
       [](const Vars& x) { return pointwise(Prewarp{}, x[0]); },
       [](const Numbers& x) { return std::tan(std::numbers::pi * x[0]); },
       {{0.0, 0.45}}},
      {"quantize",
       [](const Vars& x) { return quantize(x[0], constant(x[0].tape(), 4.0)); },
       [](const Numbers& x) { return std::nearbyint(8.0 * x[0]) / 8.0; },
       {{-2.0, 2.0}}},
      {"smoothing",
       [](const Vars& x) { return pointwise(Smoothing{}, x[0]); },
       [](const Numbers& x) { return -std::expm1(-1.0 / x[0]); },
       {{0.1, 100.0}}},
      {"sinusoid",
       [](const Vars& x) { return pointwise(Sinusoid{}, x[0]); },
       [](const Numbers& x) { return std::sin(2.0 * std::numbers::pi * x[0]); },
       {{-0.5, 0.5}}},
      {"product",
       [](const Vars& x) { return product(x[0], x[1], x[2]); },
       [](const Numbers& x) { return x[0] * x[1] * x[2]; },
       {anywhere, anywhere, anywhere}},
      {"less",
       [](const Vars& x) { return x[0] < x[1]; },
       [](const Numbers& x) { return x[0] < x[1] ? 1.0 : 0.0; },
       {{-0.6, 1.4}, {-0.6, 1.4}}},
      {"less_equal",
       [](const Vars& x) { return x[0] <= x[1]; },
       [](const Numbers& x) { return x[0] <= x[1] ? 1.0 : 0.0; },
       {{-0.6, 1.4}, {-0.6, 1.4}}},
      {"select",
       [](const Vars& x) { return select(x[0], x[1], x[2]); },
       [](const Numbers& x) { return x[0] >= 0.5 ? x[1] : x[2]; },
       {{-0.6, 1.4}, anywhere, anywhere}},
      {"stop_gradient",
       [](const Vars& x) { return stop_gradient(x[0]); },
       [](const Numbers& x) { return x[0]; },
       {anywhere}},
  };
  return all;
}

Shape random_shape(std::mt19937& random) {
  std::vector<std::int64_t> axes(1 + random() % 4);
  for (std::int64_t& axis : axes) axis = 1 + static_cast<std::int64_t>(random() % 4);
  if (random() % 5 != 0) axes.back() = 1 + static_cast<std::int64_t>(random() % 700);
  return Shape(std::span<const std::int64_t>(axes));
}

// A shape that broadcasts to `target`.
Shape random_part(std::mt19937& random, const Shape& target) {
  std::vector<std::int64_t> axes;
  for (int axis = 0; axis < target.axes(); ++axis) axes.push_back(random() % 3 == 0 ? 1 : target[axis]);
  if (random() % 3 == 0)
    axes.erase(axes.begin(), axes.begin() + static_cast<std::ptrdiff_t>(random() % axes.size()));
  return Shape(std::span<const std::int64_t>(axes));
}

// The shape that results, and the element of a part that an element of the result repeats, written out here
// as NumPy documents them.
Shape naive_broadcast(const std::vector<Shape>& shapes) {
  std::vector<std::int64_t> axes;
  for (const Shape& shape : shapes) {
    while (static_cast<int>(axes.size()) < shape.axes()) axes.insert(axes.begin(), 1);
    for (int axis = 0; axis < shape.axes(); ++axis) {
      std::int64_t& extent = axes[axes.size() - static_cast<std::size_t>(shape.axes() - axis)];
      extent = std::max(extent, shape[axis]);
    }
  }
  return Shape(std::span<const std::int64_t>(axes));
}
std::int64_t naive_element(std::int64_t element, const Shape& part, const Shape& whole) {
  std::int64_t index = 0, stride = 1;
  for (int from_last = 1; from_last <= whole.axes(); ++from_last) {
    const std::int64_t extent = whole[whole.axes() - from_last];
    const std::int64_t at = element % extent;
    element /= extent;
    if (from_last > part.axes()) continue;
    const std::int64_t part_extent = part[part.axes() - from_last];
    if (part_extent > 1) index += at * stride;
    stride *= part_extent;
  }
  return index;
}

void check(const Entry& entry, ElementType type, std::mt19937& random) {
  Tape tape({.type = type});
  const Shape target = random_shape(random);
  std::vector<Shape> shapes;
  Vars inputs;
  for (std::size_t i = 0; i < entry.ranges.size(); ++i) {
    shapes.push_back(random_part(random, target));
    Tensor value(shapes.back());
    std::uniform_real_distribution<double> uniform(entry.ranges[i].first, entry.ranges[i].second);
    for (double& v : value.as<double>()) {
      v = uniform(random);
      if (entry.name.starts_with("less") || entry.name == "select") v = std::round(v * 4.0) / 4.0;  // ties
    }
    inputs.push_back(tape.input("x" + std::to_string(i), value));
  }
  const Var y = entry.record(inputs);
  const Shape shape = naive_broadcast(shapes);
  INFO(entry.name << " in " << std::string(name(type)) << " on " << to_string(shape));
  REQUIRE(y.shape() == shape);
  REQUIRE(y.is_signal() == (shape.length() > 1));
  tape.play({y});
  const TensorView result = tape.value(y);
  // Numbers are f64 on every tape; among the samples of an f32 tape they are floats.
  const bool in_f32 = type == ElementType::f32 && y.is_signal();
  REQUIRE(result.type == (in_f32 ? ElementType::f32 : ElementType::f64));
  const double tolerance = in_f32 ? 1e-6 : 1e-13;
  double worst = 0.0;
  for (std::int64_t e = 0; e < shape.elements(); ++e) {
    Numbers x;
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      const double v = tape.value(inputs[i]).at(naive_element(e, shapes[i], shape));
      x.push_back(in_f32 ? static_cast<double>(static_cast<float>(v)) : v);
    }
    const double expected = entry.formula(x);
    const double error = std::abs(result.at(e) - expected) / std::max(1.0, std::abs(expected));
    worst = error <= worst ? worst : error;
  }
  CHECK(worst <= tolerance);
}

}  // namespace

TEST_CASE("every pointwise node computes its formula, broadcasting as NumPy does") {
  std::mt19937 random(21);
  for (const Entry& entry : entries())
    for (int round = 0; round < 12; ++round) {
      check(entry, ElementType::f64, random);
      check(entry, ElementType::f32, random);
    }
}

TEST_CASE("no pointwise node of the library is left out above") {
  for_each_node(PointwiseNodes(), []<class N>() {
    INFO(std::string(N::name));
    CHECK(std::any_of(entries().begin(), entries().end(),
                      [](const Entry& entry) { return entry.name == N::name; }));
  });
}

TEST_CASE("numbers mix in on both sides of an operator") {
  for (const bool is_signal : {false, true}) {
    Tape tape({.type = ElementType::f64});
    const std::vector<double> values{-1.5, 0.25, 0.5, 2.0};
    const Var x =
        tape.input("x", Tensor(std::span<const double>(values), is_signal ? Shape{4} : Shape{4, 1}));
    const std::vector<std::pair<Var, std::function<double(double)>>> cases{
        {x + 2.0, [](double v) { return v + 2.0; }},
        {2.0 + x, [](double v) { return 2.0 + v; }},
        {x - 2.0, [](double v) { return v - 2.0; }},
        {2.0 - x, [](double v) { return 2.0 - v; }},
        {x * 3.0, [](double v) { return v * 3.0; }},
        {3.0 * x, [](double v) { return 3.0 * v; }},
        {x / 4.0, [](double v) { return v / 4.0; }},
        {4.0 / x, [](double v) { return 4.0 / v; }},
        {x < 0.5, [](double v) { return v < 0.5 ? 1.0 : 0.0; }},
        {x > 0.5, [](double v) { return v > 0.5 ? 1.0 : 0.0; }},
        {x <= 0.5, [](double v) { return v <= 0.5 ? 1.0 : 0.0; }},
        {x >= 0.5, [](double v) { return v >= 0.5 ? 1.0 : 0.0; }},
        {min(x, 0.3), [](double v) { return std::min(v, 0.3); }},
        {max(x, 0.3), [](double v) { return std::max(v, 0.3); }},
        {pow(abs(x), 2.5), [](double v) { return std::pow(std::abs(v), 2.5); }},
        {pow(2.0, x), [](double v) { return std::pow(2.0, v); }},
        {clamp(x, -1.0, 1.0), [](double v) { return std::clamp(v, -1.0, 1.0); }},
        {select(x > 0.4, x, 9.0), [](double v) { return v > 0.4 ? v : 9.0; }},
        {select(x > 0.4, 9.0, x), [](double v) { return v > 0.4 ? 9.0 : v; }},
        {select(x > 0.4, 7.0, 9.0), [](double v) { return v > 0.4 ? 7.0 : 9.0; }},
    };
    Vars outputs;
    for (const auto& [y, formula] : cases) outputs.push_back(y);
    tape.play(outputs);
    for (std::size_t i = 0; i < cases.size(); ++i)
      for (std::size_t n = 0; n < values.size(); ++n) {
        INFO("case " << i << " of " << values[n]);
        CHECK(tape.value(outputs[i]).as<double>()[n] ==
              doctest::Approx(cases[i].second(values[n])).epsilon(1e-13));
      }
  }
}

TEST_CASE("a tie of two values gives its derivative to the first, and abs has slope 0 at 0") {
  Tape tape({.type = ElementType::f64});
  const Var a = tape.parameter("a", Tensor{1.0, 2.0}), b = tape.parameter("b", Tensor{1.0, 2.0});
  const Var zero = tape.parameter("zero", Tensor{0.0, -0.0});
  const Var y = min(a, b) * 3.0 + max(a, b) * 5.0 + abs(zero) + max(abs(zero), 0.0);
  tape.play({y});
  tape.rewind(y);
  for (std::int64_t n = 0; n < 2; ++n) {
    CHECK(tape.gradient(a).at(n) == 8.0);
    CHECK(tape.gradient(b).at(n) == 0.0);
    CHECK(tape.gradient(zero).at(n) == 0.0);
  }
}

TEST_CASE("the value of a select has nothing of the branch not taken, not even a NaN") {
  Tape tape({.type = ElementType::f64});
  const Var x = tape.parameter("x", Tensor{4.0, -4.0, 9.0});
  const Var y = select(x > 0.0, sqrt(x), 0.0);
  tape.play({y});
  CHECK(tape.value(y).as<double>()[0] == 2.0);
  CHECK(tape.value(y).as<double>()[1] == 0.0);
  CHECK(tape.value(y).as<double>()[2] == 3.0);
}

TEST_CASE("numbers for thousands of rows have their gradients, whatever else needs none") {
  constexpr std::int64_t rows = 5000;
  Tape tape;
  Tensor numbers(Shape{rows, 1});
  for (std::int64_t i = 0; i < rows; ++i)
    numbers.as<double>()[static_cast<std::size_t>(i)] = 1.0 + static_cast<double>(i);
  const Var a = tape.parameter("a", numbers), b = tape.input("b", numbers);
  const Var y = product(a, b, b);
  tape.play({y});
  tape.rewind(y);
  for (std::int64_t i = 0; i < rows; ++i) {
    const double x = 1.0 + static_cast<double>(i);
    REQUIRE(tape.gradient(a).at(i) == x * x);
  }
}
