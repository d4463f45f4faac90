// The envelope against its definition, sample by sample.
#include <doctest/doctest.h>

#include "adsr_reference.hpp"

#include <retrograd/nodes/all.hpp>
#include <retrograd/nodes/oscillator.hpp>
#include <retrograd/racks/gate.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <random>
#include <string>
#include <vector>

using namespace retrograd;

namespace {

struct Times {
  double attack, decay, sustain, release;
};

EnvelopeParameters record(Tape& tape, const Times& times) {
  return {tape.constant(times.attack), tape.constant(times.decay), tape.constant(times.sustain),
          tape.constant(times.release)};
}

std::vector<double> play_adsr(const std::vector<double>& gate, const Times& times, ElementType type,
                              int tile = 0) {
  Tape tape({.type = type, .tile = tile});
  const Var envelope = adsr(tape.input("gate", Tensor(std::span<const double>(gate))), record(tape, times));
  tape.play({envelope});
  const TensorView view = tape.value(envelope);
  std::vector<double> y;
  for (std::int64_t n = 0; n < view.shape.elements(); ++n) y.push_back(view.at(n));
  return y;
}

double worst_difference(const std::vector<double>& a, const std::vector<double>& b) {
  REQUIRE(a.size() == b.size());
  double worst = 0.0;
  for (std::size_t n = 0; n < a.size(); ++n) {
    const double difference = std::abs(a[n] - b[n]);
    worst = difference <= worst ? worst : difference;  // keeps a NaN
  }
  return worst;
}

double tolerance(ElementType type) { return type == ElementType::f64 ? 1e-13 : 4e-7; }

// Gates of runs whose lengths spread over orders of magnitude, with values on both sides of 0.5 and on it.
std::vector<double> random_gate(std::mt19937& random, std::size_t length) {
  std::uniform_real_distribution<double> uniform(0.0, 1.0);
  const double longest = std::exp(uniform(random) * 7.0);
  bool is_high = random() % 2 == 0;
  std::vector<double> gate;
  while (gate.size() < length) {
    const auto run = static_cast<std::size_t>(1.0 + uniform(random) * longest);
    for (std::size_t i = 0; i < run && gate.size() < length; ++i) {
      const bool is_plain = random() % 4 != 0;
      const double high = random() % 2 == 0 ? 0.5 : 0.75, low = random() % 2 == 0 ? 0.4999 : -3.0;
      gate.push_back(is_high ? (is_plain ? 1.0 : high) : (is_plain ? 0.0 : low));
    }
    is_high = !is_high;
  }
  return gate;
}

int edges(const std::vector<double>& gate) {
  int count = 0;
  for (std::size_t n = 1; n < gate.size(); ++n) count += (gate[n] >= 0.5) != (gate[n - 1] >= 0.5);
  return count;
}

double random_time(std::mt19937& random) {
  std::uniform_real_distribution<double> uniform(0.0, 1.0);
  switch (random() % 5) {
    case 0:
      return 0.0;
    case 1:
      return uniform(random);
    case 2:
      return static_cast<double>(1 + random() % 40);
    default:
      return std::exp(uniform(random) * 8.0);
  }
}

Times random_times(std::mt19937& random) {
  std::uniform_real_distribution<double> uniform(0.0, 1.0);
  const auto kind = random() % 4;
  const double sustain = kind == 0 ? 0.0 : kind == 1 ? 1.0 : uniform(random);
  return {random_time(random), random_time(random), sustain, random_time(random)};
}

}  // namespace

TEST_CASE("a gate that retriggers eight times inside the attack climbs from wherever the release was") {
  std::vector<double> gate(600, 0.0);
  for (int rise = 0; rise < 9; ++rise)  // the first, and eight more
    for (int n = 0; n < 20; ++n) gate[static_cast<std::size_t>(5 + 33 * rise + n)] = 1.0;
  for (std::size_t n = 420; n < 540; ++n) gate[n] = 1.0;
  const Times times{100.0, 30.0, 0.4, 50.0};
  const std::vector<double> expected =
      adsr_reference(gate, times.attack, times.decay, times.sustain, times.release);
  CHECK(*std::max_element(expected.begin(), expected.begin() + 400) < 1.0);  // it never leaves the attack
  for (const ElementType type : {ElementType::f64, ElementType::f32})
    for (const int tile : {128, 512})
      CHECK(worst_difference(play_adsr(gate, times, type, tile), expected) <= tolerance(type));

  // The first samples by hand, so that the reference itself is held to the definition.
  CHECK(expected[4] == 0.0);
  CHECK(expected[5] == 0.01);
  CHECK(expected[24] == doctest::Approx(0.20).epsilon(1e-14));
  CHECK(expected[25] == doctest::Approx(0.20 * std::exp(-1.0 / 50.0)).epsilon(1e-14));
  const double released = 0.20 * std::exp(-13.0 / 50.0);
  CHECK(expected[37] == doctest::Approx(released).epsilon(1e-14));
  CHECK(expected[38] == doctest::Approx(released + (1.0 - released) / 100.0).epsilon(1e-14));
}

