// Loops of cables: through a module that delays they are computed, offline and live.
#include <doctest/doctest.h>

#include <retrograd/backends/cpu/own_node.hpp>
#include <retrograd/gradcheck/parameter_check.hpp>
#include <retrograd/nodes/arithmetic.hpp>
#include <retrograd/nodes/square.hpp>
#include <retrograd/nodes/sum_over_rows.hpp>
#include <retrograd/racks/rack_stream.hpp>
#include <retrograd/racks/record.hpp>
#include <retrograd/racks/rules.hpp>

#include <cmath>
#include <string>
#include <vector>

using namespace retrograd;

namespace {

const ModuleList modules;

// A sine into a mixer, the mixer into a delay, and the delay, through an amplifier, into the mixer again.
Rack echoing_rack() {
  Rack rack;
  rack.sample_rate = 8000.0;
  rack.duration = 0.4;
  rack.note = {.frequency = 220.0, .gate = {{0.0, 0.1}}};
  const auto add = [&](const char* name, const char* type, std::vector<double> values = {}) {
    rack.modules.push_back(make_module(name, *modules.find(type)));
    if (!values.empty()) rack.modules.back().values = std::move(values);
  };
  add("osc", "oscillator");
  add("env", "adsr", {0.005, 0.05, 0.5, 0.02});
  add("amp", "vca", {0.8});
  add("mix", "mixer", {1.0, 0.6});
  add("late", "delay", {0.05});
  add("again", "vca", {0.7});
  rack.cables = {{"osc.out", "amp.in"},  {"env.out", "amp.cv"},    {"amp.out", "mix.in.0"},
                 {"mix.out", "late.in"}, {"late.out", "again.in"}, {"again.out", "mix.in.1"}};
  rack.outputs = {"mix.out"};
  return rack;
}

std::vector<float> render(const Rack& rack, std::int64_t rows = 1) {
  Tape tape(tape_options(rack));
  RecordOptions options;
  options.rows = rows;
  const RecordedRack recorded = record(tape, rack, options);
  tape.play({recorded.audio});
  const auto samples = tape.value(recorded.audio).as<float>();
  return {samples.begin(), samples.end()};
}

}  // namespace

TEST_CASE("a loop of cables through a delay goes round") {
  const Rack rack = echoing_rack();
  CHECK(find_problems(rack).empty());
  Rack dry = rack;
  find_parameter(dry, "again.level").value = 0.0;
  const std::vector<float> source = render(dry), played = render(rack);
  std::vector<double> expected(source.begin(), source.end());
  for (std::size_t n = 400; n < expected.size(); ++n) expected[n] += 0.7 * 0.6 * expected[n - 400];
  double worst = 0.0;
  for (std::size_t n = 0; n < expected.size(); ++n)
    worst = std::max(worst, std::abs(expected[n] - static_cast<double>(played[n])));
  CHECK(worst < 1e-6);
  const std::vector<float> rows = render(rack, 2);
  CHECK(std::equal(played.begin(), played.end(), rows.begin()));
  CHECK(std::equal(played.begin(), played.end(), rows.begin() + static_cast<std::ptrdiff_t>(played.size())));
}

TEST_CASE("the gradients of a rack with a loop are its slopes") {
  const Rack rack = echoing_rack();
  TapeOptions options = tape_options(rack);
  options.type = ElementType::f64;
  Tape tape(options);
  const RecordedRack recorded = record(tape, rack);
  const Var loss = mean_over_time(square(recorded.audio - 0.1));
  tape.play({loss});
  int checked = 0;
  for (const ParameterReport& report : check_parameters(tape, loss)) {
    CAPTURE(report.name);
    CAPTURE(report.analytic);
    CAPTURE(report.numeric);
    CHECK((report.agreement == Agreement::agrees ||
           report.name == "late.time"));  // it is a whole number of samples
    ++checked;
  }
  CHECK(checked > 8);
}

TEST_CASE("a rack with a loop plays live as it is rendered") {
  const Rack rack = echoing_rack();
  const std::vector<float> expected = render(rack);
  Stream stream = stream_of(rack, 1);
  stream.prepare(rack.sample_rate, 256);
  std::vector<float> gate(expected.size(), 0.0f), played(expected.size());
  std::fill_n(gate.begin(), 800, 1.0f);
  for (std::size_t at = 0; at < expected.size();) {
    const std::size_t frames = std::min<std::size_t>(expected.size() - at, 1 + at % 251);
    const float* in[] = {gate.data() + at};
    float* out[] = {played.data() + at};
    REQUIRE(stream.process(in, out, static_cast<int>(frames)) == StreamStatus::ok);
    at += frames;
  }
  CHECK(played == expected);
}

TEST_CASE("a loop behind the voices runs once, and a loop without a delay is still refused") {
  Rack rack = echoing_rack();
  rack.modules.push_back(make_module("voices", *modules.find("voices")));
  rack.cables[2] = {"amp.out", "voices.in"};
  rack.cables.push_back({"voices.out", "mix.in.0"});
  CHECK(find_problems(rack).empty());
  const std::vector<float> expected = render(echoing_rack());
  CHECK(render(rack) == expected);
  rack = echoing_rack();
  rack.cables[3].to = "again.cv";
  rack.cables[4] = {"mix.out", "again.in"};
  bool is_named = false;
  for (const RackProblem& problem : find_problems(rack))
    is_named |= problem.message.find("closes the loop mix -> again -> mix") != std::string::npos;
  CHECK(is_named);
}
