// Racks on a tape: their parameters, rows, cables and what modulates, against computations in double.
#include <doctest/doctest.h>

#include "../nodes/adsr_reference.hpp"

#include <retrograd/gradcheck/parameter_check.hpp>
#include <retrograd/nodes/arithmetic.hpp>
#include <retrograd/nodes/square.hpp>
#include <retrograd/nodes/sum_over_rows.hpp>
#include <retrograd/racks/rack_file.hpp>
#include <retrograd/racks/record.hpp>
#include <retrograd/racks/rules.hpp>
#include <retrograd/tensor/errors.hpp>

#include <algorithm>
#include <cmath>
#include <functional>
#include <numbers>
#include <string>
#include <utility>
#include <vector>

using namespace retrograd;

namespace {

constexpr double two_pi = 2.0 * std::numbers::pi;
constexpr double rate = 8000.0;
constexpr int length = 800;
const ModuleList modules;

Module module(const std::string& name, const std::string& type, StructureValues structure = {}) {
  return make_module(name, *modules.find(type), std::move(structure));
}

Rack empty_rack() {
  Rack rack;
  rack.sample_rate = rate;
  rack.duration = length / rate;
  rack.note = {.frequency = 200.0, .gate = {{0.0, 0.05}}};
  return rack;
}

// One oscillator, whose ratio a slower one modulates by `amount`.
Rack modulated(double amount) {
  Rack rack = empty_rack();
  rack.modules = {module("osc", "oscillator"), module("lfo", "oscillator", {0, 1})};
  rack.modules[1].values = {30.0};
  rack.cables = {{"lfo.out", "osc.ratio", amount}};
  rack.outputs = {"osc.out"};
  return rack;
}

// An amplifier of a constant: what comes out is its level, as modulated by two constants and an envelope.
Rack levels(double level, double a, double b) {
  Rack rack = empty_rack();
  rack.modules = {module("one", "constant"), module("amp", "vca"), module("a", "constant"),
                  module("b", "constant"), module("osc", "oscillator")};
  rack.modules[0].values = {1.0};
  rack.modules[1].values = {level};
  rack.modules[2].values = {a};
  rack.modules[3].values = {b};
  rack.cables = {{"one.out", "amp.in"}, {"a.out", "amp.level", 2.0}, {"b.out", "amp.level", -1.0}};
  rack.outputs = {"amp.out"};
  return rack;
}

std::vector<double> render(const Rack& rack, const RecordOptions& options = {}, std::int64_t row = 0,
                           std::size_t channel = 0) {
  Tape tape({.type = ElementType::f64, .sample_rate = rack.sample_rate, .length = length_in_samples(rack)});
  const RecordedRack recorded = record(tape, rack, options);
  const Var output = recorded.outputs[channel];
  tape.play({output});
  const auto samples = tape.value(output).row<double>(row);
  return {samples.begin(), samples.end()};
}

double worst(const std::vector<double>& found, const std::function<double(int)>& expected) {
  double largest = 0.0;
  for (int n = 0; n < static_cast<int>(found.size()); ++n) {
    const double difference = std::abs(found[static_cast<std::size_t>(n)] - expected(n));
    largest = difference <= largest ? largest : difference;
  }
  return largest;
}

double sine(double hertz, int n) { return std::sin(two_pi * std::fmod(hertz * n / rate, 1.0)); }

// Every parameter's gradient beside a numeric one.
void check_gradients_of(const Rack& rack) {
  Tape tape({.type = ElementType::f64, .sample_rate = rack.sample_rate, .length = length_in_samples(rack)});
  const RecordedRack recorded = record(tape, rack);
  for (const ParameterReport& report : check_parameters(tape, mean_over_time(square(recorded.audio - 0.1)))) {
    CAPTURE(report.name);
    CAPTURE(report.analytic);
    CAPTURE(report.numeric);
    CHECK(report.agreement == Agreement::agrees);
  }
}

}  // namespace

