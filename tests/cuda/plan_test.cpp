// A tape on a GPU has the bits of the same tape on the CPU, forwards and backwards, whatever the GPU's size; it needs
// no memory from the second play on, and waits only where a value is read.
#include <doctest/doctest.h>

#include "../tape/graphs.hpp"
#include "../tape/random_graph.hpp"
#include "emulated_gpu.hpp"
#include "random_node.hpp"
#include "steady_oscillators.hpp"

#include <retrograd/backends/cpu/own_node.hpp>
#include <retrograd/backends/cpu/own_whole.hpp>
#include <retrograd/backends/cuda/bound_program.hpp>
#include <retrograd/gradcheck/node_check.hpp>

#include <algorithm>
#include <random>
#include <span>

using namespace retrograd;
using namespace retrograd::cuda;

namespace {

// Of 24 multiprocessors even the largest of these graphs is small, and its time is split over blocks; of one, a row is
// one block's; where blocks have little shared memory, their work is in the device's.
const EmulationOptions gpus[] = {{.multiprocessors = 24},
                                 {.multiprocessors = 1},
                                 {.seed = 7, .multiprocessors = 24, .shared_bytes = 9000}};

Builder builder_of(const graphs::Case& graph) {
  return [&graph](Tape& tape) {
    const graphs::Recorded recorded = graph.record(tape);
    return Recorded{recorded.values, recorded.loss};
  };
}

}  // namespace

TEST_CASE("outputs and gradients have the bits of the CPU, on graphs with every kind of stage") {
  for (const EmulationOptions& options : gpus) {
    EmulatedGpu gpu(options);
    for (const ElementType type : {ElementType::f32, ElementType::f64})
      for (const graphs::Case& graph : graphs::cases()) {
        INFO(graph.name << ", " << name(type) << ", " << options.multiprocessors << " multiprocessors");
        CHECK(difference(builder_of(graph),
                         {.type = type, .sample_rate = graphs::rate, .length = graph.length}, gpu) == "");
      }
  }
}

TEST_CASE("every node that runs in tiles has the bits of the CPU, forwards and backwards") {
  EmulatedGpu many({.multiprocessors = 24}), one({.multiprocessors = 1});
  for (const gradcheck::CheckedNode& node : gradcheck::checked_nodes()) {
    if (!node.check().cases.empty()) continue;  // a whole node
    if (node.type->reach != nullptr) continue;  // the CPU's alone, so far
    for (unsigned seed = 0; seed < 6; ++seed)
      for (const ElementType type : {ElementType::f32, ElementType::f64}) {
        INFO(node.type->name << ", " << name(type) << ", seed " << seed);
        const auto build = [&](Tape& tape) { return record_random_node(tape, node, seed); };
        CHECK(difference(build, {.type = type, .length = 1500}, seed % 2 == 0 ? many : one) == "");
      }
  }
}

TEST_CASE("oscillators of steady frequency have the bits of the CPU, whatever modulates them") {
  EmulatedGpu many({.multiprocessors = 24}), one({.multiprocessors = 1});
  for (int number = 0; number < steady_oscillators; ++number)
    for (const ElementType type : {ElementType::f32, ElementType::f64}) {
      INFO("number " << number << ", " << name(type));
      const auto build = [&](Tape& tape) { return record_steady_oscillator(tape, number); };
      CHECK(difference(build, {.type = type, .length = 1500}, number % 4 < 2 ? many : one) == "");
    }
}

TEST_CASE("mixes of any number of rows have the bits of the CPU") {
  EmulatedGpu gpu;
  for (const std::int64_t rows : {1, 2, 5, 16, 31, 33, 127, 129, 400, 512, 513, 1300})
    for (const ElementType type : {ElementType::f32, ElementType::f64}) {
      const auto build = [&](Tape& tape) {
        std::mt19937 random(static_cast<unsigned>(rows));
        const Var x = tape.parameter("x", uniform(random, Shape{rows, 40}, anything));
        const Var y = tape.parameter("y", uniform(random, Shape{2, rows, 3, 20}, anything));
        const Var of_rows = mix(x), of_axis = mix(y * 0.5, 1);
        return Recorded{{mean(square(of_rows)) + mean(square(of_axis)), of_rows, of_axis}};
      };
      INFO(rows << " rows, " << name(type));
      CHECK(difference(build, {.type = type}, gpu) == "");
    }
}

