// The plan that a tape makes of what was recorded: which stages, what is stored, and that no graph is too
// long for it.
#include <doctest/doctest.h>

#include "../racks/fm_fixture.hpp"
#include "bits.hpp"

#include <retrograd/nodes/all.hpp>
#include <retrograd/nodes/oscillator.hpp>
#include <retrograd/tape/graph.hpp>
#include <retrograd/tape/plan.hpp>

#include <algorithm>
#include <cmath>
#include <initializer_list>
#include <random>
#include <span>
#include <sstream>
#include <string>
#include <vector>

using namespace retrograd;

namespace {

// A graph written down by hand, as a tape would record it, so that the plan itself can be looked at.
struct Sketch {
  Graph graph;

  int add(const NodeType& type, const std::vector<int>& inputs, const Shape& shape, bool signal) {
    graph.nodes.push_back({&type, NodeData(), graph.inputs.size(), inputs.size(), shape, signal});
    graph.inputs.insert(graph.inputs.end(), inputs.begin(), inputs.end());
    return static_cast<int>(graph.nodes.size()) - 1;
  }
  int leaf(const Shape& shape, bool is_parameter) {
    static constexpr NodeType type{"leaf", NodeKind::leaf, 0, false, false, 0, false};
    graph.leaves.push_back({"", Tensor(shape), real, is_parameter, !is_parameter});
    const int id = add(type, {}, shape, shape.length() > 1);
    graph.nodes.back().leaf = static_cast<int>(graph.leaves.size()) - 1;
    return id;
  }
  template <class N>
  int node(const std::vector<int>& inputs) {
    Shape shape = graph.nodes[static_cast<std::size_t>(inputs[0])].shape;
    for (const int i : inputs)
      shape = broadcast(shape, graph.nodes[static_cast<std::size_t>(i)].shape, N::name);
    return add(node_type<N>, inputs, shape, shape.length() > 1);
  }
  int sum(int x) {
    const Shape shape = graph.nodes[static_cast<std::size_t>(x)].shape;
    return add(node_type<SumOverTime>, {x}, shape.with_length(1), false);
  }
  Plan plan(std::initializer_list<int> outputs) const {
    return make_plan(graph, std::span(outputs.begin(), outputs.size()));
  }
};

int count(const Plan& plan, StageKind kind) {
  return static_cast<int>(std::count_if(plan.stages.begin(), plan.stages.end(),
                                        [&](const Stage& stage) { return stage.kind == kind; }));
}

const PlanNode& node_of(const Plan& plan, int id) {
  const int index = plan.index_of[static_cast<std::size_t>(id)];
  REQUIRE(index >= 0);
  return plan.nodes[static_cast<std::size_t>(index)];
}

std::vector<std::string> lines_with(const std::string& text, const std::string& part) {
  std::vector<std::string> found;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);)
    if (line.find(part) != std::string::npos) found.push_back(line);
  return found;
}

// Every stage comes after those it reads from, all nodes of a tiled stage have its shape, and each node is in
// one stage.
void check_is_sound(const Plan& plan) {
  std::vector<int> seen(plan.nodes.size(), 0);
  bool in_order = true, same_shape = true, complete = true, stored = true;
  for (std::size_t s = 0; s < plan.stages.size(); ++s)
    for (const int n : plan.stages[s].nodes) {
      const PlanNode& node = plan.nodes[static_cast<std::size_t>(n)];
      ++seen[static_cast<std::size_t>(n)];
      complete = complete && node.stage == static_cast<int>(s);
      if (plan.stages[s].kind == StageKind::tiled) {
        const Shape& shape = node.type->kind == NodeKind::reduction || node.type->kind == NodeKind::over_rows
                                 ? plan.nodes[static_cast<std::size_t>(node.inputs[0])].shape
                                 : node.shape;
        same_shape = same_shape && shape == plan.stages[s].shape;
      }
      for (const int input : node.inputs) {
        const PlanNode& source = plan.nodes[static_cast<std::size_t>(input)];
        if (source.type->kind == NodeKind::leaf) continue;
        in_order = in_order && (source.stage < node.stage ||
                                (source.stage == node.stage && seen[static_cast<std::size_t>(input)] == 1));
        stored = stored && (source.stage == node.stage || source.stored);
      }
    }
  for (std::size_t n = 0; n < plan.nodes.size(); ++n)
    complete = complete && seen[n] == (plan.nodes[n].type->kind == NodeKind::leaf ? 0 : 1);
  CHECK(in_order);
  CHECK(same_shape);
  CHECK(complete);
  CHECK(stored);
}

}  // namespace