TEST_CASE("a patch's parameters are on the tape under their paths, in order, and come back") {
  Rack patch = default_rack();
  Tape tape(tape_options(patch));
  const RecordedRack recorded = record(tape, patch);
  const std::vector<RackParameter> expected = parameters(patch);
  REQUIRE(recorded.parameters.size() == expected.size());
  for (std::size_t i = 0; i < expected.size(); ++i) {
    CHECK(tape.name(recorded.parameters[i]) == expected[i].name);
    CHECK(tape.value(recorded.parameters[i]).item() == expected[i].value);
  }
  tape.set(tape.find("fm.operator.1.gain"), Tensor(0.25));
  Rack read = patch;
  read_parameters(tape, recorded, 0, read);
  CHECK(find_parameter(read, "fm.operator.1.gain").value == 0.25);
  find_parameter(read, "fm.operator.1.gain").value = find_parameter(patch, "fm.operator.1.gain").value;
  CHECK(read == patch);
}

TEST_CASE("rows of a patch sound like the patch, each with its own values") {
  const Rack patch = default_rack();
  Tape one(tape_options(patch)), many(tape_options(patch));
  const RecordedRack single = record(one, patch), rows = record(many, patch, 3);
  Tensor pitch(Shape{3, 1});
  pitch.as<double>()[0] = pitch.as<double>()[2] = 300.0;
  pitch.as<double>()[1] = 200.0;
  many.set(rows.parameters[0], pitch);
  one.play({single.audio});
  many.play({rows.audio});
  const auto expected = one.value(single.audio).as<float>();
  CHECK(std::ranges::equal(many.value(rows.audio).row<float>(0), expected));
  CHECK(std::ranges::equal(many.value(rows.audio).row<float>(2), expected));
  CHECK_FALSE(std::ranges::equal(many.value(rows.audio).row<float>(1), expected));
}

TEST_CASE("a patch that is not valid is refused before anything is recorded") {
  Rack patch = default_rack();
  find_parameter(patch, "fm.operator.0.envelope.sustain").value = 1.5;
  Tape tape(tape_options(default_rack()));
  CHECK_THROWS_AS(record(tape, patch), DomainError);
  CHECK(tape.parameters().empty());
}

TEST_CASE("octaves: a parameter times two to the power of what comes in") {
  for (const double amount : {0.5, -1.25}) {
    double turns = 0.0;
    CHECK(worst(render(modulated(amount)), [&](int n) {
            const double expected = std::sin(two_pi * (turns - std::floor(turns)));
            turns += 200.0 * std::exp2(amount * sine(30.0, n)) / rate;
            return expected;
          }) < 1e-9);
  }
  check_gradients_of(modulated(0.5));
}

TEST_CASE("factor: a parameter times one plus what comes in, held at the end of its domain") {
  Rack rack = empty_rack();
  rack.modules = {module("op", "fm_operator"), module("lfo", "oscillator", {0, 1})};
  rack.modules[0].values = {1.0, 0.6, 0.0, 0.0, 1.0, 0.0};
  rack.modules[1].values = {30.0};
  rack.outputs = {"op.out"};
  rack.note.gate = {{0.0, 1.0}};
  for (const double amount : {0.5, 3.0}) {
    rack.cables = {{"lfo.out", "op.gain", amount}};
    CHECK(worst(render(rack), [&](int n) {
            return sine(200.0, n) * std::max(0.0, 0.6 * (1.0 + amount * sine(30.0, n)));
          }) < 1e-9);
    check_gradients_of(rack);
  }
}

TEST_CASE("adds: a parameter plus what comes in; several cables add up") {
  CHECK(worst(render(levels(0.5, 0.25, 0.125)), [](int) { return 0.5 + 2.0 * 0.25 - 0.125; }) < 1e-15);
  Rack rack = levels(0.5, 0.1, 0.2);
  rack.cables.push_back({"osc.out", "amp.level", 0.1});
  CHECK(worst(render(rack), [](int n) { return 0.5 + 0.2 - 0.2 + 0.1 * sine(200.0, n); }) < 1e-12);
  check_gradients_of(rack);
}

