// Optimisers on a GPU: the steps of the CPU, and neither a gradient nor a value comes to the host for them.
#include <doctest/doctest.h>

#include "emulated_gpu.hpp"

#include <retrograd/nodes/all.hpp>
#include <retrograd/nodes/oscillator.hpp>
#include <retrograd/optimizers/optimizer.hpp>

#include <cmath>
#include <functional>

using namespace retrograd;
using namespace retrograd::cuda;

namespace {

// Numbers that rows share, numbers of each row, a signal of each row and one that rows share; every kind of domain.
Var record(Tape& tape) {
  const Var shared = tape.parameter("shared", 0.4, unit_interval),
            own = tape.parameter("own", Tensor{0.3, 1.7, 2.0}.reshaped(Shape{3, 1}), positive),
            low = tape.parameter("low", -2.0, range(-INFINITY, 8.0)),
            curve = tape.parameter("curve", Tensor(Shape{3, 200}), range(-1.0, 1.0)),
            bend = tape.parameter("bend", Tensor(Shape{1, 200}));
  const Var y = sinusoid(own * 0.1) * shared + low * curve * 0.1 + bend;
  return sum_over_time(square(y - 0.7));
}

using MakeOptimizer = std::function<std::unique_ptr<Optimizer>(Tape&)>;

struct Steps {
  std::unique_ptr<Tape> tape;
  Var loss;
  std::unique_ptr<Optimizer> optimizer;
  Steps(const TapeOptions& options, const MakeOptimizer& make)
      : tape(std::make_unique<Tape>(options)), loss(record(*tape)), optimizer(make(*tape)) {}
  void run(int steps) {
    for (int i = 0; i < steps; ++i) {
      tape->play({loss});
      tape->rewind(loss);
      optimizer->step();
    }
  }
};

double largest_difference(const Steps& a, const Steps& b) {
  double largest = 0.0;
  for (const Var p : a.tape->parameters()) {
    const Tensor x(a.tape->value(p)), y(b.tape->value(b.tape->find(a.tape->name(p))));
    for (std::int64_t i = 0; i < x.shape().elements(); ++i)
      largest = std::max(largest, std::abs(x.view().at(i) - y.view().at(i)));
  }
  return largest;
}

const MakeOptimizer adam = [](Tape& tape) {
  return std::make_unique<Adam>(tape, AdamOptions{.learning_rate = 0.05});
};
const MakeOptimizer clipped = [](Tape& tape) {
  return std::make_unique<Adam>(tape, AdamOptions{.learning_rate = 0.05, .clip = 0.1});
};
const MakeOptimizer sgd = [](Tape& tape) {
  return std::make_unique<Sgd>(tape, SgdOptions{.learning_rate = 1e-3});
};

}  // namespace

TEST_CASE("steps have the bits of the CPU's; clipped ones agree to rounding") {
  for (const ElementType type : {ElementType::f32, ElementType::f64})
    for (const auto& [make, bound] :
         {std::pair(&adam, 0.0), std::pair(&sgd, 0.0), std::pair(&clipped, 1e-6)}) {
      EmulatedGpu gpu;
      Steps cpu({.type = type, .length = 200}, *make),
          other({.type = type, .device = Device::cuda, .length = 200, .gpu = &gpu}, *make);
      cpu.optimizer->scale_rate(cpu.tape->find("own"), 0.3);
      other.optimizer->scale_rate(other.tape->find("own"), 0.3);
      cpu.run(5);
      other.run(5);
      CHECK(largest_difference(cpu, other) <= bound);
    }
}

TEST_CASE("a step copies nothing to the host, nothing to the device, and allocates nothing") {
  EmulatedGpu gpu;
  Steps steps({.device = Device::cuda, .length = 200, .gpu = &gpu}, adam);
  steps.run(2);
  const auto before = gpu.counts();
  steps.run(3);
  const auto after = gpu.counts();
  CHECK(after.copies_to_host == before.copies_to_host);
  CHECK(after.copies_to_device == before.copies_to_device);
  CHECK(after.allocations == before.allocations);
}