TEST_CASE("any gate and any parameters give the definition's envelope, and nothing under 2^-100") {
  std::mt19937 random(1);
  for (int round = 0; round < 400; ++round) {
    const std::size_t length = 1 + random() % (round % 10 == 0 ? 6000 : 700);
    const std::vector<double> gate =
        length == 1 ? std::vector<double>{1.0, 1.0} : random_gate(random, length);
    const Times times = random_times(random);
    const std::vector<double> expected =
        adsr_reference(gate, times.attack, times.decay, times.sustain, times.release);
    const ElementType type = round % 2 == 0 ? ElementType::f64 : ElementType::f32;
    const std::vector<double> y =
        play_adsr(gate, times, type, std::array{0, 128, 256, 512, 1024}[random() % 5]);
    INFO("round " << round << ": " << gate.size() << " samples, attack " << times.attack << ", decay "
                  << times.decay << ", sustain " << times.sustain << ", release " << times.release);
    // In f32 each edge of the gate rounds the level that the next segment starts from.
    const double rounding = type == ElementType::f64 ? 1e-16 : 6e-8;
    CHECK(worst_difference(y, expected) <= tolerance(type) + rounding * edges(gate));
    CHECK(std::none_of(y.begin(), y.end(), [](double v) { return v != 0.0 && std::abs(v) < 0x1p-100; }));
  }
}

TEST_CASE("a long release ends in exact zeros, and a retrigger from there starts at zero") {
  std::vector<double> gate(12000, 0.0);
  std::fill(gate.begin(), gate.begin() + 50, 1.0);
  std::fill(gate.begin() + 11000, gate.end(), 1.0);
  const Times times{10.0, 20.0, 0.5, 100.5};
  for (const ElementType type : {ElementType::f64, ElementType::f32}) {
    const std::vector<double> y = play_adsr(gate, times, type);
    const auto first_zero =
        static_cast<double>(std::find(y.begin() + 50, y.end(), 0.0) - y.begin()) - 49.0;  // m of that sample
    const double level = adsr_reference(gate, 10.0, 20.0, 0.5, 100.5)[49];
    const double expected = 100.5 * (std::log(level) + 100.0 * std::log(2.0));
    CHECK(first_zero == doctest::Approx(expected).epsilon(1e-3));
    CHECK(std::all_of(y.begin() + static_cast<std::ptrdiff_t>(expected) + 60, y.begin() + 11000,
                      [](double v) { return v == 0.0; }));
    CHECK(y[11000] == doctest::Approx(0.1).epsilon(1e-7));
  }
}

TEST_CASE("a sustain or an attack so small that levels lie under 2^-100 gives zeros") {
  const std::vector<double> gate(4000, 1.0);
  for (const Times& times :
       {Times{1.0, 2.0, 1e-35, 2.0}, Times{1e36, 2.0, 0.5, 2.0}, Times{1.0, 2.0, 1e-40, 2.0}})
    for (const ElementType type : {ElementType::f64, ElementType::f32}) {
      INFO("attack " << times.attack << ", sustain " << times.sustain << ", " << std::string(name(type)));
      const std::vector<double> y = play_adsr(gate, times, type);
      CHECK(y.back() == 0.0);
      CHECK(std::none_of(y.begin(), y.end(), [](double v) { return v != 0.0 && v < 0x1p-100; }));
    }
}

