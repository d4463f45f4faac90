// A rack that is no FM synth, of modules and cables alone: two oscillators, a mixer, two envelopes, an amplifier and a
// modulated pitch. It renders as its formula says, has gradients, is fitted, streams and is played.
#include <doctest/doctest.h>

#include "../nodes/adsr_reference.hpp"

#include <retrograd/fit/fit.hpp>
#include <retrograd/gradcheck/parameter_check.hpp>
#include <retrograd/instrument/instrument.hpp>
#include <retrograd/nodes/arithmetic.hpp>
#include <retrograd/nodes/square.hpp>
#include <retrograd/nodes/sum_over_rows.hpp>
#include <retrograd/racks/rack_file.hpp>
#include <retrograd/racks/rack_stream.hpp>
#include <retrograd/racks/record.hpp>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <string>
#include <vector>

using namespace retrograd;

namespace {

constexpr double rate = 8000.0;
constexpr int length = 3000, held = 2000;

Rack bass() {
  return parse_rack(R"(format = 2
sample_rate = 8000
duration = 0.375
outputs = ["amp.out"]
cables = [
    ["low.out", "mix.in.0"],
    ["high.out", "mix.in.1"],
    ["mix.out", "amp.in"],
    ["loudness.out", "amp.cv"],
    ["drop.out", "low.ratio", 1.0],
    ["vibrato.out", "high.ratio", 0.02],
]
[note]
frequency = 110.0
gate = [[0.0, 0.25]]
[[module]]
name = "low"
type = "oscillator"
[[module]]
name = "high"
type = "oscillator"
ratio = 2.01
[[module]]
name = "mix"
type = "mixer"
level = { 0 = 0.7, 1 = 0.3 }
[[module]]
name = "loudness"
type = "adsr"
attack = 0.00513
decay = 0.05
sustain = 0.6
release = 0.02
[[module]]
name = "drop"
type = "adsr"
attack = 0.0
decay = 0.03
sustain = 0.0
release = 0.01
[[module]]
name = "amp"
type = "vca"
level = 0.8
[[module]]
name = "vibrato"
type = "oscillator"
pitch = "free"
frequency = 5.5
)",
                    "bass.toml");
}

std::vector<double> naive() {
  constexpr double two_pi = 2.0 * std::numbers::pi;
  std::vector<double> gate(length, 0.0), samples;
  std::fill(gate.begin(), gate.begin() + held, 1.0);
  const std::vector<double> loudness = adsr_reference(gate, 0.00513 * rate, 0.05 * rate, 0.6, 0.02 * rate),
                            drop = adsr_reference(gate, 0.0, 0.03 * rate, 0.0, 0.01 * rate);
  double low = 0.0, high = 0.0;
  for (int n = 0; n < length; ++n) {
    const auto i = static_cast<std::size_t>(n);
    const auto sine = [&](double turns) { return std::sin(two_pi * (turns - std::floor(turns))); };
    samples.push_back((0.7 * sine(low) + 0.3 * sine(high)) * loudness[i] * 0.8);
    low += 110.0 * std::exp2(drop[i]) / rate;
    high += 110.0 * 2.01 * std::exp2(0.02 * sine(5.5 * n / rate)) / rate;
  }
  return samples;
}

std::vector<float> render(const Rack& rack) {
  Tape tape(tape_options(rack));
  const RecordedRack recorded = record(tape, rack);
  tape.play({recorded.audio});
  const auto samples = tape.value(recorded.audio).as<float>();
  return {samples.begin(), samples.end()};
}

double worst(const std::vector<float>& a, const std::vector<double>& b) {
  double largest = 0.0;
  for (std::size_t i = 0; i < b.size(); ++i)
    largest = std::max(largest, std::abs(static_cast<double>(a[i]) - b[i]));
  return largest;
}

}  // namespace

TEST_CASE("a subtractive rack renders as its formula says, in both precisions") {
  const Rack rack = bass();
  const std::vector<double> expected = naive();
  CHECK(worst(render(rack), expected) < 2e-5);
  Tape tape({.type = ElementType::f64, .sample_rate = rate, .length = length});
  const RecordedRack recorded = record(tape, rack);
  tape.play({recorded.audio});
  double largest = 0.0;
  for (int n = 0; n < length; ++n)
    largest =
        std::max(largest, std::abs(tape.value(recorded.audio).at(n) - expected[static_cast<std::size_t>(n)]));
  CHECK(largest < 1e-9);
}

