// A rack with filters in it, whose cutoff an envelope opens by octaves: gradients, streams, and its parameters found again from what it
// sounds like.
#include <doctest/doctest.h>

#include <retrograd/fit/fit.hpp>
#include <retrograd/gradcheck/parameter_check.hpp>
#include <retrograd/nodes/arithmetic.hpp>
#include <retrograd/nodes/square.hpp>
#include <retrograd/nodes/sum_over_rows.hpp>
#include <retrograd/racks/rack_file.hpp>
#include <retrograd/racks/rack_stream.hpp>
#include <retrograd/racks/record.hpp>

#include <algorithm>
#include <cmath>
#include <vector>

using namespace retrograd;

namespace {

constexpr double rate = 8000.0;
constexpr int length = 3000, held = 2000;

Rack filtered() {
  Rack rack = load_rack(RETROGRAD_SOURCE_ROOT "/tests/racks/filtered.toml");
  rack.sample_rate = rate;
  rack.duration = length / rate;
  rack.note.gate = {{0.0, held / rate}};
  return rack;
}

std::vector<float> render(const Rack& rack) {
  Tape tape(tape_options(rack));
  const RecordedRack recorded = record(tape, rack);
  tape.play({recorded.audio});
  const auto samples = tape.value(recorded.audio).as<float>();
  return {samples.begin(), samples.end()};
}

}  // namespace

TEST_CASE(
    "a rack with filters has right gradients, those of cutoffs and of the amounts that move them included") {
  Tape tape({.type = ElementType::f64, .sample_rate = rate, .length = length});
  const RecordedRack recorded = record(tape, filtered());
  for (const ParameterReport& report : check_parameters(tape, mean_over_time(square(recorded.audio - 0.1)))) {
    CAPTURE(report.name);
    CAPTURE(report.analytic);
    CAPTURE(report.numeric);
    CHECK(report.agreement == Agreement::agrees);
  }
}

TEST_CASE(
    "a rack with filters has the bits of its render in a stream, in blocks of any size and several rows") {
  const Rack rack = filtered();
  const std::vector<float> expected = render(rack);
  CHECK(*std::ranges::max_element(expected) > 0.01f);
  for (const std::int64_t rows : {1, 2})
    for (const std::size_t block : {std::size_t{1}, std::size_t{7}, std::size_t{64}, std::size_t{441}}) {
      Stream stream = stream_of(rack, rows);
      stream.prepare(rate, 1000);
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

TEST_CASE("the settings of a filter are found again from what it sounds like, within 2 %") {
  Rack rack = filtered();
  find_parameter(rack, "low.cutoff").value = 600.0;
  find_parameter(rack, "open.out>low.cutoff").value = 1.0;
  const std::vector<float> sound = render(rack);
  const FitTarget target{.samples = {sound.begin(), sound.end()},
                         .sample_rate = rate,
                         .frequency = rack.note.frequency,
                         .gate = {0.0, held / rate}};
  Rack wrong = rack;
  find_parameter(wrong, "low.cutoff").value = 900.0;
  find_parameter(wrong, "low.resonance").value = 0.4;
  FitOptions options;
  options.steps = 300;
  options.restarts = 1;
  options.loss.windows = {512, 128};
  options.frozen = {"grit.*", "buzz.*", "open.*", "vowel.*", "loudness.*", "amp.*"};
  const FitResult result = fit(target, wrong, options);
  for (const std::string name : {"low.cutoff", "low.resonance"}) {
    CAPTURE(name);
    Rack found = result.rack, right = rack;
    CHECK(find_parameter(found, name).value ==
          doctest::Approx(find_parameter(right, name).value).epsilon(0.02));
  }
}
