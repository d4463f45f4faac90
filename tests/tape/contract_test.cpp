// What a tape promises whoever records on it, sentence by sentence.
#include <doctest/doctest.h>

#include <retrograd/nodes/all.hpp>
#include <retrograd/nodes/oscillator.hpp>
#include <retrograd/tape/graph.hpp>

#include <cmath>
#include <limits>
#include <string>
#include <thread>
#include <utility>
#include <vector>

using namespace retrograd;
using doctest::Contains;

namespace {

std::vector<double> numbers(const TensorView& view) {
  std::vector<double> values;
  for (std::int64_t i = 0; i < view.shape.elements(); ++i) values.push_back(view.at(i));
  return values;
}

using Numbers = std::vector<double>;

}  // namespace

TEST_CASE("a tape is recorded once and played many times, with other values each time") {
  Tape tape({.type = ElementType::f64});
  const Var a = tape.parameter("a", 2.0), x = tape.input("x", Tensor{1.0, 2.0, 3.0});
  const Var y = sum(square(x * a));
  for (const double value : {2.0, 3.0, -1.0}) {
    tape.set(a, Tensor(value));
    tape.play({y});
    CHECK(tape.value(y).item() == 14.0 * value * value);
    tape.rewind(y);
    CHECK(tape.gradient(a).item() == 28.0 * value);
  }
  tape.set(x, Tensor{0.0, 0.0, 1.0});
  tape.play({y});
  CHECK(tape.value(y).item() == 1.0);
}

TEST_CASE("names are unique, over inputs and parameters alike") {
  Tape tape;
  tape.input("gate", Tensor(1.0));
  tape.parameter("pitch", 300.0);
  CHECK_THROWS_WITH_AS(tape.parameter("gate", 1.0), Contains("'gate' already; names are unique"), TapeError);
  CHECK_THROWS_WITH_AS(tape.input("pitch", Tensor(1.0)), Contains("'pitch' already"), TapeError);
  CHECK_THROWS_AS(tape.parameter("", 1.0), TapeError);
  CHECK_THROWS_AS(tape.input("", Tensor(1.0)), TapeError);
  CHECK(tape.parameters().size() == 1);
  CHECK(graph_of(tape.state()).nodes.size() == 2);
  CHECK(graph_of(tape.state()).leaves.size() == 2);
  CHECK(tape.value(tape.find("gate")).item() == 1.0);
  CHECK(tape.value(tape.find("pitch")).item() == 300.0);
  const Var next = tape.parameter("next", 2.0);
  const Var y = next * tape.find("pitch");
  tape.play({y});
  tape.rewind(y);
  CHECK(tape.gradient(next).item() == 300.0);
  Tape other;
  CHECK_NOTHROW(other.input("gate", Tensor(1.0)));
}

TEST_CASE("oscillators that nothing modulates share one zero, which nobody can set") {
  Tape tape({.length = 100});
  const Var pitch = tape.parameter("pitch", 0.1), own = tape.constant(0.0);
  const Var first = sinusoid(pitch), second = sinusoid(pitch), modulated = sinusoid(pitch, own);
  CHECK(graph_of(tape.state()).leaves.size() == 3);  // the pitch, our own and theirs
  tape.set(own, 1.0);
  tape.play({first, second, modulated});
  CHECK(tape.value(first).at(0) == 0.0);
  CHECK(tape.value(second).at(0) == 0.0);
  CHECK(tape.value(modulated).at(0) == doctest::Approx(std::sin(1.0)));
}

TEST_CASE("parameters keep the order they were recorded in, and are found by name") {
  Tape tape;
  const char* names[] = {"zeta", "alpha", "mu", "beta"};
  for (const char* name : names) {
    tape.parameter(name, 1.0, unit_interval);
    tape.input(std::string("input ") + name, Tensor(0.0));
    tape.constant(2.0);
  }
  REQUIRE(tape.parameters().size() == 4);
  for (std::size_t i = 0; i < 4; ++i) {
    CHECK(tape.name(tape.parameters()[i]) == names[i]);
    CHECK(tape.find(names[i]).id() == tape.parameters()[i].id());
    CHECK(tape.domain(tape.parameters()[i]) == unit_interval);
  }
  CHECK_THROWS_WITH_AS(tape.find("gamma"), Contains("named 'gamma'; it has: alpha, beta, input alpha"),
                       TapeError);
}

