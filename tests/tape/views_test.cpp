// Views that a tape gives: how long they are valid, and that they may come back as seeds and values.
#include <doctest/doctest.h>

#include <retrograd/nodes/all.hpp>
#include <retrograd/nodes/oscillator.hpp>
#include <retrograd/tape/tape.hpp>

#include <algorithm>
#include <vector>

using namespace retrograd;
using doctest::Contains;

namespace {

using Numbers = std::vector<double>;

Numbers numbers(const TensorView& view) {
  Numbers values;
  for (std::int64_t i = 0; i < view.shape.elements(); ++i) values.push_back(view.at(i));
  return values;
}

Tensor ramp(const Shape& shape, double from, double step) {
  Tensor tensor(shape);
  for (std::int64_t i = 0; i < shape.elements(); ++i)
    tensor.as<double>()[static_cast<std::size_t>(i)] = from + step * static_cast<double>(i);
  return tensor;
}

// Every kind of stage, with parameters of every shape.
struct Recorded {
  explicit Recorded(ElementType type) : tape({.type = type, .sample_rate = 44100.0}) {}
  Tape tape;
  Var number = tape.parameter("number", 2.0);
  Var rows = tape.parameter("rows", ramp({3, 1}, 0.5, 0.25));
  Var signal = tape.parameter("signal", ramp({1500}, -1.0, 1e-3));
  Var signals = tape.parameter("signals", ramp({3, 1500}, 0.1, 1e-4));
  Var square = retrograd::square(number);
  Var of_rows = rows * square;
  Var of_signal = signal * signal * number;
  Var of_signals = signals * signals * of_signal * of_rows;
  Var phase = cumulative_sum(of_signals * signals);
  Var total = sum(phase * 1e-3);
  Var of_all = mean(of_signals);
  std::vector<Var> leaves{number, rows, signal, signals};
  std::vector<Var> values{number,    rows,       signal, signals, square, of_rows,
                          of_signal, of_signals, phase,  total,   of_all};
  std::vector<Var> outputs{square, of_rows, of_signal, of_signals, phase, total, of_all};

  bool is_leaf(Var var) const { return std::ranges::find(leaves, var.id(), &Var::id) != leaves.end(); }
  std::vector<Numbers> gradients() const {
    std::vector<Numbers> all;
    for (const Var leaf : leaves) all.push_back(numbers(tape.gradient(leaf)));
    return all;
  }
};

}  // namespace

TEST_CASE("the gradient of a number is the seed of the next rewind") {
  for (const ElementType type : {ElementType::f32, ElementType::f64}) {
    Tape tape({.type = type});
    const Var p = tape.parameter("p", 2.0), y = p * p, z = square(y);
    tape.play({y, z});
    tape.rewind(z);
    CHECK(tape.gradient(p).item() == 32.0);
    tape.rewind(y, tape.gradient(p));
    CHECK(tape.gradient(p).item() == 128.0);
  }
}

TEST_CASE("a seed may be a view of any value or gradient of the tape: as a copy of it would") {
  for (const ElementType type : {ElementType::f32, ElementType::f64}) {
    Recorded recorded(type);
    Tape& tape = recorded.tape;
    tape.play(recorded.outputs);
    int compared = 0;
    for (const Var y : recorded.values)
      for (const Var source : recorded.values) {
        if (source.shape() != y.shape()) continue;
        for (const bool is_gradient : {false, true}) {
          if (is_gradient && !recorded.is_leaf(source)) continue;
          const auto seed = [&] { return is_gradient ? tape.gradient(source) : tape.value(source); };
          tape.rewind(recorded.total);
          const Tensor copy(seed());
          tape.rewind(y, copy);
          const std::vector<Numbers> wanted = recorded.gradients();
          tape.rewind(recorded.total);
          tape.rewind(y, seed());
          CAPTURE(y.id());
          CAPTURE(source.id());
          CAPTURE(is_gradient);
          CHECK(recorded.gradients() == wanted);
          ++compared;
        }
      }
    CHECK(compared > 30);
  }
}