TEST_CASE("an FM synth and its mean squared error are one tiled stage that stores only its sums") {
  constexpr std::int64_t length = 44100;
  Tape tape({.sample_rate = 44100.0, .length = length});
  const Var gate_signal = tape.input("gate", gate({{0.0, 0.5}}, tape));
  const Var pitch = tape.parameter("pitch", 300.0, positive);
  const Var audio = record_fm(tape, FmNumbers::six_operators(), gate_signal, pitch, 3).audio;
  const Var loss = mean_over_time(square(audio - tape.input("target", Tensor(Shape{length}))));
  const std::vector<Var> outputs{loss};
  const std::string text = tape.describe_plan(outputs);
  INFO(text);
  const std::vector<std::string> tiled = lines_with(text, ", tiled");
  REQUIRE(tiled.size() == 1);
  CHECK(tiled[0].find("3 rows x 44100 samples") != std::string::npos);
  CHECK(lines_with(text, ", whole").empty());
  for (const char* nodes : {" 6 sinusoid_oscillator", " 6 adsr", " 1 subtract", " 1 square"})
    CHECK(lines_with(text, nodes).size() == 1);
  const std::size_t stage = text.find(tiled[0]);
  CHECK(text.find("stored: 1 sum_over_time (3, 1), 24 bytes", stage) <
        text.find("stage", stage + 1));  // three sums
  tape.play({loss});
  CHECK_THROWS_AS(tape.value(audio), TapeError);
}

TEST_CASE("a plan says what it stores at full length, and counts what whole nodes keep for themselves") {
  constexpr std::int64_t length = 4410;
  Tape tape({.sample_rate = 44100.0, .length = length});
  const Var audio = sinusoid(tape.parameter("pitch", 300.0, positive));
  const std::vector<int> windows{512, 64};
  const Var loss =
      multi_resolution_stft(audio, tape.input("target", Tensor(Shape{length})), {.windows = windows});
  const std::vector<Var> outputs{loss};
  tape.play(outputs);  // the target's spectra are kept from now on
  const std::string text = tape.describe_plan(outputs);
  INFO(text);
  CHECK(lines_with(text, "stored: 1 sinusoid_oscillator (4410), 17640 bytes").size() == 1);
  CHECK(lines_with(text, "stored: 1 multi_resolution_stft (1), 8 bytes").size() == 1);
  std::int64_t spectra = 0;
  for (const int window : windows) {
    const spectrum::StftShape shape{window, window / 4};
    spectra += shape.bins() * shape.frames(length) * static_cast<std::int64_t>(sizeof(float));
  }
  const std::string last = lines_with(text, "in all: ").at(0), before = "adjoints, ";
  CHECK(std::stoll(last.substr(last.find(before) + before.size())) > spectra);
}

TEST_CASE("rows that are only mixed are not stored at full length") {
  constexpr std::int64_t rows = 16, length = 100000;
  Tape tape({.sample_rate = 44100.0, .length = length});
  const Var pitch = tape.parameter("pitch", Tensor(Shape{rows, 1}), real);
  const Var bus = tanh(mix(sinusoid(pitch) * 0.1)), loss = mean(square(bus));
  const std::vector<Var> outputs{loss};
  tape.play(outputs);
  tape.rewind(loss);
  const std::string text = tape.describe_plan(outputs);
  INFO(text);
  CHECK(lines_with(text, "(16, 100000), ").empty());
  CHECK(lines_with(text, "stored: 1 mix (100000), 400000 bytes").size() == 1);
  // The mix and its adjoint.
  const std::string last = lines_with(text, "in all: ").at(0);
  CHECK(std::stoll(last.substr(std::string("in all: ").size())) < 900000);
}