TEST_CASE("state that is saved on a GPU goes on there, and on the CPU") {
  EmulatedGpu gpu;
  const TapeOptions on_gpu{.device = Device::cuda, .length = 200, .gpu = &gpu};
  Steps whole(on_gpu, adam), first(on_gpu, adam);
  whole.run(6);
  first.run(3);
  const OptimizerState state = first.optimizer->save();
  for (const TapeOptions& options : {on_gpu, TapeOptions{.length = 200}}) {
    Steps second(options, adam);
    second.optimizer->load(state);
    second.run(3);
    CHECK(largest_difference(whole, second) == 0.0);
  }
}

TEST_CASE("a rate or a state that changes between steps is taken to the device") {
  EmulatedGpu gpu;
  Steps cpu({.length = 200}, adam), other({.device = Device::cuda, .length = 200, .gpu = &gpu}, adam);
  for (Steps* steps : {&cpu, &other}) {
    steps->run(2);
    steps->optimizer->scale_rate(steps->tape->find("low"), 7.0);
    steps->run(2);
    steps->optimizer->load(steps->optimizer->save());
    steps->optimizer->set_learning_rate(0.2);
    steps->run(2);
    steps->tape->set(steps->tape->find("shared"), 0.1);
    steps->run(1);
  }
  CHECK(largest_difference(cpu, other) == 0.0);
}

TEST_CASE("a row whose gradient is not finite stays where it is") {
  EmulatedGpu gpu;
  for (const bool is_on_gpu : {false, true}) {
    Tape tape({.device = is_on_gpu ? Device::cuda : Device::cpu, .gpu = &gpu});
    const Var x = tape.parameter("x", Tensor{1.0, 2.0, 3.0}.reshaped(Shape{3, 1}));
    const Var y = x * tape.input("scale", Tensor{1.0, std::nan(""), 1.0}.reshaped(Shape{3, 1}));
    Adam optimizer(tape);
    tape.play({y});
    tape.rewind(y);
    optimizer.step();
    const Tensor after(tape.value(x));
    CHECK(after.view().at(0) != 1.0);
    CHECK(after.view().at(1) == 2.0);
    CHECK(after.view().at(2) != 3.0);
  }
}

TEST_CASE("a parameter that may come to what a node does not allow is looked at by the host") {
  EmulatedGpu gpu;
  Tape tape({.device = Device::cuda, .length = 300, .gpu = &gpu});
  const Var attack = tape.parameter("attack", 1.5);
  const Var y = sum_over_time(adsr(tape.input("gate", Tensor(Shape{300}).to(ElementType::f32)),
                                   {attack, tape.constant(3.0), tape.constant(0.5), tape.constant(3.0)}) *
                              attack);
  Sgd optimizer(tape, {.learning_rate = 1e9});
  tape.play({y});
  tape.rewind(y);
  optimizer.step();  // no gradient yet: a gate that is never high
  Tensor gate(Shape{300}, ElementType::f32);
  gate.fill(1.0);
  tape.set(tape.find("gate"), gate);
  tape.play({y});
  tape.rewind(y);
  CHECK_THROWS_AS(optimizer.step(), DomainError);
  CHECK(tape.value(attack).item() == 1.5);
}

TEST_CASE("an optimiser of one's own moves parameters of a GPU on the host") {
  struct Halve final : Optimizer {
    explicit Halve(Tape& tape) : Optimizer(tape, {}, 1.0, INFINITY, {}) {}
    void move(Moving& parameter, std::size_t i) override { parameter.free[i] *= 0.5; }
  };
  EmulatedGpu gpu;
  Tape tape({.device = Device::cuda, .gpu = &gpu});
  const Var x = tape.parameter("x", 3.0), y = square(x);
  Halve halve(tape);
  tape.play({y});
  tape.rewind(y);
  halve.step();
  tape.play({y});
  CHECK(tape.value(y).item() == 2.25);
}

TEST_CASE("a step before a rewind is a TapeError") {
  EmulatedGpu gpu;
  Tape tape({.device = Device::cuda, .gpu = &gpu});
  tape.parameter("x", 3.0);
  Adam optimizer(tape);
  CHECK_THROWS_AS(optimizer.step(), TapeError);
}

