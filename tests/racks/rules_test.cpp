// Patches as data: their parameters have stable names and domains, and every value out of range is found.
#include <doctest/doctest.h>

#include <retrograd/racks/rack.hpp>
#include <retrograd/tensor/errors.hpp>

#include <cmath>
#include <functional>
#include <limits>
#include <string>
#include <vector>

using namespace retrograd;

namespace {

const double infinity = std::numeric_limits<double>::infinity();
const double nan_value = std::numeric_limits<double>::quiet_NaN();

// The problems of the default patch after a change, as "key: message", separated by "|".
std::string problems_after(const std::function<void(Rack&)>& change) {
  Rack patch = default_rack();
  change(patch);
  std::string text;
  for (const RackProblem& problem : find_problems(patch)) {
    text += (text.empty() ? "" : "|") + problem.key + ": " + problem.message;
  }
  return text;
}

bool starts_with(const std::string& text, const std::string& start) { return text.rfind(start, 0) == 0; }

std::string problem_of(const std::string& name, double value) {
  return problems_after([&](Rack& patch) {
    for (RackParameter& parameter : parameters(patch)) {
      if (parameter.name == name) parameter.value = value;
    }
  });
}

}  // namespace

TEST_CASE("the default patch is valid, one second long, and its operator 0 is heard") {
  const Rack patch = default_rack();
  CHECK(find_problems(patch).empty());
  CHECK_NOTHROW(validate(patch, "default"));
  CHECK(length_in_samples(patch) == 44100);
  CHECK(audible_operators(patch) == std::vector<int>{0});
}

TEST_CASE("parameters are named by their path, in a stable order, and refer into the patch") {
  Rack patch = default_rack();
  std::vector<std::string> names;
  std::vector<double> values;
  for (const RackParameter& parameter : parameters(patch)) {
    names.push_back(parameter.name);
    values.push_back(parameter.value);
  }
  CHECK(names == std::vector<std::string>{"note.frequency", "fm.operator.0.ratio", "fm.operator.0.gain",
                                          "fm.operator.0.envelope.attack", "fm.operator.0.envelope.decay",
                                          "fm.operator.0.envelope.sustain", "fm.operator.0.envelope.release",
                                          "fm.operator.1.ratio", "fm.operator.1.gain",
                                          "fm.operator.1.envelope.attack", "fm.operator.1.envelope.decay",
                                          "fm.operator.1.envelope.sustain",
                                          "fm.operator.1.envelope.release"});
  CHECK(values == std::vector<double>{300.0, 1.0, 1.0, 0.2, 0.4, 0.1, 0.4, 2.0, 0.7, 0.1, 0.5, 0.3, 0.7});

  parameters(patch)[9].value = 0.25;
  CHECK(patch.fm.operators[1].envelope.attack == 0.25);
}

TEST_CASE("a parameter's domain is exactly what validation accepts") {
  Rack patch = default_rack();
  const double smallest = std::numeric_limits<double>::denorm_min();
  for (const RackParameter& parameter : parameters(patch)) {
    CAPTURE(parameter.name);
    const Domain domain = parameter.domain();
    for (const double value : {-infinity, -1.0, -smallest, 0.0, smallest, 0.5, 1.0, std::nextafter(1.0, 2.0),
                               1e300, infinity, nan_value}) {
      CAPTURE(value);
      CHECK(problem_of(parameter.name, value).empty() == domain.contains(value));
    }
  }
  CHECK_FALSE(domain_of(ParameterKind::frequency).contains(0.0));
  CHECK_FALSE(domain_of(ParameterKind::ratio).contains(0.0));
  CHECK(domain_of(ParameterKind::gain).contains(0.0));
  CHECK(domain_of(ParameterKind::time).contains(0.0));
  CHECK(domain_of(ParameterKind::level).contains(1.0));
  CHECK_FALSE(domain_of(ParameterKind::level).contains(std::nextafter(1.0, 2.0)));
  CHECK_FALSE(domain_of(ParameterKind::gain).contains(infinity));
}

TEST_CASE("a value out of range is named with what it is and what would be right") {
  CHECK(problem_of("note.frequency", 0.0) ==
        "note.frequency: is 0; a frequency is a finite number of Hz above 0");
  CHECK(problem_of("fm.operator.1.ratio", -2.0) ==
        "fm.operator.1.ratio: is -2; a ratio is a finite number above 0");
  CHECK(problem_of("fm.operator.0.gain", nan_value) ==
        "fm.operator.0.gain: is nan; a gain is a finite number, 0 or more");
  CHECK(problem_of("fm.operator.0.envelope.decay", -0.5) ==
        "fm.operator.0.envelope.decay: is -0.5; a time is a finite number of seconds, 0 or more");
  CHECK(problem_of("fm.operator.0.envelope.sustain", 1.5) ==
        "fm.operator.0.envelope.sustain: is 1.5; a level is a number from 0 to 1");
}

TEST_CASE("a sample rate is a whole number from 1 to 768000 Hz") {
  const auto problem = [](double rate) {
    return problems_after([&](Rack& patch) { patch.sample_rate = rate; });
  };
  for (const double rate : {1.0, 44100.0, 768000.0}) CHECK(problem(rate) == "");
  for (const double rate : {0.0, -44100.0, 44100.5, 768001.0, infinity, nan_value}) {
    CAPTURE(rate);
    CHECK(starts_with(problem(rate), "sample_rate: is "));
  }
}

