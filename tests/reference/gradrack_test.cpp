// The reference data of reference/gradrack/: samples, losses and gradients that another implementation
// computed.
#include <doctest/doctest.h>

#include "../racks/fm_fixture.hpp"

#include <retrograd/nodes/adsr.hpp>
#include <retrograd/nodes/oscillator.hpp>
#include <retrograd/nodes/square.hpp>
#include <retrograd/nodes/sum_over_rows.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <numbers>
#include <string>
#include <vector>

using namespace retrograd;
using nlohmann::json;

namespace {

json read(const std::string& name) {
  const std::string path = std::string(RETROGRAD_SOURCE_ROOT) + "/tests/reference/gradrack/" + name + ".json";
  std::ifstream file(path);
  REQUIRE_MESSAGE(file.good(), path);
  return json::parse(file);
}

TapeOptions options(const json& data, ElementType type, std::int64_t length) {
  TapeOptions options{.type = type, .length = length};
  if (!data.at("sample_rate").is_null()) options.sample_rate = data.at("sample_rate").get<double>();
  return options;
}

Tensor gate_of(const json& data, const Tape& tape) {
  std::vector<GatePair> pairs;
  for (const json& pair : data.at("gate")) pairs.push_back({pair[0].get<double>(), pair[1].get<double>()});
  return gate(pairs, tape);
}

// The largest distance between every `step`-th sample of a row and the reference.
double worst_error(const TensorView& y, std::int64_t row, const json& samples, std::int64_t step) {
  REQUIRE(static_cast<std::int64_t>(samples.size()) == (y.shape.length() + step - 1) / step);
  double worst = 0.0;
  for (std::size_t i = 0; i < samples.size(); ++i)
    worst = std::max(worst, std::abs(y.at(row * y.shape.length() + static_cast<std::int64_t>(i) * step) -
                                     samples[i].get<double>()));
  return worst;
}

double sample_tolerance(ElementType type) { return type == ElementType::f64 ? 1e-8 : 2e-5; }

void check_relative(double value, const json& reference, const std::string& what) {
  const double expected = reference.get<double>();
  INFO(what << ": " << value << ", reference " << expected);
  CHECK(std::abs(value - expected) <= 1e-8 * std::abs(expected));
}

void check_fm(const std::string& name, ElementType type) {
  INFO(name);
  const json data = read(name);
  const double rate = data.at("sample_rate").get<double>();
  const auto length = static_cast<std::int64_t>(std::lround(rate * data.at("duration").get<double>()));
  Tape tape(options(data, type, length));

  FmNumbers fm;
  fm.frequency = data.at("frequency").get<double>();
  for (const json& route : data.at("routing"))
    fm.routing.push_back({route[0].get<int>(), route[1].get<int>()});
  for (const json& op : data.at("operators"))
    fm.operators.push_back(
        {op.at("ratio"), op.at("gain"), op.at("attack"), op.at("decay"), op.at("sustain"), op.at("release")});
  const Var gate_signal = tape.input("gate", gate_of(data, tape));
  const Var pitch = tape.parameter("note.frequency", fm.frequency, positive);
  const Var audio = record_fm(tape, fm, gate_signal, pitch).audio;

  Tensor target(Shape{length});
  for (std::int64_t n = 0; n < length; ++n)
    target.as<double>()[static_cast<std::size_t>(n)] =
        0.5 *
        std::sin(2 * std::numbers::pi * std::fmod(1.01 * fm.frequency * static_cast<double>(n) / rate, 1.0));
  const Var loss = mean(square(audio - tape.input("target", target)));

  tape.play({audio, loss});
  CHECK(worst_error(tape.value(audio), 0, data.at("samples"), data.at("sample_step").get<int>()) <=
        sample_tolerance(type));
  if (type != ElementType::f64) return;
  check_relative(tape.value(loss).item(), data.at("loss_value"), "loss");
  tape.rewind(loss);
  CHECK(data.at("gradients").size() == tape.parameters().size());
  for (const auto& [parameter, gradient] : data.at("gradients").items())
    check_relative(tape.gradient(tape.find(parameter)).item(), gradient, parameter);
}

void check_adsr(const std::string& name, ElementType type) {
  INFO(name);
  const json data = read(name);
  Tape tape(options(data, type, data.at("length").get<std::int64_t>()));
  EnvelopeParameters parameters;
  parameters.attack = tape.parameter("attack", data.at("attack").get<double>());
  parameters.decay = tape.parameter("decay", data.at("decay").get<double>());
  parameters.sustain = tape.parameter("sustain", data.at("sustain").get<double>());
  parameters.release = tape.parameter("release", data.at("release").get<double>());
  const Var envelope = adsr(tape.input("gate", gate_of(data, tape)), parameters);
  const Var loss = mean(square(envelope));
  tape.play({envelope, loss});
  CHECK(worst_error(tape.value(envelope), 0, data.at("samples"), 1) <= sample_tolerance(type));
  if (type != ElementType::f64) return;
  check_relative(tape.value(loss).item(), data.at("loss_value"), "loss");
  tape.rewind(loss);
  for (const auto& [parameter, gradient] : data.at("gradients").items())
    check_relative(tape.gradient(tape.find(parameter)).item(), gradient, parameter);
}

// `count` values in equal steps, both ends included.
Tensor in_equal_steps(double from, double to, std::int64_t count, const Shape& shape) {
  Tensor values(shape);
  for (std::int64_t i = 0; i < count; ++i)
    values.as<double>()[static_cast<std::size_t>(i)] =
        from + (to - from) * static_cast<double>(i) / static_cast<double>(count - 1);
  return values;
}

}  // namespace

