// FM racks against their definition, evaluated operator by operator in double.
#include <doctest/doctest.h>

#include "../nodes/adsr_reference.hpp"
#include "../tape/bits.hpp"
#include "fm_fixture.hpp"

#include <retrograd/nodes/all.hpp>
#include <retrograd/racks/rules.hpp>
#include <retrograd/tensor/errors.hpp>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <random>
#include <span>
#include <string>
#include <vector>

using namespace retrograd;
using doctest::Contains;

namespace {

constexpr double two_pi = 2.0 * std::numbers::pi;

// operator i = sin(phase(pitch*ratio_i) + sum of its modulators) * envelope_i * gain_i, the ones not heard
// left out.
std::vector<double> naive_fm(const FmNumbers& fm, const std::vector<double>& gate,
                             const std::vector<double>& pitch, double rate, std::vector<int> audible = {}) {
  const std::size_t count = fm.operators.size(), length = gate.size();
  std::vector<std::vector<double>> outputs(count);
  const auto is_done = [&](std::size_t i) { return !outputs[i].empty(); };
  std::vector<bool> modulates(count, false);
  for (const Route& route : fm.routing) modulates[static_cast<std::size_t>(route.modulator)] = true;
  for (std::size_t done = 0; done < count;)
    for (std::size_t i = 0; i < count; ++i) {
      const bool is_ready = std::all_of(fm.routing.begin(), fm.routing.end(), [&](const Route& route) {
        return route.carrier != static_cast<int>(i) || is_done(static_cast<std::size_t>(route.modulator));
      });
      if (is_done(i) || !is_ready) continue;
      const FmNumbers::Operator& op = fm.operators[i];
      const std::vector<double> envelope =
          adsr_reference(gate, op.attack * rate, op.decay * rate, op.sustain, op.release * rate);
      long double turns = 0.0L;
      for (std::size_t n = 0; n < length; ++n) {
        double radians = two_pi * static_cast<double>(turns - std::floor(turns));
        for (const Route& route : fm.routing)
          if (route.carrier == static_cast<int>(i))
            radians += outputs[static_cast<std::size_t>(route.modulator)][n];
        outputs[i].push_back(std::sin(radians) * envelope[n] * op.gain);
        turns += static_cast<long double>(pitch[n]) * static_cast<long double>(op.ratio) /
                 static_cast<long double>(rate);
      }
      ++done;
    }
  if (audible.empty())
    for (std::size_t i = 0; i < count; ++i)
      if (!modulates[i]) audible.push_back(static_cast<int>(i));
  std::vector<double> sum(length, 0.0);
  for (const int i : audible)
    for (std::size_t n = 0; n < length; ++n) sum[n] += outputs[static_cast<std::size_t>(i)][n];
  return sum;
}

std::vector<double> gate_with_edges(std::size_t length, std::vector<std::size_t> edges) {
  std::vector<double> gate(length, 0.0);
  bool is_high = false;
  for (std::size_t n = 0; n < length; ++n) {
    if (std::find(edges.begin(), edges.end(), n) != edges.end()) is_high = !is_high;
    gate[n] = is_high ? 1.0 : 0.0;
  }
  return gate;
}

double worst_difference(const TensorView& y, std::int64_t row, const std::vector<double>& expected) {
  double worst = 0.0;
  for (std::size_t n = 0; n < expected.size(); ++n) {
    const double difference =
        std::abs(y.at(row * y.shape.length() + static_cast<std::int64_t>(n)) - expected[n]);
    worst = difference <= worst ? worst : difference;
  }
  return worst;
}

// Up to eight operators whose numbering does not follow the routing.
FmNumbers random_fm(std::mt19937& random) {
  std::uniform_real_distribution<double> uniform(0.0, 1.0);
  FmNumbers fm;
  const int count = 1 + static_cast<int>(random() % 8);
  std::vector<int> order;
  for (int i = 0; i < count; ++i) {
    order.push_back(i);
    fm.operators.push_back({0.5 + 4.0 * uniform(random), 0.2 + uniform(random), 0.02 * uniform(random),
                            0.05 * uniform(random), uniform(random), 0.05 * uniform(random)});
  }
  std::shuffle(order.begin(), order.end(), random);
  for (std::size_t late = 0; late < order.size(); ++late)
    for (std::size_t early = 0; early < late; ++early)
      if (random() % 3 == 0) fm.routing.push_back({order[early], order[late]});
  std::shuffle(fm.routing.begin(), fm.routing.end(), random);
  fm.frequency = 50.0 + 1000.0 * uniform(random);
  return fm;
}

}  // namespace

