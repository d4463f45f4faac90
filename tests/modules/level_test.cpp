// Modules that bend, measure and place a sound: static curves, times, powers, and gradients of every parameter.
#include <doctest/doctest.h>

#include <retrograd/gradcheck/parameter_check.hpp>
#include <retrograd/nodes/arithmetic.hpp>
#include <retrograd/nodes/square.hpp>
#include <retrograd/nodes/sum_over_rows.hpp>
#include <retrograd/racks/record.hpp>
#include <retrograd/racks/rules.hpp>

#include <cmath>
#include <numbers>
#include <string>
#include <vector>

using namespace retrograd;

namespace {

using Samples = std::vector<double>;
const ModuleList modules;
constexpr double rate = 8000.0;
constexpr int length = 4000;

double decibels_of(double x) { return 20.0 * std::log10(std::abs(x)); }

// What comes in is an oscillator of 113.7 Hz, or a number, times `size`.
Rack rack_of(const std::string& type, StructureValues structure, std::vector<double> values, double size,
             bool is_sine, std::vector<std::string> inputs = {"in"},
             std::vector<std::string> outputs = {"out"}) {
  Rack rack;
  rack.sample_rate = rate;
  rack.duration = length / rate;
  rack.note = {.frequency = 220.0, .gate = {{0.0, 0.1}}};
  rack.modules = {make_module("it", *modules.find(type), std::move(structure))};
  rack.modules[0].values = std::move(values);
  rack.modules.push_back(make_module("amp", *modules.find("vca")));
  rack.modules[1].values = {size};
  rack.modules.push_back(is_sine ? make_module("source", *modules.find("oscillator"), {0, 1})
                                 : make_module("source", *modules.find("constant")));
  rack.modules[2].values = {is_sine ? 113.7 : 1.0};
  rack.cables = {{"source.out", "amp.in"}};
  for (const std::string& input : inputs) rack.cables.push_back({"amp.out", "it." + input});
  for (const std::string& output : outputs) rack.outputs.push_back("it." + output);
  return rack;
}

Samples played(const Rack& rack, ElementType type = ElementType::f64) {
  REQUIRE(find_problems(rack).empty());
  Tape tape({.type = type, .sample_rate = rate, .length = length});
  const RecordedRack recorded = record(tape, rack);
  tape.play(recorded.outputs);
  Samples samples;  // of one channel after the other
  for (const Var output : recorded.outputs)
    for (std::int64_t n = 0; n < length; ++n) samples.push_back(tape.value(output).at(n));
  return samples;
}

void check_gradients(const Rack& rack) {
  Tape tape({.type = ElementType::f64, .sample_rate = rate, .length = length});
  const RecordedRack recorded = record(tape, rack);
  const Var loss = mean_over_time(square(recorded.audio - 0.1));
  for (const ParameterReport& report : check_parameters(tape, loss)) {
    CAPTURE(report.name);
    CAPTURE(report.analytic);
    CAPTURE(report.numeric);
    CHECK(report.agreement == Agreement::agrees);
  }
}

// After a long time of a level that stands still, in dB out for dB in.
double settled(const std::string& type, const std::vector<double>& values, double in) {
  return decibels_of(played(rack_of(type, {}, values, std::pow(10.0, in / 20.0), false)).back());
}

}  // namespace

TEST_CASE("a compressor's static curve is that of its threshold, ratio, knee and makeup within 0.1 dB") {
  const double threshold = -20.0, ratio = 4.0, knee = 10.0, makeup = 6.0;
  for (double in = -60.0; in <= 0.0; in += 2.5) {
    CAPTURE(in);
    const double over = in - threshold;
    const double above = over <= -knee / 2  ? 0.0
                         : over >= knee / 2 ? over
                                            : (over + knee / 2) * (over + knee / 2) / (2 * knee);
    const double expected = in - (1.0 - 1.0 / ratio) * above + makeup;
    CHECK(std::abs(settled("compressor", {threshold, ratio, 0.005, 0.05, knee, makeup}, in) - expected) <=
          0.1);
    CHECK(std::abs(settled("limiter", {threshold, 0.005, 0.05, 0.0, 0.0}, in) - std::min(in, threshold)) <=
          0.1);
  }
}