TEST_CASE("beyond the end of a parameter's domain its value is the end, and gradients are 0 there") {
  const Rack rack = levels(0.5, -0.5, 0.125);  // 0.5 - 1 - 0.125
  CHECK(worst(render(rack), [](int) { return 0.0; }) == 0.0);
  Tape tape({.type = ElementType::f64, .sample_rate = rate, .length = length});
  const RecordedRack recorded = record(tape, rack);
  const Var loss = mean_over_time(recorded.audio);
  tape.play({loss});
  tape.rewind(loss);
  for (const char* name : {"amp.level", "a.value", "b.value", "a.out>amp.level", "b.out>amp.level"}) {
    CAPTURE(name);
    CHECK(tape.gradient(tape.find(name)).item() == 0.0);
  }
  CHECK(tape.value(tape.find("amp.level")).item() == 0.5);  // what is fitted stays what it is
}

TEST_CASE("octaves and factors keep what must lie above 0 there, whatever comes in") {
  for (const double amount : {-4000.0, 4000.0}) {
    const std::vector<double> found = render(modulated(amount));
    CHECK(std::ranges::none_of(found, [](double x) { return std::isinf(x); }));
  }
}

TEST_CASE("what is constant over time stays a number, and signals come where something varies") {
  const Rack rack = levels(0.5, 0.25, 0.125);
  Tape tape(tape_options(rack));
  const RecordedRack recorded = record(tape, rack);
  CHECK(recorded.audio.shape() == Shape{length});  // what is heard is a signal all the same
  CHECK(recorded.outputs.size() == 1);
}

TEST_CASE("an amount is a parameter: its gradient is the signal's part") {
  const Rack rack = levels(0.5, 0.25, 0.125);
  Tape tape({.type = ElementType::f64, .sample_rate = rate, .length = length});
  const RecordedRack recorded = record(tape, rack);
  const Var loss = mean_over_time(recorded.audio);
  tape.play({loss});
  tape.rewind(loss);
  const auto gradient = [&](const char* name) { return tape.gradient(tape.find(name)).item(); };
  CHECK(gradient("a.out>amp.level") == doctest::Approx(0.25));
  CHECK(gradient("b.out>amp.level") == doctest::Approx(0.125));
  CHECK(gradient("a.value") == doctest::Approx(2.0));
  CHECK(gradient("b.value") == doctest::Approx(-1.0));
  CHECK(gradient("amp.level") == doctest::Approx(1.0));
  CHECK(tape.name(recorded.parameters.back()) == "b.out>amp.level");
}

TEST_CASE("an amount may be modulated from outside, and a host's Vars stand in for any parameter") {
  Rack rack = levels(0.5, 0.25, 0.125);
  Tape tape({.type = ElementType::f64, .sample_rate = rate, .length = length});
  const Var half = tape.parameter("mine", 0.25);
  RecordOptions options;
  options.given = {{"a.out>amp.level", half * 2.0}, {"amp.level", half}};
  const RecordedRack recorded = record(tape, rack, options);
  const Var loss = mean_over_time(recorded.audio);
  tape.play({loss});
  tape.rewind(loss);
  CHECK(tape.value(loss).item() == doctest::Approx(0.25 + 0.5 * 0.25 - 0.125));
  CHECK(tape.gradient(half).item() == doctest::Approx(1.0 + 2.0 * 0.25));
  options.given = {{"amp.lvel", half}};
  Tape other(tape_options(rack));
  CHECK_THROWS_WITH_AS(record(other, rack, options),
                       "the patch has no parameter amp.lvel; did you mean amp.level?", DomainError);
}

TEST_CASE("several cables into one input add up, and one output goes to several places") {
  Rack rack = empty_rack();
  rack.modules = {module("a", "oscillator"), module("b", "oscillator"), module("sum", "sum"),
                  module("amp", "vca")};
  rack.modules[1].values = {1.5};
  rack.cables = {{"a.out", "sum.in"},
                 {"b.out", "sum.in"},
                 {"a.out", "amp.in"},
                 {"sum.out", "amp.in"},
                 {"b.out", "amp.cv"}};
  rack.outputs = {"amp.out"};
  CHECK(worst(render(rack), [](int n) {
          const double a = sine(200.0, n), b = sine(300.0, n);
          return (a + a + b) * b;
        }) < 1e-9);
}