TEST_CASE("any acyclic routing of up to eight operators sounds as defined") {
  std::mt19937 random(41);
  constexpr double rate = 22050.0;
  constexpr std::size_t length = 1500;
  const std::vector<double> gate = gate_with_edges(length, {0, 300, 420, 800, 900, 901, 1000, 1210});
  for (int round = 0; round < 60; ++round) {
    const FmNumbers fm = random_fm(random);
    Tape tape({.type = ElementType::f64, .sample_rate = rate, .length = length});
    const Var gate_signal = tape.input("gate", Tensor(std::span<const double>(gate)));
    const Var audio = record_fm(tape, fm, gate_signal, tape.parameter("pitch", fm.frequency)).audio;
    REQUIRE(audio.shape() == Shape{length});
    tape.play({audio});
    INFO("round " << round << ": " << fm.operators.size() << " operators, " << fm.routing.size()
                  << " routes");
    CHECK(worst_difference(tape.value(audio), 0,
                           naive_fm(fm, gate, std::vector<double>(length, fm.frequency), rate)) <= 1e-9);
  }
}

TEST_CASE("the pitch may vary over time, with one curve for all rows or one for each") {
  constexpr double rate = 22050.0;
  constexpr std::size_t length = 2100;
  const std::vector<double> gate = gate_with_edges(length, {10, 1500});
  const FmNumbers fm = FmNumbers::six_operators();
  std::vector<double> curves;
  for (std::size_t n = 0; n < 2 * length; ++n)
    curves.push_back(300.0 + (n < length ? 100.0 : -50.0) * std::sin(0.01 * static_cast<double>(n)));
  const std::span<const double> all(curves);
  for (const int rows : {1, 2}) {
    Tape tape({.type = ElementType::f64, .sample_rate = rate, .length = length});
    const Var gate_signal = tape.input("gate", Tensor(std::span<const double>(gate)));
    const Var pitch = tape.parameter("pitch", Tensor(all.first(static_cast<std::size_t>(rows) * length),
                                                     Shape{rows, static_cast<std::int64_t>(length)}));
    const Var audio = record_fm(tape, fm, gate_signal, pitch).audio;
    tape.play({audio});
    for (int row = 0; row < rows; ++row) {
      const auto part = all.subspan(static_cast<std::size_t>(row) * length, length);
      CHECK(worst_difference(tape.value(audio), row, naive_fm(fm, gate, {part.begin(), part.end()}, rate)) <=
            1e-9);
    }
  }
}

TEST_CASE("each row of a batch has the bits of a render of its own, gradients included") {
  for (const ElementType type : {ElementType::f32, ElementType::f64})
    for (const FmNumbers& fm : {FmNumbers::two_operators(), FmNumbers::six_operators()}) {
      const auto render = [&](int rows, int first_row) {
        Tape tape({.type = type, .sample_rate = 44100.0, .length = 3333});
        const Var gate_signal = tape.input("gate", gate({{0.0, 0.02}, {0.03, 0.05}}, tape));
        std::vector<double> pitches;
        for (int row = first_row; row < first_row + rows; ++row) pitches.push_back(200.0 + 37.5 * row);
        const Var pitch = tape.parameter("pitch", Tensor(std::span<const double>(pitches), Shape{rows, 1}));
        const Var audio = record_fm(tape, fm, gate_signal, pitch, rows, first_row).audio;
        const Var loss = mean_over_time(square(audio - 0.25));
        tape.play({audio, loss});
        tape.rewind(loss);
        std::vector<Tensor> results{Tensor(tape.value(audio)), Tensor(tape.value(loss))};
        for (const Var p : tape.parameters()) results.emplace_back(tape.gradient(p));
        return results;
      };
      const std::vector<Tensor> batch = render(4, 1);
      for (int row = 0; row < 4; ++row) {
        const std::vector<Tensor> single = render(1, 1 + row);
        REQUIRE(single.size() == batch.size());
        int wrong = 0;
        for (std::size_t i = 0; i < batch.size(); ++i) {
          const std::int64_t length = batch[i].shape().length();
          for (std::int64_t n = 0; n < length; ++n)
            wrong += batch[i].view().at(row * length + n) != single[i].view().at(n);
        }
        CHECK(wrong == 0);
      }
    }
}

TEST_CASE("the caller may name the operators that are heard, in any order and more than once") {
  constexpr double rate = 8000.0;
  constexpr std::size_t length = 400;
  const std::vector<double> gate = gate_with_edges(length, {0});
  const FmNumbers fm = FmNumbers::six_operators();
  const std::vector<double> expected =
      naive_fm(fm, gate, std::vector<double>(length, fm.frequency), rate, {1, 4, 5});
  for (const std::vector<int>& audible : {std::vector{1, 4, 5}, std::vector{5, 1, 4}}) {
    Tape tape({.type = ElementType::f64, .sample_rate = rate, .length = length});
    const Var gate_signal = tape.input("gate", Tensor(std::span<const double>(gate)));
    const Var audio =
        record_fm(tape, fm, gate_signal, tape.parameter("pitch", fm.frequency), 1, 0, audible).audio;
    tape.play({audio});
    CHECK(worst_difference(tape.value(audio), 0, expected) <= 1e-9);
  }
}