TEST_CASE("a duration holds from one to 2^31 samples") {
  const auto problem = [](double duration) {
    return problems_after([&](Rack& patch) {
      patch.sample_rate = 65536.0;
      patch.duration = duration;
    });
  };
  CHECK(problem(0.5 / 65536.0) == "");
  CHECK(problem(32768.0) == "");
  CHECK(starts_with(problem(0.4 / 65536.0), "duration: of "));
  CHECK(starts_with(problem(32768.0 + 1.0 / 65536.0), "duration: of "));
  CHECK(starts_with(problem(1e300),
                    "duration: of 1e+300 s is more than 2^31 samples; at 65536 Hz it is 32768 s or less"));
  for (const double duration : {0.0, -1.0, infinity, nan_value}) {
    CAPTURE(duration);
    CHECK(starts_with(problem(duration), "duration: is "));
  }
}

TEST_CASE("gate pairs run forwards and one after the other") {
  const auto problem = [](const std::vector<GatePair>& gate) {
    return problems_after([&](Rack& patch) { patch.note.gate = gate; });
  };
  CHECK(problem({{0.0, 0.1}, {0.1, 0.2}, {0.5, 9.0}}) == "");
  CHECK(starts_with(problem({}), "note.gate: is empty;"));
  CHECK(starts_with(problem({{0.2, 0.1}}), "note.gate.0: [0.2, 0.1] does not end after it begins;"));
  CHECK(starts_with(problem({{0.0, 0.1}, {0.2, 0.2}}),
                    "note.gate.1: [0.2, 0.2] does not end after it begins;"));
  CHECK(starts_with(problem({{0.0, 0.5}, {0.4, 0.6}}),
                    "note.gate.1: [0.4, 0.6] begins before the pairs above it have ended, at 0.5 s;"));
  CHECK(starts_with(problem({{0.5, 0.6}, {0.0, 0.1}}), "note.gate.1: [0, 0.1] begins before"));
  CHECK(starts_with(problem({{0.0, 0.9}, {0.1, 0.05}, {0.2, 0.3}}), "note.gate.1: [0.1, 0.05] does not end"));
  CHECK(starts_with(problem({{-0.1, 0.5}}), "note.gate.0: [-0.1, 0.5] is not a pair of times;"));
  CHECK(starts_with(problem({{0.0, infinity}}), "note.gate.0: [0, inf] is not a pair of times;"));
  CHECK(starts_with(problem({{nan_value, 0.5}}), "note.gate.0: [nan, 0.5] is not a pair of times;"));
}

TEST_CASE("routing and audible operators are checked against the operators there are") {
  const auto problem = [](const std::vector<Route>& routing, const std::vector<int>& audible) {
    return problems_after([&](Rack& patch) {
      patch.fm.routing = routing;
      patch.fm.audible = audible;
    });
  };
  CHECK(problem({}, {1, 0}) == "");
  CHECK(
      starts_with(problem({{1, 0}, {0, 1}}, {}), "fm.routing.1: route [0, 1] closes the cycle 0 -> 1 -> 0;"));
  CHECK(starts_with(problem({{2, 0}}, {}), "fm.routing.0: route [2, 0] names operator 2;"));
  CHECK(starts_with(problem({}, {0, 2}), "fm.audible.1: names operator 2; there are 2,"));
  CHECK(starts_with(problem({}, {-1}), "fm.audible.0: names operator -1;"));
  CHECK(starts_with(problem({}, {1, 1}), "fm.audible.1: names operator 1 a second time;"));
  CHECK(problems_after([](Rack& patch) { patch.fm.operators.clear(); }) ==
        "fm.operator: is empty; an FM synth has at least one operator");
}

TEST_CASE("the operators named audible are heard, in ascending order") {
  Rack patch = default_rack();
  patch.fm.audible = {1, 0};
  CHECK(audible_operators(patch) == std::vector<int>{0, 1});
}

TEST_CASE("validate names the place, and every problem on a line of its own") {
  Rack patch = default_rack();
  patch.note.frequency = -1.0;
  patch.fm.operators[1].gain = -1.0;
  try {
    validate(patch, "restart 3");
    FAIL("accepted");
  } catch (const DomainError& error) {
    CHECK(std::string(error.what()) ==
          "restart 3: note.frequency: is -1; a frequency is a finite number of Hz above 0\n"
          "restart 3: fm.operator.1.gain: is -1; a gain is a finite number, 0 or more");
  }
}

TEST_CASE("gate pairs after the end are doubts, and operators from half the sample rate on are aliases") {
  Rack patch = default_rack();
  CHECK(find_doubts(patch).empty());
  CHECK(find_aliases(patch).empty());
  patch.note.gate = {{0.0, 0.5}, {0.9, 3.0}, {3.0, 4.0}};
  REQUIRE(find_doubts(patch).size() == 1);
  CHECK(find_doubts(patch)[0].key == "note.gate.2");
  CHECK(find_doubts(patch)[0].message == "[3, 4] lies after the end, at 1 s: it is not played");
  patch.note.gate = {{2.0, 2.5}};
  REQUIRE(find_doubts(patch).size() == 1);
  CHECK(find_doubts(patch)[0].message ==
        "[2, 2.5] lies after the end, at 1 s: it is not played, and the patch is silent");
  patch.note.frequency = 11025.0;  // times 2 is half of 44100
  REQUIRE(find_aliases(patch).size() == 1);
  CHECK(find_aliases(patch)[0].key == "fm.operator.1.ratio");
  patch.note.frequency = 15000.0;
  CHECK(find_aliases(patch)[0].message ==
        "makes 30000 Hz, half the sample rate (22050 Hz) or more: it aliases to 14100 Hz");
  patch.fm.operators[0].gain = -1.0;  // what is not valid has problems, and those are said
  CHECK(find_doubts(patch).empty());
  CHECK(find_aliases(patch).empty());
}