TEST_CASE("a parameter that the loss does not depend on stays where it is, and disturbs no other") {
  EmulatedGpu gpu;
  double after[2];
  for (const bool is_on_gpu : {false, true}) {
    Tape tape({.device = is_on_gpu ? Device::cuda : Device::cpu, .gpu = &gpu});
    const Var a = tape.parameter("a", 0.5), unused = tape.parameter("unused", 3.0), loss = square(a - 2.0);
    Adam optimizer(tape, {.clip = 1.0});
    for (int step = 0; step < 3; ++step) {
      tape.play({loss});
      tape.rewind(loss);
      optimizer.step();
    }
    CHECK(tape.value(unused).item() == 3.0);
    after[is_on_gpu ? 1 : 0] = tape.value(a).item();
  }
  CHECK(after[1] == doctest::Approx(after[0]).epsilon(1e-12));
}

TEST_CASE("a node that is recorded after steps on the device, and does not allow every number, is heeded") {
  EmulatedGpu gpu;
  for (const bool is_on_gpu : {false, true}) {
    Tape tape({.device = is_on_gpu ? Device::cuda : Device::cpu, .length = 50, .gpu = &gpu});
    const Var x = tape.parameter("x", 2.0), loss = square(x + 5.0);
    Sgd optimizer(tape, {.learning_rate = 0.01, .momentum = 0.0});
    const auto step = [&](Var of) {
      tape.play({of});
      tape.rewind(of);
      optimizer.step();
    };
    step(loss);
    const double before = tape.value(x).item();
    CHECK(before < 2.0);
    const Var high = tape.input("gate", Tensor(Shape{50}));
    const Var y =
        sum_over_time(adsr(high, {x, tape.constant(1.0), tape.constant(0.5), tape.constant(1.0)})) + loss;
    step(y);
    CHECK(tape.value(x).item() < before);
    optimizer.set_learning_rate(10.0);
    CHECK_THROWS_AS(step(y), DomainError);
    CHECK(tape.value(x).item() > 0.0);
  }
  // And what steps on the device have made of a parameter is what a recording looks at.
  Tape tape({.device = Device::cuda, .length = 50, .gpu = &gpu});
  const Var x = tape.parameter("x", 2.0), loss = square(x + 5.0);
  Sgd optimizer(tape, {.learning_rate = 1.0, .momentum = 0.0});
  tape.play({loss});
  tape.rewind(loss);
  optimizer.step();
  const Var one = tape.constant(1.0);
  CHECK_THROWS_AS(adsr(tape.input("gate", Tensor(Shape{50})), {x, one, one * 0.5, one}), DomainError);
}

TEST_CASE(
    "a value that is set, wherever it is, is where the device's next step begins, and the bits are the "
    "CPU's") {
  EmulatedGpu gpu;
  Steps cpu({.length = 200}, adam), other({.device = Device::cuda, .length = 200, .gpu = &gpu}, adam);
  for (Steps* steps : {&cpu, &other}) {
    Tape& tape = *steps->tape;
    const auto rewind = [&] {
      tape.play({steps->loss});
      tape.rewind(steps->loss);
    };
    tape.set(tape.find("low"), 1.0);  // before the first step
    steps->run(3);
    tape.set(tape.find("own"), Tensor{0.3, 5.0, 2.0}.reshaped(Shape{3, 1}));
    steps->run(2);
    rewind();
    tape.set(tape.find("shared"), 0.9);  // between the rewind and the step
    Tensor curve(tape.value(tape.find("curve")));
    curve.as<float>()[7] = -0.5F;  // one element of many
    tape.set(tape.find("curve"), curve);
    steps->optimizer->step();
    steps->optimizer->step();  // without another rewind
    if (steps == &other) {     // on the device itself
      const Tensor there = Tensor(Shape{1, 200}, ElementType::f32).to(Device::cuda, &gpu);
      tape.set(tape.find("bend"), there.view());
    } else {
      tape.set(tape.find("bend"), Tensor(Shape{1, 200}, ElementType::f32));
    }
    steps->run(1);
    tape.set(tape.find("low"), 3.0);
    steps->optimizer->load(steps->optimizer->save());
    CHECK(tape.value(tape.find("low")).item() == doctest::Approx(3.0));
    steps->run(1);
  }
  CHECK(largest_difference(cpu, other) == 0.0);
}