TEST_CASE("nodes constant over time are computed once, outside the tiled stages") {
  Sketch s;
  const int pitch = s.leaf(Shape{4, 1}, true), ratio = s.leaf(Shape{1}, true),
            x = s.leaf(Shape{4, 1000}, false);
  const int product = s.node<Multiply>({pitch, ratio}), exponential = s.node<Exp>({product});
  const int y = s.node<Multiply>({x, exponential}), z = s.node<Sin>({y}), total = s.sum(z);
  const Plan plan = s.plan({total});
  check_is_sound(plan);
  REQUIRE(plan.stages.size() == 2);
  CHECK(plan.stages[0].kind == StageKind::constants);
  CHECK(plan.stages[1].kind == StageKind::tiled);
  CHECK(node_of(plan, product).stage == 0);
  CHECK(node_of(plan, exponential).stage == 0);
  CHECK(node_of(plan, y).stage == 1);
  CHECK_FALSE(node_of(plan, y).stored);
  CHECK_FALSE(node_of(plan, z).stored);
  CHECK(node_of(plan, total).stored);
}

TEST_CASE("a value that all rows share is computed once, in a stage of its own") {
  Sketch s;
  const int bend = s.leaf(Shape{1, 1000}, true), gain = s.leaf(Shape{8, 1}, true);
  const int curve = s.node<Sin>({bend}), more = s.node<Square>({curve});
  const int rows = s.node<Multiply>({more, gain}), total = s.sum(rows);
  const Plan plan = s.plan({total});
  check_is_sound(plan);
  CHECK(count(plan, StageKind::tiled) == 2);
  CHECK(node_of(plan, curve).stage == node_of(plan, more).stage);
  CHECK(node_of(plan, rows).stage != node_of(plan, more).stage);
  CHECK_FALSE(node_of(plan, curve).stored);
  CHECK(node_of(plan, more).stored);
  CHECK_FALSE(node_of(plan, rows).stored);
  CHECK(plan.stages[static_cast<std::size_t>(node_of(plan, more).stage)].shape == Shape{1, 1000});
  CHECK(plan.stages[static_cast<std::size_t>(node_of(plan, rows).stage)].shape == Shape{8, 1000});
}

TEST_CASE("a whole node cuts the graph; what it reads and writes is stored, and nothing else") {
  Sketch s;
  const int x = s.leaf(Shape{2, 1000}, true);
  const int before = s.node<Sin>({x}), inner = s.node<Square>({before});
  const int whole = s.add(node_type<Reshape>, {inner}, Shape{1000, 2}, true);
  const int after = s.node<Cos>({whole}), out = s.node<Exp>({after});
  const Plan plan = s.plan({out});
  check_is_sound(plan);
  REQUIRE(plan.stages.size() == 3);
  CHECK(plan.stages[1].kind == StageKind::whole);
  CHECK_FALSE(node_of(plan, before).stored);
  CHECK(node_of(plan, inner).stored);
  CHECK(node_of(plan, whole).stored);
  CHECK_FALSE(node_of(plan, after).stored);
  CHECK(node_of(plan, out).stored);
}

TEST_CASE("a value that only later stages of its rows use is computed there instead of stored") {
  Sketch s;
  const int x = s.leaf(Shape{2, 1000}, true);
  const int early = s.node<Sin>({x}), loudness = s.sum(s.node<Square>({x}));
  const int y = s.node<Multiply>({early, loudness});
  const Plan plan = s.plan({s.sum(y)});
  check_is_sound(plan);
  CHECK(node_of(plan, early).stage == node_of(plan, y).stage);
  CHECK_FALSE(node_of(plan, early).stored);
}