TEST_CASE("a gate that is a number holds for the tape's length") {
  constexpr double rate = 8000.0;
  constexpr std::size_t length = 700;
  const FmNumbers fm = FmNumbers::two_operators();
  Tape tape({.type = ElementType::f64, .sample_rate = rate, .length = length});
  const Var audio =
      record_fm(tape, fm, tape.input("gate", Tensor(1.0)), tape.parameter("pitch", fm.frequency)).audio;
  REQUIRE(audio.shape() == Shape{length});
  tape.play({audio});
  CHECK(worst_difference(tape.value(audio), 0,
                         naive_fm(fm, std::vector<double>(length, 1.0),
                                  std::vector<double>(length, fm.frequency), rate)) <= 1e-9);
}

TEST_CASE(
    "racks of operators are modules named by their numbers, cables, and a sum where several are heard") {
  const Rack pair = fm_rack({{1.0, 0.5, {}}, {2.0, 0.25, {0.1, 0.2, 0.3, 0.4}}}, {{1, 0}});
  REQUIRE(pair.modules.size() == 2);
  CHECK(pair.modules[1].name == "fm.operator.1");
  CHECK(pair.modules[1].values == std::vector{2.0, 0.25, 0.1, 0.2, 0.3, 0.4});
  CHECK(pair.cables == std::vector<Cable>{{"fm.operator.1.out", "fm.operator.0.phase"}});
  CHECK(pair.outputs == std::vector<std::string>{"fm.operator.0.out"});
  CHECK(find_problems(pair).empty());

  const Rack three = fm_rack({{}, {}, {}}, {{1, 0}});
  REQUIRE(three.modules.size() == 4);
  CHECK(three.modules[3].name == "fm.sum");
  CHECK(three.outputs == std::vector<std::string>{"fm.sum.out"});
  CHECK(three.cables[1] == Cable{"fm.operator.0.out", "fm.sum.in"});
  CHECK(three.cables[2] == Cable{"fm.operator.2.out", "fm.sum.in"});
}

TEST_CASE("a routing or a count that makes no rack is an error that says why") {
  const auto refuse = [](const std::vector<Route>& routing, int operators,
                         const std::vector<int>& audible = {}) {
    fm_rack(std::vector<FMOperator>(static_cast<std::size_t>(operators)), routing, audible);
  };
  CHECK_THROWS_WITH_AS(refuse({{2, 0}}, 2), "[fm] operator 2 is named, but there are 2, counted from 0",
                       RoutingError);
  CHECK_THROWS_WITH_AS(refuse({{0, -1}}, 2), "[fm] operator -1 is named, but there are 2, counted from 0",
                       RoutingError);
  CHECK_THROWS_WITH_AS(refuse({{1, 0}}, 2, {2}), "[fm] operator 2 is named, but there are 2, counted from 0",
                       RoutingError);
  CHECK_THROWS_WITH_AS(refuse({}, 0), "[fm] there are 0 operators; an FM synth needs at least one",
                       RoutingError);
}

TEST_CASE("a loop, a route that is there twice or an operator heard twice is a problem of the rack") {
  const auto problem = [](const std::vector<Route>& routing, int operators,
                          const std::vector<int>& audible = {0}) {
    const std::vector<RackProblem> problems = find_problems(
        fm_rack(std::vector<FMOperator>(static_cast<std::size_t>(operators)), routing, audible));
    REQUIRE(problems.size() == 1);
    return problems[0].key + ": " + problems[0].message;
  };
  const std::string leave = "; leave one of its cables out (a loop needs a delay)";
  CHECK(problem({{0, 1}, {1, 0}}, 2) ==
        "cables.1: closes the loop fm.operator.0 -> fm.operator.1 -> fm.operator.0" + leave);
  CHECK(problem({{3, 1}, {1, 2}, {2, 3}}, 4) ==
        "cables.2: closes the loop fm.operator.1 -> fm.operator.2 -> fm.operator.3 -> fm.operator.1" + leave);
  CHECK(problem({{1, 1}}, 2) == "cables.0: closes the loop fm.operator.1 -> fm.operator.1" + leave);
  CHECK(problem({{1, 0}, {1, 0}}, 2) ==
        "cables.1: goes from fm.operator.1.out to fm.operator.0.phase a second time; once is enough");
  CHECK(problem({}, 2, {0, 0}) ==
        "cables.1: goes from fm.operator.0.out to fm.sum.in a second time; once is enough");
}
