// What is clipped together: rows of a batch, tensors, or all; and methods that remember any number of quantities.
#include <doctest/doctest.h>
#include <retrograd/nodes/all.hpp>
#include <retrograd/optimizers/optimizer.hpp>

#include <cmath>
#include <string>
#include <vector>

using namespace retrograd;

namespace {

Tensor matrix(std::int64_t rows, std::int64_t columns, double scale) {
  Tensor values(Shape{rows, columns});
  for (std::int64_t i = 0; i < rows * columns; ++i)
    values.as<double>()[static_cast<std::size_t>(i)] = scale * std::sin(1.0 + static_cast<double>(i));
  return values;
}

// What a step of 1 moved the parameters by: their gradients, clipped.
std::vector<Tensor> clipped(Tape& tape, Var loss, double clip, ClipBy by) {
  std::vector<Tensor> moved;
  for (const Var p : tape.parameters()) moved.emplace_back(tape.value(p));
  Sgd sgd(tape, {.learning_rate = 1.0, .momentum = 0.0, .clip = clip, .clip_by = by});
  tape.play({loss});
  tape.rewind(loss);
  sgd.step();
  for (std::size_t p = 0; p < moved.size(); ++p) {
    const Tensor after(tape.value(tape.parameters()[p]));
    for (std::int64_t i = 0; i < after.shape().elements(); ++i) {
      const double by_step = moved[p].view().at(i) - after.view().at(i);
      if (after.type() == ElementType::f32)
        moved[p].as<float>()[static_cast<std::size_t>(i)] = static_cast<float>(by_step);
      else
        moved[p].as<double>()[static_cast<std::size_t>(i)] = by_step;
    }
  }
  return moved;
}

double norm(const Tensor& x, std::int64_t first = 0, std::int64_t count = -1) {
  double squares = 0.0;
  for (std::int64_t i = first; i < (count < 0 ? x.shape().elements() : first + count); ++i)
    squares += x.view().at(i) * x.view().at(i);
  return std::sqrt(squares);
}

}  // namespace

TEST_CASE("a weight matrix that a product takes on either side is clipped as one, not row by row") {
  for (const bool is_left : {false, true})
    for (const bool is_direct : {true, false}) {
      if (is_left && !is_direct) continue;
      Tape tape({.type = ElementType::f64});
      const Var w = tape.parameter("w", matrix(4, 6, 1.0)), used = is_direct ? w : tanh(w * 0.5);
      const Var x = tape.input("x", is_left ? matrix(6, 5, 50.0) : matrix(5, 4, 50.0));
      const Var loss = square(is_left ? matmul(used, x) : matmul(x, used));
      const std::vector<Tensor> moved = clipped(tape, loss, 1.0, ClipBy::row);
      CHECK(norm(moved[0]) == doctest::Approx(1.0));
    }
}

TEST_CASE("rows of a batch before a product are still rows, and weights are shared by all") {
  Tape tape({.type = ElementType::f64});
  const Var latent = tape.parameter("latent", matrix(3, 4, 1.0)), w = tape.parameter("w", matrix(4, 6, 1.0)),
            b = tape.parameter("b", matrix(1, 6, 1.0));
  const Var loss = square(matmul(tanh(latent) * 30.0, w) + b);
  const std::vector<Tensor> moved = clipped(tape, loss, 1.0, ClipBy::row);
  for (std::int64_t row = 0; row < 3; ++row) CHECK(norm(moved[0], 4 * row, 4) == doctest::Approx(1.0));
  CHECK(std::hypot(norm(moved[1]), norm(moved[2])) == doctest::Approx(1.0));
}

TEST_CASE("matrices of a batch belong each to its own row") {
  Tape tape({.type = ElementType::f64});
  const Var w = tape.parameter("w", matrix(6, 4, 1.0).reshaped(Shape{2, 3, 4})),
            gain = tape.parameter("gain", matrix(2, 1, 1.0).reshaped(Shape{2, 1, 1}));
  const Var loss = square(matmul(tape.input("x", matrix(10, 3, 50.0).reshaped(Shape{2, 5, 3})), w) * gain);
  const std::vector<Tensor> moved = clipped(tape, loss, 1.0, ClipBy::row);
  for (std::int64_t row = 0; row < 2; ++row)
    CHECK(std::hypot(norm(moved[0], 12 * row, 12), norm(moved[1], row, 1)) == doctest::Approx(1.0));
}