TEST_CASE("what is kept, and what no output needs") {
  Sketch s;
  const int x = s.leaf(Shape{100}, true);
  const int kept = s.node<Sin>({x}), y = s.node<Exp>({kept}), unused = s.node<Cos>({x});
  s.graph.nodes[static_cast<std::size_t>(kept)].kept = true;
  s.graph.nodes[static_cast<std::size_t>(unused)].kept = true;
  const Plan plan = s.plan({y});
  check_is_sound(plan);
  CHECK(plan.stages.size() == 1);
  CHECK(node_of(plan, kept).stored);
  CHECK(plan.index_of[static_cast<std::size_t>(unused)] == -1);
}

TEST_CASE("any graph gives a sound plan") {
  std::mt19937 random(31);
  for (int round = 0; round < 300; ++round) {
    Sketch s;
    std::vector<int> values;
    for (const Shape& shape : {Shape{1}, Shape{3, 1}, Shape{50}, Shape{1, 50}, Shape{3, 50}})
      values.push_back(s.leaf(shape, random() % 2 == 0));
    const auto any = [&] { return values[random() % values.size()]; };
    const int nodes = 5 + static_cast<int>(random() % 40);
    for (int i = 0; i < nodes; ++i) {
      const int a = any(), b = any();
      const Shape shape = s.graph.nodes[static_cast<std::size_t>(a)].shape;
      switch (random() % 6) {
        case 0:
          values.push_back(s.node<Sin>({a}));
          break;
        case 1:
          if (shape.length() > 1) values.push_back(s.sum(a));
          break;
        case 2:
          values.push_back(s.add(node_type<Reshape>, {a}, shape, shape.length() > 1));
          break;
        case 3:
          if (shape.length() > 1) values.push_back(s.add(node_type<CumulativeSum>, {a}, shape, true));
          break;
        default:
          values.push_back(s.node<Multiply>({a, b}));
      }
      if (random() % 10 == 0) s.graph.nodes.back().kept = true;
    }
    const int first = any(), second = any();
    const Plan plan = s.plan({first, second, values.back()});
    INFO("round " << round);
    check_is_sound(plan);
    CHECK(node_of(plan, first).stored);
    CHECK(node_of(plan, second).stored);
  }
}

TEST_CASE("a product of three is one node with the bits of (a*b)*c, gradients included") {
  std::mt19937 random(32);
  std::uniform_real_distribution<double> uniform(-2.0, 2.0);
  const auto draw = [&](const Shape& shape) {
    Tensor values(shape);
    for (double& v : values.as<double>()) v = uniform(random);
    return values;
  };
  const Tensor a = draw(Shape{2, 777}), b = draw(Shape{2, 1}), c = draw(Shape{777});
  for (const ElementType type : {ElementType::f32, ElementType::f64}) {
    const auto run = [&](bool is_merged) {
      Tape tape({.type = type});
      const Var x = tape.parameter("a", a), y = tape.parameter("b", b), z = tape.parameter("c", c);
      const Var inner = x * y, outer = z * inner;
      if (!is_merged) tape.keep(inner);  // somebody else sees it
      const Var third = inner * 0.5;     // recorded, but no part of the output
      static_cast<void>(third);
      const std::vector<Var> outputs{outer};
      CHECK(lines_with(tape.describe_plan(outputs), "product").empty() == !is_merged);
      tape.play({outer});
      tape.rewind(outer);
      std::vector<Bits> bits{bits_of("product", tape.value(outer))};
      for (const Var p : tape.parameters()) bits.push_back(bits_of(tape.name(p), tape.gradient(p)));
      return bits;
    };
    CHECK(first_difference(run(true), run(false)) == "");
  }
  Tape tape;
  const Var x = tape.input("x", Tensor{1.0, 3.0});
  const Var square_of_product = (x * 2.0) * (x * 2.0), cube = x * x * x;
  const Var twice = x * 2.0, used_twice = twice * twice;
  tape.play({square_of_product, cube, used_twice});
  CHECK(tape.value(square_of_product).as<float>()[1] == 36.0f);
  CHECK(tape.value(cube).as<float>()[1] == 27.0f);
  CHECK(tape.value(used_twice).as<float>()[1] == 36.0f);
}

