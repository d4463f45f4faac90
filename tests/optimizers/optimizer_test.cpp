// Optimisers: what a step does, that it stays in the domain, and that state survives saving.
#include <doctest/doctest.h>
#include <retrograd/nodes/all.hpp>
#include <retrograd/optimizers/optimizer.hpp>
#include <retrograd/optimizers/parameter_space.hpp>

#include <cmath>
#include <vector>

using namespace retrograd;

TEST_CASE("a value survives the way to free space and back, and the slope there is the derivative") {
  for (const Domain& domain :
       {real, positive, unit_interval, range(-3.0, 5.0), Domain{0.0, INFINITY, false}, range(-INFINITY, 8.0)})
    for (const double part : {0.001, 0.2, 0.5, 0.77, 0.999}) {
      const bool has_low = std::isfinite(domain.low), has_high = std::isfinite(domain.high);
      const double value = has_low && has_high ? domain.low + part * (domain.high - domain.low)
                           : has_high          ? domain.high - part * 7.0
                                               : part * 7.0;
      const double free = to_free(domain, value), h = 1e-6;
      CHECK(from_free(domain, free) == doctest::Approx(value).epsilon(1e-12));
      CHECK(slope_at(domain, free) ==
            doctest::Approx((from_free(domain, free + h) - from_free(domain, free - h)) / (2.0 * h))
                .epsilon(1e-7));
    }
}

TEST_CASE("a value that begins on a bound leaves it within tens of Adam's steps, and every step is valid") {
  struct Start {
    Domain domain;
    double value, goal;
  };
  for (const Start& start : {Start{{0.0, INFINITY, false}, 0.0, 0.3}, Start{unit_interval, 0.0, 0.4},
                             Start{unit_interval, 1.0, 0.6}, Start{range(-3.0, 5.0), 5.0, 1.0},
                             Start{range(-INFINITY, 8.0), 8.0, 7.5}}) {
    CAPTURE(to_string(start.domain));
    Tape tape;
    const Var x = tape.parameter("x", start.value, start.domain);
    const Var y = square(x - start.goal);
    Adam adam(tape, {.learning_rate = 0.15});
    const double before = std::abs(start.value - start.goal);
    for (int step = 0; step < 80; ++step) {
      tape.play({y});
      tape.rewind(y);
      adam.step();
      CHECK(start.domain.contains(tape.value(x).item()));
      if (step == 0) CHECK(std::abs(tape.value(x).item() - start.goal) < before);
    }
    CHECK(std::abs(tape.value(x).item() - start.goal) < 0.2 * before);
  }
}

TEST_CASE("a value near a bound, however near, stays what it is until its gradient moves it") {
  for (const double value : {1e-300, 1e-12, 1e-4}) {
    CHECK(from_free(positive, to_free(positive, value)) == doctest::Approx(value < 1e-200 ? 1e-200 : value));
    CHECK(from_free(unit_interval, to_free(unit_interval, value)) ==
          doctest::Approx(value < 1e-200 ? 1e-200 : value));
  }
  CHECK(from_free(unit_interval, to_free(unit_interval, 1.0 - 1e-12)) == doctest::Approx(1.0 - 1e-12));
}

TEST_CASE("no step, however large, leaves a domain") {
  for (const Domain& domain :
       {positive, unit_interval, range(-3.0, 5.0), Domain{0.0, INFINITY, false}, range(-INFINITY, 8.0)})
    for (const double free : {-1e300, -1e3, -50.0, 0.0, 50.0, 1e3, 1e300})
      CHECK(domain.contains(from_free(domain, free)));
}

TEST_CASE("gradient descent with momentum follows its formula") {
  Tape tape;
  const Var x = tape.parameter("x", 3.0);
  const Var y = square(x);
  Sgd sgd(tape, {.learning_rate = 0.1, .momentum = 0.5});
  double expected = 3.0, velocity = 0.0;
  for (int step = 0; step < 5; ++step) {
    tape.play({y});
    tape.rewind(y);
    sgd.step();
    velocity = 0.5 * velocity + 2.0 * expected;
    expected -= 0.1 * velocity;
    CHECK(tape.value(x).item() == doctest::Approx(expected).epsilon(1e-14));
  }
}