TEST_CASE("parameters that are frozen, thawed and added on a GPU have the bits of the CPU's") {
  EmulatedGpu gpu;
  for (const MakeOptimizer& make : {adam, sgd}) {
    Steps cpu({.length = 200}, make), other({.device = Device::cuda, .length = 200, .gpu = &gpu}, make);
    for (Steps* steps : {&cpu, &other}) {
      Tape& tape = *steps->tape;
      steps->run(2);
      tape.freeze(tape.find("curve"));
      tape.freeze(tape.find("low"));
      steps->run(3);
      tape.set(tape.find("low"), 1.5);
      tape.unfreeze(tape.find("low"));
      steps->run(2);
      const Var late = tape.parameter("late", 0.25);
      steps->loss = steps->loss + sum_over_time(sinusoid(tape.find("own")) * late);
      steps->optimizer->add(late);
      steps->run(2);
    }
    CHECK(largest_difference(cpu, other) == 0.0);
    CHECK(cpu.optimizer->save() == other.optimizer->save());
  }
}

TEST_CASE("whatever is clipped together is on a GPU too") {
  for (const ClipBy by : {ClipBy::row, ClipBy::tensor, ClipBy::all}) {
    EmulatedGpu gpu;
    std::vector<Tensor> after[2];
    for (const bool is_on_gpu : {false, true}) {
      Tape tape({.device = is_on_gpu ? Device::cuda : Device::cpu, .gpu = is_on_gpu ? &gpu : nullptr});
      Tensor values(Shape{5, 200}, ElementType::f32);
      for (std::int64_t i = 0; i < 1000; ++i)
        values.as<float>()[static_cast<std::size_t>(i)] = std::sin(static_cast<float>(i));
      const Var w = tape.parameter("w", values),
                gain = tape.parameter("gain", Tensor{1.0, 2.0, 3.0}.reshaped(Shape{3, 1}));
      const Var x = tape.input(
          "x", Tensor{1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0}.reshaped(
                   Shape{3, 5}));
      const Var loss = sum_over_time(square(matmul(x, w) * gain));
      Adam optimizer(tape, {.learning_rate = 0.05, .epsilon = 1.0, .clip = 0.5, .clip_by = by});
      for (int step = 0; step < 3; ++step) {
        tape.play({loss});
        tape.rewind(loss);
        optimizer.step();
      }
      for (const Var p : tape.parameters()) after[is_on_gpu ? 1 : 0].emplace_back(tape.value(p));
    }
    for (std::size_t p = 0; p < 2; ++p)
      for (std::int64_t i = 0; i < after[0][p].shape().elements(); ++i)
        CHECK(after[1][p].view().at(i) == doctest::Approx(after[0][p].view().at(i)).epsilon(1e-5));
  }
}

TEST_CASE("a method of one's own with many memories moves parameters of a GPU on the host") {
  struct Remembers final : Optimizer {
    explicit Remembers(Tape& tape) : Optimizer(tape, {}, 0.1, INFINITY, {"a", "b", "c", "d"}) {}
    void move(Moving& parameter, std::size_t i) override {
      for (std::vector<double>& memory : parameter.memory) memory[i] += parameter.gradient[i];
      parameter.free[i] -= learning_rate() * parameter.memory[3][i];
    }
  };
  EmulatedGpu gpu;
  OptimizerState states[2];
  for (const bool is_on_gpu : {false, true}) {
    Tape tape({.device = is_on_gpu ? Device::cuda : Device::cpu, .gpu = is_on_gpu ? &gpu : nullptr});
    const Var x = tape.parameter("x", 3.0), y = square(x);
    Remembers optimizer(tape);
    for (int step = 0; step < 4; ++step) {
      tape.play({y});
      tape.rewind(y);
      optimizer.step();
    }
    states[is_on_gpu ? 1 : 0] = optimizer.save();
  }
  CHECK(states[0] == states[1]);
}