TEST_CASE("another shape cannot be set, nor a value outside the domain") {
  Tape tape;
  const Var x = tape.input("x", Tensor(Shape{2, 100}));
  CHECK_THROWS_WITH_AS(tape.set(x, Tensor(Shape{100})), Contains("'x' has the shape (2, 100)"), ShapeError);
  CHECK_THROWS_AS(tape.set(x, Tensor(Shape{200, 1})), ShapeError);
  CHECK_THROWS_AS(tape.set(x, Tensor(1.0)), ShapeError);
  const Var p = tape.parameter("p", 1.0, positive);
  CHECK_THROWS_WITH_AS(tape.set(p, Tensor(0.0)), Contains("parameter 'p' is 0, but must be positive"),
                       DomainError);
  CHECK_THROWS_AS(tape.set(p, Tensor(std::nan(""))), DomainError);
  CHECK(tape.value(p).item() == 1.0);
  CHECK_THROWS_WITH_AS(tape.parameter("q", 1.5, unit_interval), Contains("'q' is 1.5, but must be in [0, 1]"),
                       DomainError);
  CHECK_THROWS_AS(tape.parameter("r", Tensor{1.0, std::numeric_limits<double>::infinity()}), DomainError);
  const Var y = x * p;
  CHECK_THROWS_WITH_AS(tape.set(y, Tensor(1.0)), Contains("output of 'multiply'"), TapeError);
}

TEST_CASE("a number can be set as it is") {
  Tape tape;
  const Var p = tape.parameter("p", 2.0, positive);
  tape.set(p, 300.0);
  CHECK(tape.value(p).item() == 300.0);
  tape.set(p, 3);
  CHECK(tape.value(p).item() == 3.0);
  CHECK_THROWS_AS(tape.set(p, -1.0), DomainError);
  CHECK_THROWS_AS(tape.set(tape.input("x", Tensor(Shape{5})), 1.0), ShapeError);
}

TEST_CASE("gradients and values asked for too early are errors that say what to do") {
  Tape tape;
  const Var p = tape.parameter("p", 2.0), x = tape.input("x", Tensor{1.0, 2.0});
  const Var y = x * p, z = y + 1.0;
  CHECK_THROWS_WITH_AS(tape.rewind(y), Contains("before a play"), TapeError);
  CHECK_THROWS_WITH_AS(tape.value(y), Contains("nothing has been played"), TapeError);
  CHECK_THROWS_WITH_AS(tape.gradient(p), Contains("'p' was asked for before a play and a rewind"), TapeError);
  tape.play({z});
  CHECK_THROWS_WITH_AS(tape.gradient(p), Contains("before a play and a rewind"), TapeError);
  CHECK_THROWS_WITH_AS(tape.value(y), Contains("'multiply' was not stored"), TapeError);
  CHECK_THROWS_WITH_AS(tape.rewind(y), Contains("'multiply' was not played; name it in play, or keep it"),
                       TapeError);
  tape.set(p, Tensor(3.0));
  CHECK_THROWS_WITH_AS(tape.rewind(z), Contains("a value was set since the last play; play again first"),
                       TapeError);
  tape.play({z});
  CHECK_NOTHROW(tape.rewind(z));
  CHECK(tape.gradient(p).item() == 3.0);
  CHECK_THROWS_WITH_AS(tape.gradient(x), Contains("'x' has no gradient"), TapeError);
  CHECK_THROWS_AS(tape.gradient(z), TapeError);
  CHECK_THROWS_AS(tape.play({}), TapeError);
  const Var late = tape.parameter("late", 1.0);
  CHECK_THROWS_AS(tape.gradient(late), TapeError);
}