TEST_CASE("after its attack a compressor's reduction is 63.2 % of what it will be, in dB") {
  const Samples y = played(rack_of("compressor", {}, {-20.0, 4.0, 0.01, 0.1, 0.0, 0.0}, 1.0, false));
  const auto attack = static_cast<std::size_t>(0.01 * rate);
  CHECK(std::abs(decibels_of(y[attack - 1]) / decibels_of(y.back()) - (1.0 - std::exp(-1.0))) <= 1e-3);
  CHECK(std::abs(decibels_of(y.back()) + 15.0) <= 0.01);
}

TEST_CASE("a limiter without attack lets no sample through that is louder than its threshold") {
  for (const double knee : {0.0, 6.0})
    for (const double sample :
         played(rack_of("limiter", {}, {-6.0, 0.0, 0.05, knee, 0.0}, 3.0, true), ElementType::f32))
      REQUIRE(std::abs(sample) <= std::pow(10.0, -6.0 / 20.0) * (1.0 + 1e-5));
}

TEST_CASE("a sidechain's level counts in place of what comes in") {
  Rack rack = rack_of("compressor", {}, {-20.0, 4.0, 0.001, 0.1, 0.0, 0.0}, 0.01, false);
  CHECK(std::abs(decibels_of(played(rack).back()) + 40.0) <= 0.01);
  rack.cables.push_back({"source.out", "it.sidechain"});
  CHECK(std::abs(decibels_of(played(rack).back()) + 55.0) <= 0.01);
}

TEST_CASE("a noise gate lets through what is louder than its threshold, and closes by its range") {
  const std::vector<double> values{-40.0, 10.0, 50.0, 0.001, 0.02};
  CHECK(std::abs(settled("noise_gate", values, -20.0) + 20.0) <= 0.1);
  CHECK(std::abs(settled("noise_gate", values, -42.0) + 60.0) <= 0.1);  // 2 dB below: 18 dB more
  CHECK(std::abs(settled("noise_gate", values, -80.0) + 130.0) <= 0.1);
  // Closed at first.
  CHECK(decibels_of(played(rack_of("noise_gate", {}, {-40.0, 10.0, 50.0, 0.05, 0.02}, 1.0, false))[0]) <=
        -49.0);
}

TEST_CASE("a follower measures a sine's amplitude and its root mean square") {
  CHECK(std::abs(played(rack_of("follower", {0}, {0.0, 1.0}, 0.5, true)).back() - 0.5) <= 0.01);
  CHECK(std::abs(played(rack_of("follower", {1}, {0.1, 0.1}, 0.5, true)).back() - 0.5 / std::sqrt(2.0)) <=
        0.02);
}

TEST_CASE("a shaper is level times its curve, driven") {
  const double in = 0.3, driven = in * std::pow(10.0, 6.0 / 20.0);
  const double expected[] = {std::tanh(driven), (3 * driven - driven * driven * driven) / 2,
                             std::atan(driven * std::numbers::pi / 2) * 2 / std::numbers::pi,
                             std::sin(driven), driven};
  for (std::int64_t shape = 0; shape < 5; ++shape)
    CHECK(std::abs(played(rack_of("shaper", {shape}, {6.0, 0.5}, in, false)).back() -
                   0.5 * expected[shape]) <= 1e-12);
}

TEST_CASE("a crusher rounds to its bits") {
  for (const double sample : played(rack_of("crusher", {}, {4.0, 2000.0}, 0.8, true)))
    REQUIRE(sample == std::nearbyint(sample * 8.0) / 8.0);
}