TEST_CASE("phases add up in radians") {
  Rack rack = empty_rack();
  rack.modules = {module("a", "oscillator"), module("b", "oscillator"), module("c", "oscillator")};
  rack.modules[1].values = {2.0};
  rack.modules[2].values = {3.0};
  rack.cables = {{"b.out", "a.phase"}, {"c.out", "a.phase"}};
  rack.outputs = {"a.out"};
  CHECK(worst(render(rack), [](int n) {
          return std::sin(two_pi * std::fmod(200.0 * n / rate, 1.0) + sine(400.0, n) + sine(600.0, n));
        }) < 1e-9);
}

TEST_CASE("an input without a cable has what it is normalled to: the note's gate, the note's pitch") {
  Rack rack = empty_rack();
  rack.modules = {module("env", "adsr"), module("held", "constant")};
  rack.modules[0].values = {0.01, 0.02, 0.5, 0.015};
  rack.modules[1].values = {1.0};
  rack.outputs = {"env.out"};
  std::vector<double> gate(length, 0.0);
  std::fill(gate.begin(), gate.begin() + 400, 1.0);
  const std::vector<double> normal = adsr_reference(gate, 80, 160, 0.5, 120);
  CHECK(worst(render(rack), [&](int n) { return normal[static_cast<std::size_t>(n)]; }) < 1e-12);
  rack.cables = {{"held.out", "env.gate"}};
  const std::vector<double> plugged = adsr_reference(std::vector<double>(length, 1.0), 80, 160, 0.5, 120);
  CHECK(worst(render(rack), [&](int n) { return plugged[static_cast<std::size_t>(n)]; }) < 1e-12);
}

TEST_CASE(
    "what moves the note's frequency moves all that play it, and the envelope that does follows its gate") {
  Rack rack = empty_rack();
  rack.modules = {module("osc", "oscillator"), module("env", "adsr")};
  rack.modules[1].values = {0.01, 0.02, 0.5, 0.015};
  rack.cables = {{"env.out", "note.frequency", 1.5}};
  rack.outputs = {"osc.out"};
  std::vector<double> gate(length, 0.0);
  std::fill(gate.begin(), gate.begin() + 400, 1.0);
  const std::vector<double> envelope = adsr_reference(gate, 80, 160, 0.5, 120);
  double turns = 0.0;
  CHECK(worst(render(rack), [&](int n) {
          const double expected = std::sin(two_pi * (turns - std::floor(turns)));
          turns += 200.0 * std::exp2(1.5 * envelope[static_cast<std::size_t>(n)]) / rate;
          return expected;
        }) < 1e-9);
  // An attack of a whole number of samples is a kink: take another.
  rack.modules[1].values = {0.01013, 0.02, 0.5, 0.015};
  check_gradients_of(rack);
}