TEST_CASE("Vars of two tapes, or of none, do not mix") {
  Tape one, two;
  const Var a = one.parameter("a", 1.0), b = two.parameter("b", 1.0), none;
  CHECK_THROWS_WITH_AS(a + b, Contains("[add] a Var of another tape"), TapeError);
  CHECK_THROWS_AS(b * a, TapeError);
  CHECK_THROWS_AS(phase(a, b, 10), TapeError);
  CHECK_THROWS_AS(concat({a, b}, 0), TapeError);
  CHECK_THROWS_AS(matmul(a, b), TapeError);
  CHECK_THROWS_AS(adsr(a, {a, a, b, a}), TapeError);
  CHECK_THROWS_AS(one.play({b}), TapeError);
  CHECK_THROWS_AS(one.play({a, b}), TapeError);
  CHECK_THROWS_AS(one.set(b, Tensor(1.0)), TapeError);
  CHECK_THROWS_AS(one.value(b), TapeError);
  CHECK_THROWS_AS(one.keep(b), TapeError);
  CHECK_THROWS_AS(one.freeze(b), TapeError);
  CHECK_THROWS_AS(one.name(b), TapeError);
  one.play({a});
  CHECK_THROWS_AS(one.rewind(b), TapeError);
  CHECK_THROWS_AS(one.gradient(b), TapeError);
  CHECK_THROWS_WITH_AS(a + none, Contains("belongs to no tape"), TapeError);
  CHECK_THROWS_AS(none + a, TapeError);
  CHECK_THROWS_AS(none * 2.0, TapeError);
  CHECK_THROWS_AS(sin(none), TapeError);
  CHECK_THROWS_AS(one.play({none}), TapeError);
  CHECK_THROWS_AS(none.shape(), TapeError);
}

TEST_CASE("moving a tape keeps its Vars valid") {
  Tape first({.type = ElementType::f64});
  const Var p = first.parameter("p", 3.0), y = square(p) * first.input("x", Tensor{1.0, 2.0});
  first.play({y});
  Tape second = std::move(first);
  CHECK(numbers(second.value(y)) == Numbers{9.0, 18.0});
  second.rewind(y);
  CHECK(second.gradient(p).item() == 18.0);
  Tape third;
  third = std::move(second);
  const Var z = y + p;  // recording goes on
  third.play({z});
  third.rewind(z);
  CHECK(third.gradient(p).item() == 20.0);
  std::vector<Tape> tapes;
  tapes.push_back(std::move(third));
  tapes.emplace_back();
  tapes.reserve(100);
  CHECK_NOTHROW(tapes[0].play({z}));
}

TEST_CASE("two tapes on two threads do not disturb each other") {
  const auto run = [](double pitch, std::vector<double>& results) {
    for (int round = 0; round < 20; ++round) {
      Tape tape({.sample_rate = 8000.0, .length = 2000});
      const Var p = tape.parameter("pitch", pitch);
      const Var loss = mean(square(sinusoid(p) * 0.5 + 0.1));
      tape.play({loss});
      tape.rewind(loss);
      results.push_back(tape.value(loss).item());
      results.push_back(tape.gradient(p).item());
    }
  };
  std::vector<double> alone[2], together[2];
  run(440.0, alone[0]);
  run(441.0, alone[1]);
  std::thread other(run, 441.0, std::ref(together[1]));
  run(440.0, together[0]);
  other.join();
  CHECK(alone[0] == together[0]);
  CHECK(alone[1] == together[1]);
  CHECK(alone[0] != alone[1]);
}

TEST_CASE("several losses are rewound one after the other, each overwriting the gradients, or are added") {
  Tape tape({.type = ElementType::f64});
  const Var a = tape.parameter("a", 2.0), b = tape.parameter("b", 5.0), x = tape.input("x", Tensor{1.0, 3.0});
  const Var signal = tape.parameter("signal", Tensor{1.0, 1.0});
  const Var first = sum(x * a * signal), second = sum(square(x) * b) + a;
  const Var both = first + second;
  tape.play({first, second, both});
  for (int round = 0; round < 3; ++round) {
    tape.rewind(first);
    CHECK(tape.gradient(a).item() == 4.0);
    CHECK(tape.gradient(b).item() == 0.0);
    CHECK(numbers(tape.gradient(signal)) == Numbers{2.0, 6.0});
    tape.rewind(second);
    CHECK(tape.gradient(a).item() == 1.0);
    CHECK(tape.gradient(b).item() == 10.0);
    CHECK(numbers(tape.gradient(signal)) == Numbers{0.0, 0.0});
    tape.rewind(both);
    CHECK(tape.gradient(a).item() == 5.0);
    CHECK(tape.gradient(b).item() == 10.0);
    tape.rewind(both);
    CHECK(tape.gradient(a).item() == 5.0);
  }
}

