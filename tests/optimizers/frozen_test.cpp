// Which parameters a step moves: what is frozen, recorded later or added is where a user looks for it.
#include <doctest/doctest.h>
#include <retrograd/nodes/all.hpp>
#include <retrograd/optimizers/optimizer.hpp>

#include <cmath>
#include <string>
#include <vector>

using namespace retrograd;
using doctest::Contains;

namespace {

struct Two {
  Tape tape;
  Var a = tape.parameter("a", 1.0), b = tape.parameter("b", 1.0), loss = square(a) + square(b);
  double at(Var var) const { return tape.value(var).item(); }
  void play_and_rewind() {
    tape.play({loss});
    tape.rewind(loss);
  }
};

}  // namespace

TEST_CASE(
    "a parameter that is frozen later stays where it is with what is remembered of it, and the other moves") {
  Two two;
  Adam adam(two.tape, {.learning_rate = 0.1});
  two.play_and_rewind();
  adam.step();
  two.tape.freeze(two.a);
  two.play_and_rewind();
  const OptimizerState before = adam.save();
  adam.step();
  const OptimizerState after = adam.save();
  for (const char* quantity : {"a/free", "a/first_moment", "a/second_moment"})
    CHECK(before.at(quantity) == after.at(quantity));
  CHECK(two.at(two.a) == doctest::Approx(0.9));
  CHECK(two.at(two.b) == doctest::Approx(0.8).epsilon(1e-3));
  CHECK(after.at("/steps")[0] == 2.0);
  CHECK(after.at("a/steps")[0] == 1.0);
  CHECK(after.count("b/steps") == 0);
}

TEST_CASE("a parameter that is thawed goes on as if the steps between had not been") {
  Two one, other;
  Adam adam(one.tape, {.learning_rate = 0.1}), later(other.tape, {.learning_rate = 0.1});
  const auto step = [](Two& two, Adam& optimizer) {
    two.play_and_rewind();
    optimizer.step();
  };
  for (int i = 0; i < 3; ++i) step(one, adam);
  step(other, later);
  other.tape.freeze(other.a);
  for (int i = 0; i < 5; ++i) step(other, later);
  other.tape.unfreeze(other.a);
  for (int i = 0; i < 2; ++i) step(other, later);
  CHECK(one.at(one.a) == other.at(other.a));
  // and so does one whose state was saved meanwhile
  Adam loaded(other.tape, {.learning_rate = 0.1});
  loaded.load(later.save());
  step(one, adam);
  step(other, loaded);
  CHECK(one.at(one.a) == other.at(other.a));
}

TEST_CASE("after a freeze or an unfreeze a step wants another play and rewind, and says so") {
  for (const bool thaws : {false, true}) {
    Two two;
    if (thaws) two.tape.freeze(two.b);
    const std::vector both{two.a, two.b};
    Sgd sgd(two.tape, {.learning_rate = 0.1, .momentum = 0.0}, both);
    two.play_and_rewind();
    if (thaws)
      two.tape.unfreeze(two.b);
    else
      two.tape.freeze(two.b);
    CHECK_THROWS_WITH_AS(sgd.step(), Contains("before a play and a rewind"), TapeError);
    CHECK_THROWS_WITH_AS(sgd.step(), Contains("freeze"), TapeError);
    CHECK(two.at(two.a) == 1.0);
    two.play_and_rewind();
    sgd.step();
    CHECK(two.at(two.a) == doctest::Approx(0.8));
    CHECK(two.at(two.b) == doctest::Approx(thaws ? 0.8 : 1.0));
  }
}

TEST_CASE("a value that is set while its parameter is frozen is where it goes on") {
  Two two;
  Sgd sgd(two.tape, {.learning_rate = 0.1, .momentum = 0.0});
  two.tape.freeze(two.a);
  two.tape.set(two.a, 5.0);
  two.play_and_rewind();
  sgd.step();
  CHECK(two.at(two.a) == 5.0);
  two.tape.unfreeze(two.a);
  two.play_and_rewind();
  sgd.step();
  CHECK(two.at(two.a) == doctest::Approx(4.0));
}

TEST_CASE("with everything frozen a step does nothing") {
  Two two;
  Adam adam(two.tape);
  two.tape.freeze(two.a);
  two.tape.freeze(two.b);
  adam.step();
  CHECK(two.at(two.a) == 1.0);
  CHECK(two.at(two.b) == 1.0);
}

TEST_CASE("a parameter that is recorded after the optimiser was made is left alone until it is added") {
  Two two;
  Adam adam(two.tape, {.learning_rate = 0.1});
  two.play_and_rewind();
  adam.step();
  const Var late = two.tape.parameter("late", 1.0);
  two.loss = two.loss + square(late);
  two.play_and_rewind();
  adam.step();
  CHECK(two.at(late) == 1.0);
  adam.add(late);
  two.play_and_rewind();
  adam.step();
  CHECK(two.at(late) == doctest::Approx(0.9));  // its own first step, whatever the others have done
  CHECK_THROWS_WITH_AS(adam.add(late), "an optimiser was given the parameter 'late' twice", TapeError);
  adam.add(two.tape.parameter("later", 1.0));
  CHECK_THROWS_WITH_AS(adam.step(), Contains("'later' was asked for before a play and a rewind"), TapeError);
}

TEST_CASE("what is no parameter of the tape, or is named twice, is refused with a word") {
  Two two;
  Tape other;
  const std::vector twice{two.a, two.b, two.a}, foreign{other.parameter("x", 1.0)},
      constant{two.tape.constant(1.0)}, computed{two.loss};
  CHECK_THROWS_WITH_AS(Adam(two.tape, {}, twice), Contains("'a' twice"), TapeError);
  CHECK_THROWS_WITH_AS(Adam(two.tape, {}, foreign), Contains("another tape"), TapeError);
  CHECK_THROWS_WITH_AS(Adam(two.tape, {}, constant), Contains("constant"), TapeError);
  CHECK_THROWS_WITH_AS(Adam(two.tape, {}, computed), Contains("wants an input or a parameter"), TapeError);
  Tape empty;
  CHECK_THROWS_WITH_AS(Adam{empty}, Contains("no parameter yet"), TapeError);
  Adam adam(two.tape);
  CHECK_THROWS_AS(adam.set_learning_rate(std::nan("")), DomainError);
  CHECK_THROWS_AS(adam.set_learning_rate(-1.0), DomainError);
  CHECK_THROWS_AS(adam.scale_rate(two.a, INFINITY), DomainError);
}

TEST_CASE("a state that cannot be one is refused, and nothing has changed") {
  Two two;
  Adam adam(two.tape);
  for (const auto& [key, value] :
       {std::pair("/steps", std::nan("")), std::pair("/steps", -1.0), std::pair("/steps", 1e300),
        std::pair("/steps", 0.5), std::pair("b/free", std::nan("")), std::pair("b/steps", -3.0)}) {
    OptimizerState state = adam.save();
    state["a/free"] = {7.0};
    state[key] = {value};
    CHECK_THROWS_AS(adam.load(state), TapeError);
    CHECK(two.at(two.a) == 1.0);
  }
}