TEST_CASE("a subtractive rack has right gradients, those of its amounts included") {
  const Rack rack = bass();
  Tape tape({.type = ElementType::f64, .sample_rate = rate, .length = length});
  const RecordedRack recorded = record(tape, rack);
  int count = 0;
  for (const ParameterReport& report : check_parameters(tape, mean_over_time(square(recorded.audio - 0.1)))) {
    CAPTURE(report.name);
    CAPTURE(report.analytic);
    CAPTURE(report.numeric);
    CHECK(report.agreement == Agreement::agrees);
    ++count;
  }
  CHECK(count == 17);
}

TEST_CASE("a subtractive rack is fitted to a sound that it made") {
  const std::vector<float> sound = render(bass());
  const FitTarget target{
      .samples = {sound.begin(), sound.end()}, .sample_rate = rate, .frequency = 110.0, .gate = {0.0, 0.25}};
  Rack wrong = bass();
  find_parameter(wrong, "mix.level.0").value = 0.2;
  find_parameter(wrong, "mix.level.1").value = 0.6;
  find_parameter(wrong, "loudness.decay").value = 0.3;
  find_parameter(wrong, "drop.out>low.ratio").value = 0.6;
  FitOptions options;
  options.steps = 100;
  options.restarts = 2;
  options.loss.windows = {512, 128};
  FitResult result = fit(target, wrong, options);
  CHECK(result.loss_after < 0.5 * result.loss_before);
  CHECK(find_parameter(result.rack, "mix.level.0").value > find_parameter(result.rack, "mix.level.1").value);
  CHECK(parse_rack(format_rack(result.rack), "fitted.toml") == result.rack);
}

TEST_CASE(
    "a subtractive rack has the bits of its render in a stream, in blocks of any size and several rows") {
  const Rack rack = bass();
  const std::vector<float> expected = render(rack);
  for (const std::int64_t rows : {1, 3})
    for (const std::size_t block : {std::size_t{1}, std::size_t{7}, std::size_t{64}, std::size_t{1000}}) {
      Stream stream = stream_of(rack, rows);
      stream.prepare(rate, 1000);
      REQUIRE(stream.output_channels() == rows);
      std::vector<float> gate(length, 0.0f);
      std::fill(gate.begin(), gate.begin() + held, 1.0f);
      std::vector<std::vector<float>> out(static_cast<std::size_t>(rows), std::vector<float>(length));
      for (std::size_t at = 0; at < length; at += block) {
        const std::vector<const float*> in(static_cast<std::size_t>(rows), gate.data() + at);
        std::vector<float*> outs;
        for (std::vector<float>& row : out) outs.push_back(row.data() + at);
        REQUIRE(stream.process(in.data(), outs.data(), static_cast<int>(std::min(block, length - at))) ==
                StreamStatus::ok);
      }
      for (const std::vector<float>& row : out) CHECK(row == expected);
    }
}

TEST_CASE(
    "a subtractive rack is an instrument: a note has the samples of its render, two notes are their sum") {
  Rack rack = bass();
  const auto note_of = [&](double key) {
    rack.note.frequency = 440.0 * std::exp2((key - 69.0) / 12.0);
    return render(rack);
  };
  const std::vector<float> low = note_of(45.0), high = note_of(57.0);
  Instrument instrument(bass(), {.voices = 4});
  instrument.prepare(rate, length);
  std::vector<float> one(length), two(length);
  instrument.note_on(45.0, 1.0);
  instrument.process(one.data(), held);
  CHECK(worst(one, std::vector<double>(low.begin(), low.begin() + held)) == 0.0);
  instrument.reset();
  instrument.note_on(45.0, 1.0);
  instrument.note_on(57.0, 0.5);
  instrument.process(two.data(), held);
  std::vector<double> sum;
  for (std::size_t n = 0; n < held; ++n)
    sum.push_back(static_cast<double>(low[n]) + 0.5 * static_cast<double>(high[n]));
  CHECK(worst(two, sum) < 1e-6);
}