TEST_CASE(
    "the power of left and right together is the same wherever a sound is placed; at the ends one is "
    "silent") {
  for (double position = -1.0; position <= 1.0; position += 0.125) {
    const Samples y = played(rack_of("pan", {}, {position}, 0.5, false, {"in"}, {"left", "right"}));
    const double left = y[0], right = y[length];
    CHECK(std::abs(left * left + right * right - 0.25) <= 1e-12);
    if (position == -1.0) CHECK(std::abs(right) <= 1e-15);
    if (position == 0.0) CHECK(std::abs(decibels_of(left / 0.5) + 3.0103) <= 1e-3);
    if (position == 1.0) CHECK(std::abs(left) <= 1e-15);
  }
}

TEST_CASE(
    "width 0 is mono, 1 is what came in, 2 has twice the difference; mid and side come back as left and "
    "right") {
  Rack rack = rack_of("width", {}, {0.0}, 0.5, false, {"in.left"}, {"left", "right"});
  rack.cables.push_back({"source.out", "it.in.right"});
  const auto both = [&](double width) {
    rack.modules[0].values = {width};
    const Samples y = played(rack);
    return std::pair(y[0], y[length]);
  };
  CHECK(both(0.0) == std::pair(0.75, 0.75));
  CHECK(both(1.0) == std::pair(0.5, 1.0));
  CHECK(both(2.0) == std::pair(0.25, 1.25));

  rack = rack_of("mid_side", {0}, {}, 0.5, false, {"in.left"}, {"left", "right"});
  rack.cables.push_back({"source.out", "it.in.right"});
  rack.modules.push_back(make_module("back", *modules.find("mid_side"), {1}));
  rack.cables.push_back({"it.mid", "back.in.mid"});
  rack.cables.push_back({"it.side", "back.in.side"});
  rack.outputs = {"back.left", "back.right"};
  const Samples y = played(rack);
  CHECK(y[0] == 0.5);
  CHECK(y[length] == 1.0);
}

TEST_CASE("the gradients of all their parameters are those of central differences") {
  check_gradients(rack_of("compressor", {}, {-20.0, 4.0, 0.005, 0.05, 6.0, 3.0}, 0.5, true));
  check_gradients(rack_of("limiter", {}, {-12.0, 0.005, 0.05, 3.0, 3.0}, 0.5, true));
  check_gradients(rack_of("noise_gate", {}, {-20.0, 3.0, 40.0, 0.005, 0.05}, 0.3, true));
  for (std::int64_t detection : {0, 1})
    check_gradients(rack_of("follower", {detection}, {0.005, 0.05}, 0.5, true));
  for (std::int64_t shape = 0; shape < 5; ++shape)
    check_gradients(rack_of("shaper", {shape}, {9.0, 0.7}, 0.5, true));
  check_gradients(rack_of("pan", {}, {0.3}, 0.5, true, {"in"}, {"left", "right"}));
  check_gradients(rack_of("width", {}, {0.6}, 0.5, true, {"in.left", "in.right"}, {"left", "right"}));
}

TEST_CASE("settings that jump at every sample leave a compressor, a gate and a shaper finite") {
  for (const std::string type : {"compressor", "limiter", "noise_gate", "shaper", "crusher", "follower"}) {
    CAPTURE(type);
    Rack rack = rack_of(type, {}, {}, 1.0, true);
    const Description d = describe(*modules.find(type), rack.modules[0].structure);
    for (const ParameterSpec& spec : d.parameters) rack.modules[0].values.push_back(spec.usual);
    // A sine far above half the sample rate: another value at each sample.
    rack.modules.push_back(make_module("wild", *modules.find("oscillator"), {0, 1}));
    rack.modules.back().values = {31337.0};
    for (const ParameterSpec& spec : d.parameters)
      rack.cables.push_back(
          {"wild.out", "it." + spec.name, spec.modulation == Modulation::octaves ? 6.0 : 30.0});
    for (const double sample : played(rack, ElementType::f32)) REQUIRE(std::isfinite(sample));
  }
}