TEST_CASE("an operator in one pass has the bits of its nodes one by one, gradients included") {
  // Tiles with and without an edge of the gate, not a whole number of blocks long.
  constexpr std::int64_t length = 5003;
  const std::vector<GatePair> notes{{0.0, 0.02}, {0.03, 0.05}, {0.051, 0.09}, {0.0901, 0.11}};
  Tensor vibrato(Shape{length});
  double time = 0.0;
  for (double& hertz : vibrato.as<double>()) hertz = 700.0 + 20.0 * std::sin(0.01 * time++);
  const auto run = [&](ElementType type, int tile, bool pitch_varies, bool is_joined) {
    Tape tape({.type = type, .sample_rate = 44100.0, .length = length, .tile = tile});
    const Var gate_signal = tape.input("gate", gate(notes, tape));
    const Var pitch = pitch_varies ? tape.parameter("pitch", vibrato) : tape.parameter("pitch", 700.0);
    const EnvelopeParameters envelope{tape.parameter("attack", 0.004), tape.parameter("decay", 0.01),
                                      tape.parameter("sustain", 0.3), tape.parameter("release", 0.02)};
    const auto part = [&](Var frequency, std::optional<Var> modulation, Var gain) {
      const Var wave = sinusoid(frequency, modulation), level = adsr(gate_signal, envelope);
      if (!is_joined) {  // somebody else sees them
        tape.keep(wave);
        tape.keep(level);
      }
      return wave * level * gain;
    };
    const Var depth = tape.parameter("depth", 2.0), loudness = tape.parameter("loudness", -0.5);
    const Var modulator = part(pitch * 1.5, std::nullopt, depth);
    const Var audio = part(pitch, modulator, loudness) + part(pitch * 3.0, modulator, loudness);
    tape.play({audio});
    tape.rewind(audio);
    std::vector<Bits> bits{bits_of("audio", tape.value(audio))};
    for (const Var p : tape.parameters()) bits.push_back(bits_of(tape.name(p), tape.gradient(p)));
    return bits;
  };
  for (const ElementType type : {ElementType::f32, ElementType::f64})
    for (const int tile : {128, 1024})
      for (const bool pitch_varies : {false, true})
        CHECK(first_difference(run(type, tile, pitch_varies, true), run(type, tile, pitch_varies, false)) ==
              "");
}

TEST_CASE("a chain of 100,000 nodes is recorded, planned, played and rewound") {
  constexpr int nodes = 100000;
  Tape tape({.type = ElementType::f64});
  const Var p = tape.parameter("p", Tensor{1.0, -2.0, 3.0});
  Var y = p;
  for (int i = 0; i < nodes; ++i) y = y * 1.0000001;
  tape.play({y});
  const double factor = std::exp(nodes * std::log1p(1e-7));
  CHECK(tape.value(y).at(2) == doctest::Approx(3.0 * factor).epsilon(1e-9));
  tape.rewind(y);
  CHECK(tape.gradient(p).at(0) == doctest::Approx(factor).epsilon(1e-9));
}

TEST_CASE("a chain of 100,000 nodes constant over time, and one of different nodes, work as well") {
  constexpr int nodes = 100000;
  Tape tape({.type = ElementType::f64});
  const Var number = tape.parameter("number", 2.0), signal = tape.parameter("signal", Tensor{0.5, 1.0});
  Var constant = number, varying = signal;
  for (int i = 0; i < nodes; ++i) {
    constant = constant + number;
    varying = i % 2 == 0 ? -varying : varying + number;
  }
  tape.play({constant, varying});
  CHECK(tape.value(constant).item() == 2.0 * (nodes + 1));
  CHECK(tape.value(varying).at(0) == 0.5);
  tape.rewind(constant);
  CHECK(tape.gradient(number).item() == nodes + 1.0);
  tape.rewind(varying);
  CHECK(tape.gradient(signal).at(1) == 1.0);
  CHECK(tape.gradient(number).item() == 0.0);
}