TEST_CASE("each parameter by itself, or all together") {
  const auto gradients = [](ClipBy by, double clip) {
    Tape tape({.type = ElementType::f64});
    const Var a = tape.parameter("a", matrix(3, 1, 10.0)), b = tape.parameter("b", 20.0),
              c = tape.parameter("c", 1e-3);
    return clipped(tape, square(a) + square(b) + square(c), clip, by);
  };
  const std::vector<Tensor> plain = gradients(ClipBy::all, INFINITY);
  const std::vector<Tensor> tensors = gradients(ClipBy::tensor, 1.0);
  CHECK(norm(tensors[0]) == doctest::Approx(1.0));
  CHECK(norm(tensors[1]) == doctest::Approx(1.0));
  CHECK(norm(tensors[2]) == doctest::Approx(norm(plain[2])));
  const std::vector<Tensor> all = gradients(ClipBy::all, 1.0);
  const double total = std::hypot(norm(plain[0]), norm(plain[1]), norm(plain[2]));
  for (std::size_t p = 0; p < 3; ++p)
    CHECK(norm(all[p]) == doctest::Approx(norm(plain[p]) / total).epsilon(1e-9));
}

TEST_CASE("a matrix that becomes one after the optimiser was made is clipped as one") {
  Tape tape({.type = ElementType::f64});
  const Var w = tape.parameter("w", matrix(4, 6, 1.0));
  Sgd sgd(tape, {.learning_rate = 1.0, .momentum = 0.0, .clip = 1.0});
  const Tensor before(tape.value(w));
  const Var loss = square(matmul(tape.input("x", matrix(5, 4, 50.0)), w));
  tape.play({loss});
  tape.rewind(loss);
  sgd.step();
  double squares = 0.0;
  for (std::int64_t i = 0; i < 24; ++i) squares += std::pow(tape.value(w).at(i) - before.view().at(i), 2);
  CHECK(squares == doctest::Approx(1.0));
}

TEST_CASE("a method remembers any number of quantities, which are saved and loaded") {
  struct Averaged final : Optimizer {
    explicit Averaged(Tape& tape, std::vector<std::string> names)
        : Optimizer(tape, {}, 0.1, INFINITY, names), count(names.size()) {}
    void move(Moving& parameter, std::size_t i) override {
      double sum = 0.0;
      for (std::size_t m = count; m-- > 0;) {
        parameter.memory[m][i] = m > 0 ? parameter.memory[m - 1][i] : parameter.gradient[i];
        sum += parameter.memory[m][i];
      }
      parameter.free[i] -= learning_rate() * sum / static_cast<double>(count);
    }
    std::size_t count;
  };
  const std::vector<std::string> names{"one", "two", "three", "four", "five"};
  Tape first, second;
  Var losses[2];
  int at = 0;
  for (Tape* tape : {&first, &second})
    losses[at++] = square(tape->parameter("w", matrix(2, 3, 1.0)) - tape->parameter("v", 0.5));
  Averaged one(first, names), two(second, names);
  const auto steps = [](Tape& tape, Var loss, Optimizer& optimizer) {
    for (int step = 0; step < 7; ++step) {
      tape.play({loss});
      tape.rewind(loss);
      optimizer.step();
    }
  };
  steps(first, losses[0], one);
  two.load(one.save());
  steps(first, losses[0], one);
  steps(second, losses[1], two);
  CHECK(one.save() == two.save());
  CHECK(one.save().size() == 1 + 2 * 6);
  CHECK_THROWS_AS(Averaged(first, {"one", "one"}), TapeError);
  CHECK_THROWS_AS(Averaged(first, {"free"}), TapeError);
}