TEST_CASE("a rewind starts from a value of any shape, weighted by a seed of that shape") {
  Tape tape({.type = ElementType::f64});
  const Var a = tape.parameter("a", Tensor{2.0, 3.0}.reshaped(Shape{2, 1}));
  const Var x = tape.input("x", Tensor{1.0, 10.0, 100.0});
  const Var y = x * a;  // (2, 3)
  tape.play({y});
  tape.rewind(y);
  CHECK(numbers(tape.gradient(a)) == Numbers{111.0, 111.0});
  tape.rewind(y, Tensor{1.0, 2.0, 3.0, 0.0, 0.0, -1.0}.reshaped(Shape{2, 3}));
  CHECK(numbers(tape.gradient(a)) == Numbers{321.0, -100.0});
  const Tensor seed_in_f32 = Tensor{1.0, 0.0, 0.0, 0.0, 1.0, 0.0}.reshaped(Shape{2, 3}).to(ElementType::f32);
  tape.rewind(y, seed_in_f32);
  CHECK(numbers(tape.gradient(a)) == Numbers{1.0, 10.0});
  CHECK_THROWS_WITH_AS(tape.rewind(y, Tensor{1.0, 2.0, 3.0}),
                       Contains("the seed has the shape (3) and the value (2, 3)"), ShapeError);
  tape.play({a});
  tape.rewind(a, Tensor{7.0, 8.0}.reshaped(Shape{2, 1}));
  CHECK(numbers(tape.gradient(a)) == Numbers{7.0, 8.0});
}

TEST_CASE("no gradient flows to what is frozen, or through stop_gradient, until it is unfrozen") {
  Tape tape({.type = ElementType::f64});
  const Var a = tape.parameter("a", 2.0), b = tape.parameter("b", 3.0), x = tape.input("x", Tensor{1.0, 4.0});
  const Var y = a * b * x + stop_gradient(a * x) * b;
  const auto gradient_of = [&](Var p) {
    tape.play({y});
    tape.rewind(y);
    return numbers(tape.gradient(p));
  };
  CHECK(gradient_of(a) == Numbers{15.0});
  CHECK(gradient_of(b) == Numbers{20.0});
  tape.freeze(a);
  CHECK(gradient_of(b) == Numbers{20.0});
  CHECK_THROWS_WITH_AS(tape.gradient(a), Contains("'a' has no gradient: it is frozen"), TapeError);
  tape.unfreeze(a);
  CHECK_THROWS_AS(tape.gradient(b), TapeError);  // what was rewound before is gone
  CHECK(gradient_of(a) == Numbers{15.0});
  tape.unfreeze(x);
  CHECK(gradient_of(x) == Numbers{6.0, 6.0});
  tape.freeze(x);
  CHECK_THROWS_AS(tape.gradient(x), TapeError);
}

TEST_CASE("what is kept is readable after every play that computes it, and can be rewound") {
  Tape tape({.type = ElementType::f64});
  const Var a = tape.parameter("a", 2.0), x = tape.input("x", Tensor{1.0, 4.0});
  const Var inside = square(x * a), y = sum(inside + 1.0), elsewhere = x + 1.0;
  tape.keep(inside);
  tape.keep(elsewhere);
  tape.play({y});
  CHECK(numbers(tape.value(inside)) == Numbers{4.0, 64.0});
  CHECK_THROWS_AS(tape.value(elsewhere), TapeError);  // the play did not need it
  tape.rewind(inside);
  CHECK(tape.gradient(a).item() == 68.0);
  tape.rewind(y);
  CHECK(tape.gradient(a).item() == 68.0);
  tape.set(a, Tensor(1.0));
  tape.play({y});
  CHECK(numbers(tape.value(inside)) == Numbers{1.0, 16.0});
}