TEST_CASE("edges of the gate may lie on sample 0 and on any tile's edge") {
  for (const ElementType type : {ElementType::f64, ElementType::f32})
    for (const int tile : {128, 512, 1024})
      for (const int edge : {0, 1, tile - 1, tile, tile + 1, 2 * tile - 1, 2 * tile, 2 * tile + 15})
        for (const int other : {1, 16, tile}) {
          std::vector<double> gate(static_cast<std::size_t>(3 * tile + 7), 0.0);
          const int end = std::min(edge + other, static_cast<int>(gate.size()));
          std::fill(gate.begin() + edge, gate.begin() + end, 1.0);
          const Times times{100.25, 60.5, 0.3, 90.75};
          INFO("tile " << tile << ", rises at " << edge << ", falls at " << end);
          CHECK(worst_difference(play_adsr(gate, times, type, tile),
                                 adsr_reference(gate, times.attack, times.decay, times.sustain,
                                                times.release)) <= tolerance(type));
          for (double& high : gate) high = 1.0 - high;  // the same edges the other way round
          CHECK(worst_difference(play_adsr(gate, times, type, tile),
                                 adsr_reference(gate, times.attack, times.decay, times.sustain,
                                                times.release)) <= tolerance(type));
        }
}

TEST_CASE("each row has its own gate and parameters, and times are in seconds on a tape with a sample rate") {
  constexpr double rate = 8000.0;
  std::mt19937 random(5);
  const std::vector<Times> times{{0.01, 0.02, 0.5, 0.03}, {0.0, 0.1, 0.0, 1e-6}, {0.2, 0.00317, 1.0, 0.2}};
  std::vector<double> gates, attack, decay, sustain, release, expected;
  for (const Times& row : times) {
    const std::vector<double> gate = random_gate(random, 1500);
    gates.insert(gates.end(), gate.begin(), gate.end());
    attack.push_back(row.attack);
    decay.push_back(row.decay);
    sustain.push_back(row.sustain);
    release.push_back(row.release);
    const auto y = adsr_reference(gate, row.attack * rate, row.decay * rate, row.sustain, row.release * rate);
    expected.insert(expected.end(), y.begin(), y.end());
  }
  Tape tape({.type = ElementType::f64, .sample_rate = rate});
  const auto column = [&](const std::vector<double>& values) {
    return tape.constant(Tensor(std::span<const double>(values), Shape{3, 1}));
  };
  const Var gate = tape.input("gate", Tensor(std::span<const double>(gates), Shape{3, 1500}));
  const Var envelope = adsr(gate, {column(attack), column(decay), column(sustain), column(release)});
  REQUIRE(envelope.shape() == Shape{3, 1500});
  tape.play({envelope});
  const auto y = tape.value(envelope).as<double>();
  CHECK(worst_difference({y.begin(), y.end()}, expected) <= tolerance(ElementType::f64));
}

TEST_CASE("a gate that never changes is a number that holds for the tape's length") {
  Tape tape({.type = ElementType::f64, .length = 300});
  const Var envelope = adsr(tape.input("gate", Tensor(1.0)), record(tape, {10.5, 20.0, 0.5, 30.0}));
  REQUIRE(envelope.shape() == Shape{300});
  tape.play({envelope});
  const auto y = tape.value(envelope).as<double>();
  CHECK(worst_difference({y.begin(), y.end()},
                         adsr_reference(std::vector<double>(300, 1.0), 10.5, 20.0, 0.5, 30.0)) <= 1e-13);
  Tape without_length;
  CHECK_THROWS_AS(
      adsr(without_length.input("gate", Tensor(1.0)), record(without_length, {1.0, 1.0, 0.5, 1.0})),
      LengthMismatchError);
}

TEST_CASE("envelope parameters that make no sense are refused by name") {
  Tape tape({.length = 100});
  const Var gate = tape.input("gate", Tensor(Shape{100}));
  constexpr double infinity = std::numeric_limits<double>::infinity();
  const double nan = std::nan("");
  for (const double bad : {-0.001, infinity, -infinity, nan}) {
    CHECK_THROWS_WITH_AS(adsr(gate, record(tape, {bad, 1.0, 0.5, 1.0})), doctest::Contains("attack"),
                         DomainError);
    CHECK_THROWS_WITH_AS(adsr(gate, record(tape, {1.0, bad, 0.5, 1.0})), doctest::Contains("decay"),
                         DomainError);
    CHECK_THROWS_WITH_AS(adsr(gate, record(tape, {1.0, 1.0, 0.5, bad})), doctest::Contains("release"),
                         DomainError);
  }
  for (const double bad : {-1e-9, 1.0000001, infinity, nan})
    CHECK_THROWS_WITH_AS(adsr(gate, record(tape, {1.0, 1.0, bad, 1.0})), doctest::Contains("sustain"),
                         DomainError);
  EnvelopeParameters varying = record(tape, {1.0, 1.0, 0.5, 1.0});
  varying.decay = tape.input("varying decay", Tensor(Shape{100}));
  CHECK_THROWS_WITH_AS(adsr(gate, varying), doctest::Contains("decay varies over time"), ShapeError);
  const Var rows = tape.input("rows", Tensor(Shape{3, 1}));
  const Var gates = tape.input("gates", Tensor(Shape{2, 100}));
  CHECK_THROWS_WITH_AS(adsr(gates, {rows, rows, rows, rows}), doctest::Contains("[adsr] shapes"), ShapeError);
}