TEST_CASE("the note says its gate, pitch, key, velocity, bend and pressure") {
  const auto value = [](const std::string& output, const RecordOptions& options = {}, double velocity = 0.5) {
    Rack rack = empty_rack();
    rack.note.velocity = velocity;
    rack.modules = {module("amp", "sum")};
    rack.cables = {{"note." + output, "amp.in"}};
    if (output != "velocity") {  // which no longer multiplies the sound where a cable reads it
      rack.modules.push_back(module("read", "sum"));
      rack.cables.push_back({"note.velocity", "read.in"});
    }
    rack.outputs = {"amp.out"};
    return render(rack, options)[100];
  };
  CHECK(value("gate") == 1.0);
  CHECK(value("hertz") == 200.0);
  CHECK(value("pitch") == doctest::Approx(std::log2(200.0 / 440.0)).epsilon(1e-12));
  CHECK(value("key") == doctest::Approx(69.0 + 12.0 * std::log2(200.0 / 440.0)).epsilon(1e-12));
  CHECK(value("velocity") == 0.5);
  CHECK(value("velocity", {}, 1.0) == 1.0);
  CHECK(value("bend") == 0.0);
  CHECK(value("pressure") == 0.0);

  // What an instrument says goes before.
  Rack rack = empty_rack();
  for (const char* output : {"key", "velocity", "bend", "pressure"}) {
    rack.modules.push_back(module(output, "sum"));
    rack.cables.push_back({std::string("note.") + output, std::string(output) + ".in"});
    rack.outputs.push_back(std::string(output) + ".out");
  }
  Tape tape(tape_options(rack));
  RecordOptions options;
  options.key = tape.constant(61.5);
  options.velocity = tape.constant(0.25);
  options.bend = tape.constant(-0.5);
  options.pressure = tape.constant(0.75);
  const RecordedRack recorded = record(tape, rack, options);
  tape.play(recorded.outputs);
  CHECK(tape.value(recorded.outputs[0]).at(7) == 61.5);
  CHECK(tape.value(recorded.outputs[1]).at(7) == 0.25);
  CHECK(tape.value(recorded.outputs[2]).at(7) == -0.5);
  CHECK(tape.value(recorded.outputs[3]).at(7) == 0.75);
}

TEST_CASE("the sound is multiplied by the velocity where no cable reads it, and only there") {
  Rack rack = empty_rack();
  rack.modules = {module("osc", "oscillator"), module("amp", "vca")};
  rack.cables = {{"osc.out", "amp.in"}};
  rack.outputs = {"amp.out"};
  rack.note.velocity = 0.25;
  CHECK(worst(render(rack), [](int n) { return 0.25 * sine(200.0, n); }) < 1e-9);
  rack.cables.push_back({"note.velocity", "amp.cv"});
  CHECK(worst(render(rack), [](int n) { return 0.25 * sine(200.0, n); }) < 1e-9);
  rack.cables.back() = {"note.velocity", "amp.level", 0.5};
  CHECK(worst(render(rack), [](int n) { return 1.125 * sine(200.0, n); }) < 1e-9);
}

TEST_CASE("several outputs are channels, and the audio is their mean") {
  Rack rack = empty_rack();
  rack.modules = {module("left", "oscillator"), module("right", "oscillator"), module("number", "constant")};
  rack.modules[1].values = {1.5};
  rack.modules[2].values = {0.3};
  rack.outputs = {"left.out", "right.out", "number.out"};
  rack.note.velocity = 0.5;
  Tape tape({.type = ElementType::f64, .sample_rate = rate, .length = length});
  const RecordedRack recorded = record(tape, rack);
  REQUIRE(recorded.outputs.size() == 3);
  std::vector<Var> all = recorded.outputs;
  all.push_back(recorded.audio);
  tape.play(all);
  for (const Var output : all) REQUIRE(output.shape() == Shape{length});
  double largest = 0.0;
  for (int n = 0; n < length; ++n) {
    const double left = 0.5 * sine(200.0, n), right = 0.5 * sine(300.0, n);
    largest = std::max({largest, std::abs(tape.value(all[0]).at(n) - left),
                        std::abs(tape.value(all[1]).at(n) - right), std::abs(tape.value(all[2]).at(n) - 0.15),
                        std::abs(tape.value(all[3]).at(n) - (left + right + 0.15) / 3.0)});
  }
  CHECK(largest < 1e-9);
}

TEST_CASE("outputs that are numbers are signals of the rack's length, in every row") {
  Rack rack = empty_rack();
  rack.modules = {module("number", "constant")};
  rack.modules[0].values = {0.3};
  rack.outputs = {"number.out"};
  for (const std::int64_t rows : {1, 4}) {
    Tape tape(tape_options(rack));
    const RecordedRack recorded = record(tape, rack, rows);
    CHECK(recorded.audio.shape() == (rows == 1 ? Shape{length} : Shape{rows, length}));
    tape.play({recorded.audio});
    CHECK(tape.value(recorded.audio).at(rows * length - 1) == doctest::Approx(0.3));
  }
  // What depends on nothing that has rows has them too.
  rack.outputs = {"note.gate"};
  Tape tape(tape_options(rack));
  CHECK(record(tape, rack, 3).audio.shape() == Shape{3, length});
}