TEST_CASE("Adam follows its formula") {
  Tape tape;
  const Var x = tape.parameter("x", 3.0);
  const Var y = square(x);
  Adam adam(tape, {.learning_rate = 0.1});
  double expected = 3.0, first = 0.0, second = 0.0;
  for (int step = 1; step <= 5; ++step) {
    tape.play({y});
    tape.rewind(y);
    adam.step();
    const double g = 2.0 * expected;
    first = 0.9 * first + 0.1 * g;
    second = 0.999 * second + 0.001 * g * g;
    expected -= 0.1 * (first / (1.0 - std::pow(0.9, step))) /
                (std::sqrt(second / (1.0 - std::pow(0.999, step))) + 1e-8);
    CHECK(tape.value(x).item() == doctest::Approx(expected).epsilon(1e-13));
  }
}

TEST_CASE("clipping bounds each row's gradient by itself") {
  Tape tape;
  const std::vector<double> values{100.0, 0.01};
  const Var x = tape.parameter("x", Tensor(values, Shape{2, 1}));
  const Var y = square(x);
  Sgd sgd(tape, {.learning_rate = 1.0, .momentum = 0.0, .clip = 1.0});
  tape.play({y});
  tape.rewind(y);
  sgd.step();
  CHECK(tape.value(x).at(0) == doctest::Approx(99.0));   // 200, clipped to 1
  CHECK(tape.value(x).at(1) == doctest::Approx(-0.01));  // 0.02, as it is
}

TEST_CASE("a row whose gradient is not a number stays where it is, and the others move") {
  Tape tape;
  const std::vector<double> values{-1.0, 4.0};
  const Var x = tape.parameter("x", Tensor(values, Shape{2, 1}));
  const Var y = sqrt(x);
  Sgd sgd(tape, {.learning_rate = 1.0, .momentum = 0.0});
  tape.play({y});
  tape.rewind(y);
  sgd.step();
  CHECK(tape.value(x).at(0) == -1.0);
  CHECK(tape.value(x).at(1) == doctest::Approx(3.75));
}

TEST_CASE("saved and loaded state continues bit for bit") {
  const auto make = [](Tape& tape) {
    const Var a = tape.parameter("a", 2.0, positive), b = tape.parameter("b", 0.3, unit_interval);
    const Var on_bound = tape.parameter("on bound", 0.0, unit_interval);
    return square(a) * b + a - on_bound;
  };
  Tape one, two;
  const Var y = make(one), z = make(two);
  Adam first(one), second(two);
  const auto steps = [](Tape& tape, Var loss, Optimizer& optimizer, int count) {
    for (int i = 0; i < count; ++i) {
      tape.play({loss});
      tape.rewind(loss);
      optimizer.step();
    }
  };
  steps(one, y, first, 7);
  second.load(first.save());
  steps(one, y, first, 9);
  steps(two, z, second, 9);
  for (const char* name : {"a", "b", "on bound"})
    CHECK(one.value(one.find(name)).item() == two.value(two.find(name)).item());
  OptimizerState incomplete = first.save();
  incomplete.erase("b/first_moment");
  CHECK_THROWS_WITH_AS(second.load(incomplete), "the optimiser's saved state has no 'b/first_moment'",
                       TapeError);
}

TEST_CASE("frozen parameters are left alone, and rates can differ") {
  Tape tape;
  const Var a = tape.parameter("a", 1.0), b = tape.parameter("b", 1.0), c = tape.parameter("c", 1.0);
  const Var y = a + b + c;
  tape.freeze(a);
  Sgd sgd(tape, {.learning_rate = 0.1, .momentum = 0.0});
  sgd.scale_rate(c, 3.0);
  tape.play({y});
  tape.rewind(y);
  sgd.step();
  CHECK(tape.value(a).item() == 1.0);
  CHECK(tape.value(b).item() == doctest::Approx(0.9));
  CHECK(tape.value(c).item() == doctest::Approx(0.7));
}