TEST_CASE("parameters that the value does not depend on have a gradient of zero, in or out of the plan") {
  Tape tape({.type = ElementType::f64});
  const Var used = tape.parameter("used", 2.0), beside = tape.parameter("beside", 3.0);
  const Var signal = tape.parameter("signal", Tensor{1.0, 2.0, 3.0}),
            unused = tape.parameter("unused", Tensor{1.0, 2.0});
  const Var x = tape.input("x", Tensor{1.0, 1.0, 1.0});
  const Var y = sum(x * used), other = sum(signal * beside);
  tape.play({y, other});
  tape.rewind(other);
  CHECK(tape.gradient(beside).item() == 6.0);
  CHECK(numbers(tape.gradient(signal)) == Numbers{3.0, 3.0, 3.0});
  tape.rewind(y);
  CHECK(tape.gradient(used).item() == 3.0);
  CHECK(tape.gradient(beside).item() == 0.0);
  CHECK(numbers(tape.gradient(signal)) == Numbers{0.0, 0.0, 0.0});
  CHECK(numbers(tape.gradient(unused)) == Numbers{0.0, 0.0});
  CHECK(tape.gradient(unused).shape == Shape{2});
}

TEST_CASE("recording may go on after a play and a rewind") {
  Tape tape({.type = ElementType::f64});
  const Var a = tape.parameter("a", 2.0), s = tape.parameter("s", Tensor{1.0, 2.0});
  const Var y = sum(square(s * a)), part = slice(s, 0, 0, 1), z = sum(part * part * a);
  tape.play({y, z});
  tape.rewind(y);
  tape.rewind(z);
  for (int i = 0; i < 200; ++i) tape.parameter("later " + std::to_string(i), 1.0);
  for (int round = 0; round < 3; ++round) {
    tape.play({y, z});
    tape.rewind(y);
    CHECK(tape.gradient(a).item() == 20.0);
    CHECK(numbers(tape.gradient(s)) == Numbers{8.0, 16.0});
    tape.rewind(z);
    CHECK(tape.gradient(a).item() == 1.0);
    CHECK(numbers(tape.gradient(s)) == Numbers{4.0, 0.0});
    CHECK(tape.gradient(tape.find("later 7")).item() == 0.0);
  }
  const Var more = y * tape.find("later 7");
  tape.play({more});
  tape.rewind(more);
  CHECK(tape.gradient(tape.find("later 7")).item() == 20.0);
}

TEST_CASE("one value per row has one gradient per row; a number's is summed over rows and time") {
  for (const ElementType type : {ElementType::f64, ElementType::f32}) {
    Tape tape({.type = type});
    const Var number = tape.parameter("number", 1.0);
    const Var per_row = tape.parameter("per_row", Tensor{1.0, 2.0, 3.0}.reshaped(Shape{3, 1}));
    const Var shared = tape.parameter("shared", Tensor{1.0, 0.5, 0.25, 2.0}.reshaped(Shape{1, 4}));
    const Var blocks = tape.parameter("blocks", Tensor{1.0, -1.0}.reshaped(Shape{2, 1, 1}));
    const Var y = number * per_row * shared * blocks;  // (2, 3, 4)
    REQUIRE(y.shape() == Shape{2, 3, 4});
    tape.play({y});
    tape.rewind(y, Tensor::signal({1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 2, 2, 2, 2})
                       .reshaped(Shape{2, 3, 4}));
    CHECK(tape.gradient(number).item() == 3.75 * (6.0 - 2.0 * 3.0));
    CHECK(numbers(tape.gradient(per_row)) == Numbers{3.75, 3.75, 3.75 - 7.5});
    CHECK(tape.gradient(per_row).shape == Shape{3, 1});
    CHECK(numbers(tape.gradient(shared)) == Numbers{0.0, 0.0, 0.0, 0.0});
    CHECK(tape.gradient(shared).shape == Shape{1, 4});
    CHECK(numbers(tape.gradient(blocks)) == Numbers{3.75 * 6.0, 3.75 * 6.0});
    CHECK(tape.gradient(blocks).shape == Shape{2, 1, 1});
  }
}