TEST_CASE("an envelope parameter that makes no sense cannot be set, and what it was stays") {
  Tape tape({.length = 100});
  const Var gate = tape.input("gate", Tensor(Shape{100}));
  const Var time = tape.input("time", Tensor(0.0));  // two of the parameters
  const Var level = tape.input("level", Tensor{0.25, 1.0}.reshaped(Shape{2, 1}));
  const Var envelope = adsr(gate, {tape.constant(1.0), time, level, time});
  for (const double bad : {-1e-9, -1.0, std::numeric_limits<double>::infinity(), std::nan("")}) {
    CHECK_THROWS_WITH_AS(tape.set(time, Tensor{bad}), doctest::Contains("[adsr] decay is "), DomainError);
    CHECK(tape.value(time).item() == 0.0);
  }
  CHECK_THROWS_WITH_AS(tape.set(level, Tensor{0.5, 1.5}.reshaped(Shape{2, 1})),
                       "[adsr] sustain is 1.5 at element 1, but must be in [0, 1]", DomainError);
  CHECK(tape.value(level).at(0) == 0.25);
  tape.set(time, Tensor{2.0});
  tape.play({envelope});

  // A leaf that is refused when it is recorded is bound by nothing.
  const Var free = tape.parameter("free", -1.0);
  CHECK_THROWS_WITH_AS(adsr(gate, {time, time, tape.constant(0.5), free}),
                       "[adsr] release is -1, but must be finite and at least 0", DomainError);
  tape.set(free, Tensor{-2.0});
}

TEST_CASE("an envelope parameter that is computed is checked by the play that computes it, in any stage") {
  Tape tape({.length = 300});
  const Var gate = tape.input("gate", Tensor(Shape{300}));
  const Var time = tape.parameter("time", Tensor{3.0, 5.0}.reshaped(Shape{2, 1}));
  const Var signal = tape.input("signal", Tensor(Shape{300}));
  const Var attack = time - 1.0, release = sum_over_time(signal), sustain = sum(time) * 0.1;
  const Var envelope = adsr(gate, {attack, time, sustain, release});
  tape.play({envelope});
  tape.set(time, Tensor{3.0, 0.5}.reshaped(Shape{2, 1}));
  for (int again = 0; again < 2; ++again)
    CHECK_THROWS_WITH_AS(
        tape.play({envelope}),
        "[adsr] attack, computed by 'subtract', is -0.5 at element 1, but must be finite and at least 0",
        DomainError);
  CHECK_THROWS_AS(tape.value(envelope), TapeError);  // nothing was played
  CHECK_THROWS_AS(tape.rewind(envelope), TapeError);
  tape.set(time, Tensor{9.0, 9.0}.reshaped(Shape{2, 1}));
  CHECK_THROWS_WITH_AS(tape.play({envelope}),
                       doctest::Contains("[adsr] sustain, computed by 'multiply', is 1.8"), DomainError);
  tape.set(time, Tensor{1.0, 1.0}.reshaped(Shape{2, 1}));
  std::vector<double> samples(300, 0.0);
  samples[7] = std::nan("");
  tape.set(signal, Tensor(std::span<const double>(samples)));
  CHECK_THROWS_WITH_AS(tape.play({envelope}),
                       doctest::Contains("[adsr] release, computed by 'sum_over_time', is "), DomainError);
  tape.set(signal, Tensor(Shape{300}));
  tape.play({envelope});
  tape.rewind(envelope);
  CHECK(tape.value(envelope).shape == Shape{2, 300});
}