TEST_CASE("the gradient check of every node passes on a GPU, whole nodes included") {
  EmulatedGpu gpu;
  for (const std::string& node : checkable_nodes()) {
    if (node == "delay" || node == "cubic_delay") continue;  // refused there, see below
    const NodeReport report = check_node(node, 1, {.device = Device::cuda, .gpu = &gpu});
    INFO(node << ": " << report.failure);
    CHECK(report.passed);
  }
}

TEST_CASE("graphs drawn at random have the bits of the CPU") {
  EmulatedGpu many({.multiprocessors = 24}), one({.multiprocessors = 1});
  for (unsigned seed = 0; seed < 100; ++seed)
    for (const ElementType type : {ElementType::f32, ElementType::f64}) {
      const auto build = [&](Tape& tape) {
        const random_graph::RandomGraph graph = random_graph::record(tape, seed, seed % 3 == 0);
        return Recorded{graph.outputs};
      };
      INFO("seed " << seed << ", " << name(type));
      CHECK(difference(build, {.type = type}, seed % 2 == 0 ? many : one) == "");
    }
}

TEST_CASE("an envelope has the bits of the CPU for a gate that is never still") {
  const std::int64_t length = 2100;
  for (const int multiprocessors : {1, 24}) {
    EmulatedGpu gpu({.multiprocessors = multiprocessors});
    for (const unsigned every : {1u, 2u, 7u, 40u}) {
      const auto build = [&](Tape& tape) {
        std::mt19937 random(every);
        Tensor gate(Shape{2, length});
        double high = 0.0;
        for (double& x : gate.as<double>()) x = random() % every == 0 ? (high = 1.0 - high) : high;
        const Var y =
            adsr(tape.input("gate", gate), {tape.parameter("attack", 5.3), tape.parameter("decay", 9.0),
                                            tape.parameter("sustain", Tensor{0.3, 0.6}.reshaped(Shape{2, 1})),
                                            tape.parameter("release", 4.0)});
        return Recorded{{mean(square(y)), y}};
      };
      INFO("an edge every " << every << " samples");
      CHECK(difference(build, {}, gpu) == "");
    }
  }
}

TEST_CASE("a frequency that is not a number makes its row so from there on, as on the CPU") {
  for (const int multiprocessors : {1, 24}) {
    EmulatedGpu gpu({.multiprocessors = multiprocessors});
    const auto build = [&](Tape& tape) {
      Tensor frequency(Shape{3, 4000});
      for (double& f : frequency.as<double>()) f = 440.0;
      frequency.as<double>()[1777] = std::nan("");
      frequency.as<double>()[4000] = INFINITY;
      const Var swept = sinusoid(tape.input("frequency", frequency));
      const Var steady =
          sinusoid(tape.input("steady", Tensor{300.0, std::nan(""), 1.0}.reshaped(Shape{3, 1})));
      for (const char* name : {"frequency", "steady"}) tape.unfreeze(tape.find(name));
      return Recorded{{swept, steady, maximum_over_time(swept), maximum_over_time(steady)}};
    };
    CHECK(difference(build, {.sample_rate = 44100.0, .length = 4000}, gpu) == "");
  }
}

TEST_CASE("memory that grows with time does not grow with the number of nodes") {
  const auto bytes = [](int nodes, std::int64_t length) {
    EmulatedGpu gpu;
    Tape tape({.device = Device::cuda, .length = length, .gpu = &gpu});
    Var y = sinusoid(tape.parameter("frequency", 0.1));
    for (int i = 0; i < nodes; ++i) y = sin(y * tape.constant(1.01)) + y * 0.5;
    const Var loss = mean(square(y));
    tape.play({loss});
    tape.rewind(loss);
    return gpu.counts().most_bytes;
  };
  CHECK(bytes(100, 90000) - bytes(100, 60000) == bytes(10, 90000) - bytes(10, 60000));
}