TEST_CASE("a render of one note goes through a mix point as it is, its velocity before it") {
  Rack rack = empty_rack();
  rack.modules = {module("osc", "oscillator"), module("all", "voices"), module("volume", "vca")};
  rack.modules[2].values = {0.5};
  rack.cables = {{"osc.out", "all.in"}, {"all.out", "volume.in"}};
  rack.outputs = {"volume.out"};
  rack.note.velocity = 0.5;
  CHECK(worst(render(rack), [](int n) { return 0.25 * sine(200.0, n); }) < 1e-9);
}

TEST_CASE("a domain may be another on the tape") {
  const Rack rack = default_rack();
  Tape tape(tape_options(rack));
  RecordOptions options;
  options.domain_of = [](const RackParameter& parameter) {
    return parameter.name == "fm.operator.0.gain" ? range(0.5, 2.0) : parameter.domain();
  };
  const RecordedRack recorded = record(tape, rack, options);
  CHECK_THROWS_AS(tape.set(tape.find("fm.operator.0.gain"), Tensor(3.0)), DomainError);
  CHECK_NOTHROW(tape.set(tape.find("fm.operator.1.gain"), Tensor(3.0)));
  CHECK(recorded.parameters.size() == 13);
}

TEST_CASE("a cable's amount is modulated by another cable") {
  const std::string text = R"(format = 2
sample_rate = 8000
duration = 0.05
outputs = ["amp.out"]
cables = [
    ["osc.out", "amp.in"],
    ["lfo.out", "amp.level", 0.3, "tremolo"],
    ["slow.out", "tremolo", 0.2],
]
[[module]]
name = "osc"
type = "oscillator"
[[module]]
name = "lfo"
type = "oscillator"
pitch = "free"
frequency = 40.0
[[module]]
name = "slow"
type = "oscillator"
pitch = "free"
frequency = 11.0
[[module]]
name = "amp"
type = "vca"
level = 0.6
)";
  Rack rack = parse_rack(text, "tremolo.toml");
  CHECK(parse_rack(format_rack(rack), "again.toml") == rack);
  CHECK(parameters(rack).back().name == "slow.out>tremolo");
  TapeOptions options = tape_options(rack);
  options.type = ElementType::f64;
  Tape tape(options);
  const RecordedRack recorded = record(tape, rack);
  const Var loss = mean_over_time(square(recorded.audio));
  tape.play({recorded.audio, loss});
  const TensorView audio = tape.value(recorded.audio);
  double worst = 0.0, slope = 0.0;
  constexpr double two_pi = 6.283185307179586;
  for (std::int64_t n = 0; n < audio.shape.length(); ++n) {
    const double t = static_cast<double>(n) / 8000.0;
    const double sine = std::sin(two_pi * 440.0 * t), fast = std::sin(two_pi * 40.0 * t),
                 slow = std::sin(two_pi * 11.0 * t);
    const double expected = sine * (0.6 + (0.3 + 0.2 * slow) * fast);
    worst = std::max(worst, std::abs(audio.at(n) - expected));
    slope += 2.0 * expected * sine * slow * fast / static_cast<double>(audio.shape.length());
  }
  CHECK(worst <= 1e-12);
  tape.rewind(loss);
  CHECK(tape.gradient(recorded.parameters.back()).item() == doctest::Approx(slope).epsilon(1e-9));
}

TEST_CASE("amounts that modulate each other are places for no cable") {
  const std::string text = R"(format = 2
outputs = ["osc.out"]
cables = [["osc.out", "b", 1.0, "a"], ["osc.out", "a", 1.0, "b"]]
[[module]]
name = "osc"
type = "oscillator"
)";
  CHECK_THROWS_WITH_AS(parse_rack(text, "p.toml"),
                       doctest::Contains("p.toml:3:11: cables.0: 'b' names no module"), FileError);
}