TEST_CASE("shapes that do not broadcast name the operation and both shapes") {
  Tape tape;
  const Var a = tape.input("a", Tensor(Shape{3, 100})), b = tape.input("b", Tensor(Shape{2, 100}));
  const Var shorter = tape.input("shorter", Tensor(Shape{99}));
  CHECK_THROWS_WITH_AS(a * b, Contains("[multiply] shapes (3, 100) and (2, 100) do not broadcast"),
                       ShapeError);
  CHECK_THROWS_WITH_AS(a + shorter, Contains("[add] shapes (3, 100) and (99) do not broadcast"), ShapeError);
  CHECK_THROWS_WITH_AS(select(a, a, b), Contains("[select] shapes (3, 100) and (2, 100)"), ShapeError);
  CHECK_THROWS_WITH_AS(matmul(a, b), Contains("[matmul] shapes (3, 100) and (2, 100)"), ShapeError);
  CHECK_THROWS_WITH_AS(concat({a, shorter}, 0), Contains("[concat] shapes (3, 100) and (99)"), ShapeError);
}

TEST_CASE("a sample rate, a length or a tile that cannot be is refused") {
  const double nan = std::nan("");
  for (const double rate : {0.0, -1.0, nan, std::numeric_limits<double>::infinity()})
    CHECK_THROWS_WITH_AS(Tape({.sample_rate = rate}), Contains("sample rate"), DomainError);
  for (const std::int64_t length : {0, -1})
    CHECK_THROWS_WITH_AS(Tape({.length = length}), Contains("length"), DomainError);
  for (const int tile : {-128, 1, 100, 384, 2048})
    CHECK_THROWS_WITH_AS(Tape({.tile = tile}), Contains("tile"), DomainError);
}

TEST_CASE("a device that is not there is a DeviceError at once") {
  try {
    const Tape probe({.device = Device::cuda});
    return;  // it is there
  } catch (const DeviceError&) {
  }
  CHECK_THROWS_WITH_AS(Tape({.device = Device::cuda}), Contains("cuda is not available"), DeviceError);
  CHECK_THROWS_AS(Tensor(Shape{4}).to(Device::cuda), DeviceError);
}

TEST_CASE("host data of either type becomes the tape's type; what is constant over time is double") {
  const Tensor in_f64{0.1, 0.2, 0.3}, in_f32 = in_f64.to(ElementType::f32);
  for (const ElementType type : {ElementType::f32, ElementType::f64}) {
    Tape tape({.type = type});
    const Var a = tape.input("a", in_f64), b = tape.parameter("b", in_f32);
    const Var number = tape.parameter("number", Tensor(0.1).to(ElementType::f32));
    const Var exact = tape.input("exact", Tensor(0.1));
    CHECK(tape.value(a).type == type);
    CHECK(tape.value(b).type == type);
    CHECK(tape.value(number).type == ElementType::f64);
    CHECK(tape.value(number).item() == static_cast<double>(0.1f));
    CHECK(tape.value(exact).item() == 0.1);
    CHECK(tape.value(a).at(0) == (type == ElementType::f32 ? static_cast<double>(0.1f) : 0.1));
    CHECK(tape.value(b).at(0) == static_cast<double>(0.1f));
    tape.set(a, in_f32);
    CHECK(tape.value(a).at(1) == static_cast<double>(0.2f));
    const Var y = a * b * number, third = exact / 3.0, total = sum(y);
    tape.play({y, third, total});
    tape.rewind(y);
    CHECK(tape.value(y).type == type);
    CHECK(tape.value(third).type == ElementType::f64);
    CHECK(tape.value(third).item() == 0.1 / 3.0);
    CHECK(tape.value(total).type == ElementType::f64);
    CHECK(tape.gradient(b).type == type);
    CHECK(tape.gradient(number).type == ElementType::f64);
  }
}

