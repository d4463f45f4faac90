// A step begins from the value that a parameter has, whoever gave it.
#include <doctest/doctest.h>
#include <retrograd/nodes/all.hpp>
#include <retrograd/optimizers/optimizer.hpp>
#include <retrograd/optimizers/parameter_space.hpp>

#include <cmath>
#include <functional>
#include <memory>
#include <vector>

using namespace retrograd;

namespace {

void play_and_rewind(Tape& tape, Var loss) {
  tape.play({loss});
  tape.rewind(loss);
}

// The first step of Adam is the learning rate, against the gradient's sign.
constexpr double rate = 0.1;

}  // namespace

TEST_CASE("a value that is set after the optimiser was made is where the step begins") {
  for (const bool of_adam : {false, true}) {
    Tape tape;
    const Var w = tape.parameter("w", 1.0), loss = square(w - 5.0);
    std::unique_ptr<Optimizer> optimizer;
    if (of_adam)
      optimizer = std::make_unique<Adam>(tape, AdamOptions{.learning_rate = rate});
    else
      optimizer = std::make_unique<Sgd>(tape, SgdOptions{.learning_rate = rate, .momentum = 0.0});
    tape.set(w, 2.9);
    play_and_rewind(tape, loss);
    optimizer->step();
    CHECK(tape.value(w).item() == doctest::Approx(of_adam ? 3.0 : 2.9 + rate * 2.0 * 2.1).epsilon(1e-7));
  }
}

TEST_CASE("the slope of the domain is that at the value that was set") {
  Tape tape;
  const Var w = tape.parameter("w", 1.0, positive), loss = sum_over_time(w * 3.0);
  Sgd sgd(tape, {.learning_rate = 0.01, .momentum = 0.0});
  tape.set(w, 4.0);
  play_and_rewind(tape, loss);
  sgd.step();
  CHECK(tape.value(w).item() == doctest::Approx(4.0 * std::exp(-0.01 * 3.0 * 4.0)).epsilon(1e-12));
}

TEST_CASE(
    "a value that is set between the rewind and the step is where the step begins, with the gradient of the "
    "rewind") {
  Tape tape;
  const Var w = tape.parameter("w", 1.0), loss = square(w);
  Sgd sgd(tape, {.learning_rate = rate, .momentum = 0.0});
  play_and_rewind(tape, loss);
  tape.set(w, 7.0);
  sgd.step();
  CHECK(tape.value(w).item() == doctest::Approx(7.0 - rate * 2.0));
}

TEST_CASE("elements that nobody set keep what they are exactly, beside others that were") {
  const auto run = [](bool sets) {
    Tape tape({.length = 3});
    const std::vector<float> start{0.3F, 0.4F, 0.5F};
    const Var w = tape.parameter("w", Tensor(std::span(start)), unit_interval);
    const Var loss = sum_over_time(square(w - 0.1));
    Adam adam(tape, {.learning_rate = rate});
    for (int step = 0; step < 20; ++step) {
      play_and_rewind(tape, loss);
      adam.step();
      if (!sets) continue;
      Tensor value(tape.value(w));
      value.as<float>()[1] = 0.9F;
      tape.set(w, value);
    }
    return std::pair(Tensor(tape.value(w)), adam.save());
  };
  const auto [set, set_state] = run(true);
  const auto [left, left_state] = run(false);
  CHECK(set.as<float>()[1] == 0.9F);
  for (const std::size_t i : {0U, 2U}) {
    CHECK(set.as<float>()[i] == left.as<float>()[i]);
    CHECK(set_state.at("w/free")[i] == left_state.at("w/free")[i]);
  }
}

TEST_CASE("a value that is set to what it is changes nothing") {
  OptimizerState states[2];
  for (const bool sets : {false, true}) {
    Tape tape;
    const Var w = tape.parameter("w", 0.3, unit_interval), v = tape.parameter("v", 0.0, unit_interval);
    const Var loss = square(w - 0.8) + square(v - 0.5);
    Adam adam(tape, {.learning_rate = rate});
    for (int step = 0; step < 10; ++step) {
      if (sets)
        for (const Var parameter : {w, v}) tape.set(parameter, Tensor(tape.value(parameter)));
      play_and_rewind(tape, loss);
      adam.step();
    }
    states[sets ? 1 : 0] = adam.save();
  }
  CHECK(states[0] == states[1]);
}

TEST_CASE("a second step without a rewind moves against the same gradient again") {
  Tape tape;
  const Var w = tape.parameter("w", 1.0), loss = square(w);
  Sgd sgd(tape, {.learning_rate = rate, .momentum = 0.0});
  play_and_rewind(tape, loss);
  sgd.step();
  sgd.step();
  CHECK(tape.value(w).item() == doctest::Approx(1.0 - 2.0 * rate * 2.0));
}

TEST_CASE("two optimisers in turn on one parameter go on from each other") {
  Tape tape;
  const Var w = tape.parameter("w", 1.0), loss = square(w);
  Sgd one(tape, {.learning_rate = rate, .momentum = 0.0}),
      two(tape, {.learning_rate = rate, .momentum = 0.0});
  for (int step = 0; step < 3; ++step)
    for (Sgd* sgd : {&one, &two}) {
      play_and_rewind(tape, loss);
      sgd->step();
    }
  CHECK(tape.value(w).item() == doctest::Approx(std::pow(0.8, 6)));
}

TEST_CASE(
    "a state that is saved has the values that were set, and one that is loaded sets them until another is "
    "set") {
  Tape tape;
  const Var w = tape.parameter("w", 1.0, positive), loss = square(w);
  Sgd sgd(tape, {.learning_rate = rate, .momentum = 0.0});
  tape.set(w, 3.0);
  const OptimizerState state = sgd.save();
  CHECK(state.at("w/free")[0] == doctest::Approx(std::log(3.0)));
  play_and_rewind(tape, loss);
  sgd.step();
  sgd.load(state);
  CHECK(tape.value(w).item() == doctest::Approx(3.0));
  tape.set(w, 2.0);
  play_and_rewind(tape, loss);
  sgd.step();
  CHECK(tape.value(w).item() == doctest::Approx(2.0 * std::exp(-rate * 4.0 * 2.0)));
}

TEST_CASE("a state brings back values whose gradient was not a number") {
  Tape tape;
  const Var w = tape.parameter("w", 1.0), loss = sqrt(w);
  Sgd sgd(tape, {.learning_rate = rate, .momentum = 0.0});
  const OptimizerState state = sgd.save();
  tape.set(w, -1.0);
  play_and_rewind(tape, loss);
  sgd.step();
  CHECK(tape.value(w).item() == -1.0);
  sgd.load(state);
  CHECK(tape.value(w).item() == 1.0);
}

TEST_CASE("a step that a node refuses leaves the value, and the next one begins there") {
  Tape tape({.length = 4});
  const Var attack = tape.parameter("attack", 1.5), one = tape.constant(1.0);
  const Var y =
      sum_over_time(adsr(tape.input("gate", Tensor(Shape{4})), {attack, one, one * 0.5, one})) + attack;
  Sgd sgd(tape, {.learning_rate = 10.0, .momentum = 0.0});
  play_and_rewind(tape, y);
  CHECK_THROWS_AS(sgd.step(), DomainError);
  CHECK(tape.value(attack).item() == 1.5);
  sgd.set_learning_rate(0.5);
  sgd.step();
  CHECK(tape.value(attack).item() == doctest::Approx(1.0));
}