TEST_CASE("from the second play on nothing is allocated, and nothing waits until a value is read") {
  EmulatedGpu gpu;
  Tape tape({.device = Device::cuda, .sample_rate = 44100.0, .length = 5000, .gpu = &gpu});
  const graphs::Recorded recorded = graphs::cases()[0].record(tape);
  tape.play(recorded.values);
  tape.rewind(recorded.loss);
  const auto before = gpu.counts();
  for (int i = 0; i < 3; ++i) {
    tape.set(tape.find("pitch"), Tensor{200.0, 300.0, 400.0 + i}.reshaped(Shape{3, 1}));
    tape.play(recorded.values);
    tape.rewind(recorded.loss);
  }
  const auto after = gpu.counts();
  CHECK(after.allocations == before.allocations);
  CHECK(after.copies_to_host == before.copies_to_host);
  CHECK(after.copies_to_device == before.copies_to_device + 3);  // what was set
  tape.value(recorded.loss);
  tape.gradient(tape.find("pitch"));
  tape.gradient(tape.find("pitch"));  // is here by now
  CHECK(gpu.counts().copies_to_host == after.copies_to_host + 2);
}

TEST_CASE("a stage is one launch each way, whatever the number of nodes") {
  EmulatedGpu gpu({.multiprocessors = 1});
  const auto launches = [&](int nodes) {
    Tape tape({.device = Device::cuda, .length = 700, .gpu = &gpu});
    Var y = tape.parameter("x", Tensor(Shape{5, 700}));
    for (int i = 0; i < nodes; ++i) y = sin(y) * y;
    tape.play({y});
    tape.rewind(y);
    gpu.take_launches();
    tape.play({y});
    tape.rewind(y);
    int count = 0;
    for (const auto& [name, blocks] : gpu.take_launches())
      count += name == "play_tiles" || name == "rewind_tiles" ? 1 : 0;
    return count;
  };
  CHECK(launches(1) == 2);
  CHECK(launches(60) == 2);
}

TEST_CASE("the plan says where it runs, what is split over time, and which node keeps a row in one block") {
  EmulatedGpu gpu({.multiprocessors = 24});
  const auto plan_of = [&](bool is_sequential) {
    Tape tape({.device = Device::cuda, .length = 50000, .gpu = &gpu});
    const Var wave = sinusoid(tape.parameter("f", 0.1)), y = is_sequential ? cumulative_sum(wave) : wave;
    return tape.describe_plan(std::array{y});
  };
  CHECK(plan_of(false).starts_with("on this host"));
  CHECK(plan_of(false).find("forwards split over time") != std::string::npos);
  CHECK(plan_of(true).find("one tile of a row after the other, for cumulative_sum") != std::string::npos);
}

TEST_CASE("everything is given back when the tape goes") {
  EmulatedGpu gpu;
  {
    Tape tape({.device = Device::cuda, .sample_rate = 44100.0, .length = 2000, .gpu = &gpu});
    const graphs::Recorded recorded = graphs::cases()[4].record(tape);
    tape.play(recorded.values);
    tape.rewind(recorded.loss);
    CHECK(gpu.counts().live_bytes > 0);
  }
  CHECK(gpu.counts().live_allocations == 0);
}

TEST_CASE("a value that a node does not allow is a DomainError of the play that computes it") {
  EmulatedGpu gpu;
  Tape tape({.device = Device::cuda, .length = 100, .gpu = &gpu});
  const Var attack = tape.parameter("attack", 2.0);
  const Var y = adsr(tape.input("gate", Tensor(Shape{100})), {attack - 1.0, attack, attack * 0.1, attack});
  tape.play({y});
  tape.set(attack, 0.5);
  CHECK_THROWS_WITH_AS(tape.play({y}), doctest::Contains("attack"), DomainError);
  tape.set(attack, 3.0);
  tape.play({y});
}