TEST_CASE("a seed may be a part of a gradient") {
  Tape tape({.type = ElementType::f32});
  const Var x = tape.parameter("x", ramp({2, 600}, 0.1, 1e-3)),
            row = tape.parameter("row", ramp({600}, 1.0, 1e-2));
  const Var y = row * row, loss = sum(x * x);
  tape.play({y, loss});
  tape.rewind(loss);
  const Tensor whole(tape.gradient(x));
  const auto second_row = [](const TensorView& of) {
    return TensorView{of.row<float>(1).data(), Shape{600}, ElementType::f32};
  };
  tape.rewind(y, second_row(whole));
  const Numbers wanted = numbers(tape.gradient(row));
  tape.rewind(loss);
  tape.rewind(y, second_row(tape.gradient(x)));
  CHECK(numbers(tape.gradient(row)) == wanted);
}

TEST_CASE("an input or a parameter takes a view of any value or gradient of its tape, its own too") {
  for (const ElementType type : {ElementType::f32, ElementType::f64}) {
    Recorded recorded(type);
    Tape& tape = recorded.tape;
    for (const Var leaf : recorded.leaves)
      for (const Var source : recorded.values) {
        if (source.shape() != leaf.shape()) continue;
        const Tensor before(tape.value(leaf));
        tape.play(recorded.outputs);
        tape.rewind(recorded.total);
        const Numbers value = numbers(tape.value(source)), gradient = numbers(tape.gradient(leaf));
        tape.set(leaf, tape.value(source));
        CHECK(numbers(tape.value(leaf)) == value);
        tape.set(leaf, tape.gradient(leaf));
        CHECK(numbers(tape.value(leaf)) == gradient);
        tape.set(leaf, before);
      }
  }
}

TEST_CASE("a tensor takes a view of itself") {
  Tensor tensor{1.0, 2.0, 3.0};
  tensor.assign(tensor.view());
  CHECK(numbers(tensor) == Numbers{1.0, 2.0, 3.0});
  tensor = Tensor(tensor.view());
  CHECK(numbers(tensor) == Numbers{1.0, 2.0, 3.0});
}

TEST_CASE("what was played is readable until the next play, whatever is frozen, unfrozen or kept meanwhile") {
  Tape tape({.type = ElementType::f32, .sample_rate = 44100.0, .length = 1000});
  const Var pitch = tape.parameter("pitch", 300.0), gain = tape.parameter("gain", 0.5);
  const Var x = tape.input("x", ramp({1000}, 0.0, 1e-3));
  const Var wave = sinusoid(pitch), y = wave * gain * x;
  tape.play({y});
  tape.rewind(y);
  const TensorView value = tape.value(y), gradient = tape.gradient(gain);
  const Numbers wanted = numbers(value);
  const double slope = gradient.item();
  const auto check = [&] {
    CHECK(numbers(value) == wanted);
    CHECK(numbers(tape.value(y)) == wanted);
    CHECK(gradient.item() == slope);
    CHECK_THROWS_WITH_AS(tape.rewind(y), Contains("since the last play; play again first"), TapeError);
    CHECK_THROWS_AS(tape.gradient(gain), TapeError);
  };
  tape.freeze(pitch);
  check();
  tape.unfreeze(x);
  check();
  tape.describe_plan(std::vector{y});
  tape.keep(wave);
  check();
  CHECK_THROWS_WITH_AS(tape.value(wave), Contains("not stored by the last play"), TapeError);
  // A view of the last play's values sets what the next one reads.
  tape.set(x, value);
  tape.play({y});
  tape.rewind(y);
  CHECK(numbers(tape.value(x)) == wanted);
  CHECK(numbers(tape.value(wave)).size() == 1000);
  CHECK(tape.gradient(x).shape == Shape{1000});
  CHECK_THROWS_AS(tape.gradient(pitch), TapeError);
}

TEST_CASE("the values of the last play outlive plans that were made and forgotten since") {
  Tape tape;
  const Var x = tape.parameter("x", 3.0), y = square(x), z = y * x;
  tape.play({z});
  tape.play({y});
  const TensorView value = tape.value(y);
  for (int i = 0; i < 3; ++i) {
    tape.freeze(x);
    tape.describe_plan(std::vector{y});
    tape.unfreeze(x);
  }
  CHECK(value.item() == 9.0);
  tape.play({z});
  tape.rewind(z);
  CHECK(tape.gradient(x).item() == 27.0);
}