TEST_CASE("a play keeps one plan per set of outputs, and reads only its own values") {
  Tape tape({.type = ElementType::f64});
  const Var a = tape.parameter("a", 2.0), x = tape.input("x", Tensor{1.0, 2.0});
  const Var first = x * a, second = x + a;
  tape.play({first});
  CHECK_THROWS_AS(tape.value(second), TapeError);
  tape.play({second});
  CHECK_THROWS_AS(tape.value(first), TapeError);
  CHECK_THROWS_AS(tape.rewind(first), TapeError);
  CHECK(numbers(tape.value(second)) == Numbers{3.0, 4.0});
  tape.play({first, second});
  CHECK(numbers(tape.value(first)) == Numbers{2.0, 4.0});
  tape.play({second, first, second});
  CHECK(numbers(tape.value(second)) == Numbers{3.0, 4.0});
  tape.rewind(second);
  CHECK(tape.gradient(a).item() == 2.0);
}

TEST_CASE("an input or a parameter is a value like any other: played, read and rewound") {
  Tape tape({.type = ElementType::f64});
  const Var p = tape.parameter("p", Tensor{1.0, 2.0});
  tape.play({p});
  CHECK(numbers(tape.value(p)) == Numbers{1.0, 2.0});
  tape.rewind(p);
  CHECK(numbers(tape.gradient(p)) == Numbers{1.0, 1.0});
  const Var y = p * p * p;
  tape.play({y, p});
  tape.rewind(y);
  CHECK(numbers(tape.gradient(p)) == Numbers{3.0, 12.0});
  tape.rewind(p);
  CHECK(numbers(tape.gradient(p)) == Numbers{1.0, 1.0});
}

TEST_CASE("no row influences another") {
  Tape tape({.sample_rate = 8000.0, .length = 900});
  const Var pitch = tape.parameter("pitch", Tensor{100.0, 200.0, 300.0}.reshaped(Shape{3, 1}));
  const Var gain = tape.input("gain", Tensor{1.0, 1.0, 1.0}.reshaped(Shape{3, 1}));
  const Var loss = mean_over_time(square(sinusoid(pitch) * gain + 0.1));
  REQUIRE(loss.shape() == Shape{3, 1});
  tape.play({loss});
  tape.rewind(loss);
  const Numbers losses = numbers(tape.value(loss)), gradients = numbers(tape.gradient(pitch));
  tape.set(gain, Tensor{1.0, std::nan(""), 1.0}.reshaped(Shape{3, 1}));
  tape.play({loss});
  tape.rewind(loss);
  for (const std::int64_t row : {0, 2}) {
    CHECK(tape.value(loss).at(row) == losses[static_cast<std::size_t>(row)]);
    CHECK(tape.gradient(pitch).at(row) == gradients[static_cast<std::size_t>(row)]);
  }
  CHECK(std::isnan(tape.value(loss).at(1)));
}

TEST_CASE("a host lends its own threads") {
  // Runs tasks backwards, each as another worker in turn, on the calling thread.
  struct Backwards final : Executor {
    int calls = 0;
    int workers() const override { return 4; }
    void run(int count, Task task) override {
      ++calls;
      for (int i = count; i-- > 0;) task(i, i % 4);
    }
  };
  const auto play = [](Executor* executor) {
    Tape tape({.sample_rate = 8000.0, .length = 3000, .executor = executor});
    const Var bend = tape.parameter("bend", Tensor(Shape{1, 3000}));
    const Var pitch = tape.parameter("pitch", Tensor{1.0, 2.0, 3.0, 4.0, 5.0}.reshaped(Shape{5, 1}));
    const Var y = sinusoid(pitch * 100.0 + bend);
    tape.play({y});
    tape.rewind(y);
    Numbers all = numbers(tape.value(y));
    for (const Var p : {bend, pitch})
      for (const double g : numbers(tape.gradient(p))) all.push_back(g);
    return all;
  };
  Backwards backwards;
  CHECK(play(&backwards) == play(nullptr));
  CHECK(backwards.calls > 0);
}