TEST_CASE("several values can be rewound from, with seeds, kept values and frozen parameters as on the CPU") {
  EmulatedGpu gpu;
  Tape cpu({.length = 1300}), other({.device = Device::cuda, .length = 1300, .gpu = &gpu});
  std::vector<std::string> found;
  std::vector<Tensor> gradients[2];
  for (int which = 0; which < 2; ++which) {
    Tape& tape = which == 0 ? cpu : other;
    const Var a = tape.parameter("a", 0.03), b = tape.parameter("b", 0.4), unused = tape.parameter("c", 1.0);
    const Var x = tape.input("x", Tensor(0.2)), wave = sinusoid(a), y = wave * b + x,
              z = sum_over_time(wave * y);
    tape.keep(wave);
    Tensor seed(Shape{1300});
    for (std::size_t i = 0; i < 1300; ++i) seed.as<double>()[i] = std::cos(static_cast<double>(i));
    const auto take = [&] {
      for (const Var p : {a, b, unused, x})
        if (!tape.is_frozen(p)) gradients[which].emplace_back(tape.gradient(p));
    };
    tape.play({y, z});
    gradients[which].emplace_back(tape.value(wave));
    tape.rewind(y, seed);
    take();
    tape.rewind(z);
    take();
    tape.rewind(wave);
    take();
    tape.freeze(b);
    tape.unfreeze(x);
    tape.play({z});
    tape.rewind(z);
    take();
  }
  REQUIRE(gradients[0].size() == gradients[1].size());
  for (std::size_t i = 0; i < gradients[0].size(); ++i)
    CHECK(first_difference(std::to_string(i), gradients[0][i], gradients[1][i]) == "");
}

TEST_CASE("a graph of a hundred causal nodes fits: its blocks work in the device's memory") {
  EmulatedGpu gpu({.shared_bytes = 48 * 1024});
  const auto build = [](Tape& tape) {
    Var y = sinusoid(tape.parameter("f", 0.05));
    for (int i = 0; i < 100; ++i)
      y = sinusoid(tape.parameter("f" + std::to_string(i), 0.01 + 0.001 * i), y) * 0.9;
    return Recorded{{mean(square(y)), y}};
  };
  CHECK(difference(build, {.length = 1100}, gpu) == "");
}

TEST_CASE("a stage may have more operands than 16 bits count") {
  EmulatedGpu gpu;
  // Each step reads its own two numbers.
  const auto build = [](Tape& tape) {
    Var y = tape.parameter("x", Tensor(Shape{130}));
    const Var last = tape.parameter("last", 0.25);
    for (int i = 0; i < 17000; ++i) y = y * tape.constant(0.999) + tape.constant(1e-3 * (i % 7));
    y = y + last;  // the numbers of its operands are beyond 2^15
    return Recorded{{sum_over_time(y), y}};
  };
  CHECK(difference(build, {.length = 130}, gpu) == "");
}

TEST_CASE("work space that an int cannot count is a DeviceError, not a place before its start") {
  WorkspaceLayout layout;
  CHECK(layout.take(100) == 0);
  CHECK(layout.take(std::size_t{1} << 30) == 112);
  CHECK_THROWS_WITH_AS(layout.take(std::size_t{1} << 30), doctest::Contains("work space"), DeviceError);
  CHECK_THROWS_AS(layout.take(std::size_t{1} << 40), DeviceError);
  CHECK(layout.take(16) == 112 + (1 << 30));
}

TEST_CASE("what a causal node keeps for each row is as large as the node says") {
  CHECK(memory_of(node_type<Adsr>).state == 16);
  CHECK(memory_of(node_type<Adsr>).carry >= 64);  // an envelope's two groups
  CHECK(memory_of(node_type<CumulativeSum>).state == 16);
  CHECK(memory_of(node_type<Oscillation<Sinusoid>>).carry == 16);
}

namespace {

// With a state of 64 bytes.
struct Taps : OwnCausal<Taps, 1> {
  static constexpr const char* name = "taps";
  template <class T>
  struct State {
    T y[8]{};
  };
  template <class T>
  T forward(State<T>& s, T x) const {
    for (int i = 7; i > 0; --i) s.y[i] = s.y[i - 1];
    s.y[0] = x;
    return s.y[7];
  }
  template <class T>
  std::array<T, 1> adjoint(State<T>& gs, const State<T>&, T gy, T) const {
    const T gx = gs.y[0];
    for (int i = 0; i < 7; ++i) gs.y[i] = gs.y[i + 1];
    gs.y[7] = T(0);
    gs.y[6] = gs.y[6] + gy;
    return {gx};
  }
};

struct Fold : OwnPointwise<Fold, 1> {
  static constexpr const char* name = "fold";
  template <class T>
  T forward(T x) const {
    return math::sin(x);
  }
  template <class T>
  std::array<T, 1> adjoint(T gy, T, T x) const {
    return {gy * math::cos(x)};
  }
};

struct Reverse : OwnWhole<Reverse, 1> {
  static constexpr const char* name = "reverse";
  template <class T>
  void forward(std::span<T> y, std::span<const T> x) const {
    std::reverse_copy(x.begin(), x.end(), y.begin());
  }
  template <class T>
  void adjoint(std::span<const T> gy, std::span<const T>, std::span<const T>, std::span<T> gx) const {
    std::reverse_copy(gy.begin(), gy.end(), gx.begin());
  }
};
// By a name of the library's, which must not be taken for its node.
struct OwnSlice : Reverse {
  static constexpr const char* name = "slice";
};

}  // namespace