TEST_CASE("gradients cross the groups of tiles that the way back is computed in") {
  // Edges on both sides of samples 8192, 16384 and 24576, retriggers inside an attack, and groups without an edge.
  const std::size_t edges[] = {3, 5000, 8190, 8192, 8193, 16384, 16390, 24577, 24600, 49000};
  std::vector<double> gate, weight;
  bool is_high = true;
  for (const std::size_t edge : edges) {
    gate.resize(edge, is_high ? 1.0 : 0.0);
    is_high = !is_high;
  }
  for (std::size_t n = 0; n < gate.size(); ++n) weight.push_back(std::sin(0.001 * static_cast<double>(n)));
  const std::array<double, 4> times{300.5, 5000.3, 0.4, 3000.7};

  Tape tape({.type = ElementType::f64});
  std::vector<Var> parameters;
  for (std::size_t i = 0; i < times.size(); ++i)
    parameters.push_back(tape.parameter("time " + std::to_string(i), times[i]));
  const Var envelope = adsr(tape.input("gate", Tensor(std::span<const double>(gate))),
                            {parameters[0], parameters[1], parameters[2], parameters[3]});
  const Var loss = sum_over_time(envelope * tape.input("weight", Tensor(std::span<const double>(weight))));
  tape.play({loss});
  tape.rewind(loss);

  const auto weighted_sum = [&](std::array<double, 4> t) {
    const std::vector<double> y = adsr_reference(gate, t[0], t[1], t[2], t[3]);
    double sum = 0.0;
    for (std::size_t n = 0; n < y.size(); ++n) sum += y[n] * weight[n];
    return sum;
  };
  for (std::size_t i = 0; i < times.size(); ++i) {
    const double step = 1e-4 * times[i];
    std::array<double, 4> more = times, less = times;
    more[i] += step;
    less[i] -= step;
    INFO("time " << i);
    CHECK(tape.gradient(parameters[i]).item() ==
          doctest::Approx((weighted_sum(more) - weighted_sum(less)) / (2.0 * step)).epsilon(1e-6));
  }
}

TEST_CASE("envelopes that run together follow each its own gate") {
  // In every tile some of the gates have an edge and some have none, whichever envelope comes first.
  constexpr std::size_t length = 4096, gates = 3;
  const std::size_t edges[gates][3] = {{0, 4000, 4090}, {130, 900, 2500}, {700, 1500, 3100}};
  std::vector<Tensor> signals;
  for (const auto& of_gate : edges) {
    Tensor signal(Shape{length});
    for (std::size_t n = of_gate[0]; n < length; ++n)
      signal.as<double>()[n] = n < of_gate[1] || n >= of_gate[2] ? 1.0 : 0.0;
    signals.push_back(signal);
  }
  Tensor weight(Shape{length}, ElementType::f32);
  for (std::size_t n = 0; n < length; ++n)
    weight.as<float>()[n] = static_cast<float>(std::sin(0.01 * static_cast<double>(n)));

  // Envelopes alone, or as operators in one pass, of these gates on one tape: of each its samples and gradients.
  const auto run = [&](std::vector<std::size_t> which, bool are_operators, int tile) {
    Tape tape({.sample_rate = 1000.0, .length = length, .tile = tile});
    const Var attack = tape.constant(0.0505);  // one for all
    std::vector<Var> sounds;
    for (const std::size_t i : which) {
      const std::string of = " of " + std::to_string(i);
      const Var envelope = adsr(tape.input("gate" + of, signals[i]),
                                {attack, tape.parameter("decay" + of, 0.3),
                                 tape.parameter("sustain" + of, 0.4), tape.parameter("release" + of, 0.2)});
      const Var gain = tape.parameter("gain" + of, 0.7);
      sounds.push_back(are_operators ? sinusoid(tape.parameter("pitch" + of, 50.0)) * envelope * gain
                                     : envelope * gain);
    }
    const Var weights = tape.input("weight", weight);
    Var loss = sum_over_time(sounds[0] * weights);
    for (std::size_t i = 1; i < sounds.size(); ++i) loss = loss + sum_over_time(sounds[i] * weights);
    std::vector<Var> outputs = sounds;
    outputs.push_back(loss);
    tape.play(outputs);
    tape.rewind(loss);
    std::vector<std::vector<double>> results;
    for (std::size_t i = 0; i < sounds.size(); ++i) {
      const auto values = tape.value(sounds[i]).as<float>();
      std::vector<double> result(values.begin(), values.end());
      const std::size_t parameters = tape.parameters().size() / sounds.size();
      for (std::size_t p = parameters * i; p < parameters * (i + 1); ++p)
        result.push_back(tape.gradient(tape.parameters()[p]).item());
      results.push_back(result);
    }
    return results;
  };
  for (const bool are_operators : {false, true})
    for (const int tile : {128, 1024}) {
      CAPTURE(are_operators);
      CAPTURE(tile);
      const std::vector<std::vector<double>> together = run({0, 1, 2}, are_operators, tile);
      for (std::size_t i = 0; i < gates; ++i) {
        CAPTURE(i);
        CHECK(together[i] == run({i}, are_operators, tile)[0]);
      }
    }
}