TEST_CASE("FM synths have the reference's samples, losses and gradients") {
  for (const char* name : {"fm_readme", "fm_four_operators"}) {
    check_fm(name, ElementType::f64);
    check_fm(name, ElementType::f32);
  }
}

TEST_CASE("envelopes have the reference's samples, losses and gradients") {
  for (const char* name : {"adsr_seconds", "adsr_release_in_attack", "adsr_retrigger_twice"}) {
    check_adsr(name, ElementType::f64);
    check_adsr(name, ElementType::f32);
  }
}

TEST_CASE("64 frequencies broadcast with one phase modulation as in the reference") {
  const json data = read("sinusoid_broadcast");
  for (const ElementType type : {ElementType::f64, ElementType::f32}) {
    Tape tape({.type = type, .sample_rate = data.at("sample_rate").get<double>()});
    const Var frequency = tape.input("frequency", in_equal_steps(100.0, 1000.0, 64, Shape{64, 1}));
    const Var modulation = tape.input("phase_mod", in_equal_steps(0.0, 1.0, 1000, Shape{1000}));
    const Var y = sinusoid(frequency, modulation);
    REQUIRE(y.shape() == Shape{64, 1000});
    tape.play({y});
    for (std::size_t i = 0; i < data.at("rows").size(); ++i)
      CHECK(worst_error(tape.value(y), data.at("rows")[i].get<int>(), data.at("samples")[i],
                        data.at("sample_step").get<int>()) <= sample_tolerance(type));
  }
}

TEST_CASE("a sine of varying frequency has the reference's samples, loss and gradient by frequency") {
  const json data = read("sinusoid_sweep");
  constexpr std::int64_t length = 2000;
  Tensor frequencies(Shape{length});
  for (std::int64_t n = 0; n < length; ++n)
    frequencies.as<double>()[static_cast<std::size_t>(n)] =
        440.0 * (1.0 + 0.1 * std::sin(static_cast<double>(n) / 50.0));
  for (const ElementType type : {ElementType::f64, ElementType::f32}) {
    Tape tape({.type = type, .sample_rate = data.at("sample_rate").get<double>()});
    const Var frequency = tape.parameter("frequency", frequencies);
    const Var ramp = tape.input("ramp", in_equal_steps(0.0, 1.0, length, Shape{length}));
    const Var y = sinusoid(frequency);
    const Var loss = sum(y * ramp);
    tape.play({y, loss});
    const std::int64_t step = data.at("sample_step").get<int>();
    CHECK(worst_error(tape.value(y), 0, data.at("samples"), step) <= sample_tolerance(type));
    if (type != ElementType::f64) continue;
    check_relative(tape.value(loss).item(), data.at("loss_value"), "loss");
    tape.rewind(loss);
    const TensorView gradient = tape.gradient(frequency);
    const json& expected = data.at("frequency_gradient");
    for (std::size_t i = 0; i < expected.size(); ++i)
      check_relative(
          gradient.at(static_cast<std::int64_t>(i) * step), expected[i],
          "gradient by the frequency of sample " + std::to_string(static_cast<std::int64_t>(i) * step));
  }
}