TEST_CASE("a delay and a loop are a DeviceError that names the delay") {
  EmulatedGpu gpu;
  Tape tape({.device = Device::cuda, .length = 100, .gpu = &gpu});
  const Var x = sinusoid(tape.parameter("f", 0.1));
  const Var late = delay(x, tape.parameter("time", 5.0), {.longest = 10.0});
  CHECK_THROWS_WITH_AS(
      tape.play({late}),
      "[delay] of shape (100) reads earlier samples, which device cuda does not keep; the CPU plays it",
      DeviceError);
  const Feedback loop = tape.feedback(x.shape(), 2);
  const Var y =
      x + delay(loop.value, tape.constant(3.5), {.longest = 9.0, .interpolation = Interpolation::cubic});
  tape.close(loop, y);
  CHECK_THROWS_WITH_AS(tape.play({y}),
                       doctest::Contains("[cubic_delay] of shape (100) reads earlier samples"), DeviceError);
}

TEST_CASE("a node of one's own is a DeviceError that names it") {
  EmulatedGpu gpu;
  Tape tape({.device = Device::cuda, .length = 100, .gpu = &gpu});
  const Var y = pointwise(Fold{}, sinusoid(tape.parameter("f", 0.1)));
  CHECK_THROWS_WITH_AS(tape.play({y}), doctest::Contains("fold"), DeviceError);
  const Var number = pointwise(Fold{}, tape.parameter("number", 0.1));
  CHECK_THROWS_WITH_AS(tape.play({number}), doctest::Contains("[fold] is a node of your own"), DeviceError);
  const Var taps = causal(Taps{}, tape.find("f"));
  CHECK_THROWS_WITH_AS(tape.play({taps}), doctest::Contains("[taps] is a node of your own"), DeviceError);
  const Var folded = oscillation(Fold{}, tape.find("f"));
  CHECK_THROWS_WITH_AS(tape.play({folded}), doctest::Contains("[fold] is a node of your own"), DeviceError);
  const Var sound = sinusoid(tape.find("f"));
  const Var reversed = whole(Reverse{}, sound);
  CHECK_THROWS_WITH_AS(tape.play({reversed}), doctest::Contains("[reverse] is a node of your own"),
                       DeviceError);
  const Var constant = whole(Reverse{}, tape.find("f")) * sound;
  CHECK_THROWS_WITH_AS(tape.play({constant}), doctest::Contains("[reverse] is a node of your own"),
                       DeviceError);
  const Var sliced = whole(OwnSlice{}, sound);
  CHECK_THROWS_WITH_AS(tape.play({sliced}), doctest::Contains("[slice] is a node of your own"), DeviceError);
  tape.play({sound});  // what it can play it still plays
  CHECK(tape.value(sound).at(0) == 0.0);
}

TEST_CASE("a device without memory left is a DeviceError, and both backends stay usable") {
  EmulatedGpu gpu({.memory_bytes = 1000000});
  Tape large({.device = Device::cuda, .length = 1000000, .gpu = &gpu});
  const Var y = sinusoid(large.parameter("f", 0.1));
  CHECK_THROWS_WITH_AS(large.play({y}), doctest::Contains("bytes"), DeviceError);
  Tape small({.device = Device::cuda, .length = 1000, .gpu = &gpu});
  const Var z = sinusoid(small.parameter("f", 0.1));
  small.play({z});
  Tape cpu({.length = 1000});
  const Var on_cpu = sinusoid(cpu.parameter("f", 0.1));
  cpu.play({on_cpu});
  CHECK(first_difference("sine", cpu.value(on_cpu), small.value(z)) == "");
}
