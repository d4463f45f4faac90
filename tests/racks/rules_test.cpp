// Racks as data: their parameters have stable names and domains, and every value out of range is found.
#include <doctest/doctest.h>

#include <retrograd/racks/rack.hpp>
#include <retrograd/racks/rules.hpp>
#include <retrograd/racks/wording.hpp>
#include <retrograd/tensor/errors.hpp>

#include <cmath>
#include <functional>
#include <limits>
#include <string>
#include <vector>

using namespace retrograd;

namespace {

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
  CHECK(patch.outputs == std::vector<std::string>{"fm.operator.0.out"});
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
  CHECK(patch.modules[1].values[2] == 0.25);
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
  const auto domain_of = [&](const char* name) { return find_parameter(patch, name).domain(); };
  CHECK_FALSE(domain_of("note.frequency").contains(0.0));
  CHECK_FALSE(domain_of("fm.operator.0.ratio").contains(0.0));
  CHECK(domain_of("fm.operator.0.gain").contains(0.0));
  CHECK(domain_of("fm.operator.0.envelope.attack").contains(0.0));
  CHECK(domain_of("fm.operator.0.envelope.sustain").contains(1.0));
  CHECK_FALSE(domain_of("fm.operator.0.envelope.sustain").contains(std::nextafter(1.0, 2.0)));
  CHECK_FALSE(domain_of("fm.operator.0.gain").contains(infinity));
}

TEST_CASE("a value out of range is named with what it is and what would be right") {
  CHECK(problem_of("note.frequency", 0.0) ==
        "note.frequency: is 0; it must be a finite number above 0, in Hz");
  CHECK(problem_of("fm.operator.1.ratio", -2.0) ==
        "fm.operator.1.ratio: is -2; it must be a finite number above 0");
  CHECK(problem_of("fm.operator.0.gain", nan_value) ==
        "fm.operator.0.gain: is nan; it must be a finite number, 0 or more");
  CHECK(problem_of("fm.operator.0.envelope.decay", -0.5) ==
        "fm.operator.0.envelope.decay: is -0.5; it must be a finite number, 0 or more, in s");
  CHECK(problem_of("fm.operator.0.envelope.sustain", 1.5) ==
        "fm.operator.0.envelope.sustain: is 1.5; it must be a number from 0 to 1");
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

TEST_CASE("a velocity is a number from 0 to 1") {
  const auto problem = [](double velocity) {
    return problems_after([&](Rack& patch) { patch.note.velocity = velocity; });
  };
  CHECK(problem(0.0) == "");
  CHECK(problem(1.0) == "");
  CHECK(problem(1.5) == "note.velocity: is 1.5; it must be a number from 0 to 1");
  CHECK(problem(-0.1) == "note.velocity: is -0.1; it must be a number from 0 to 1");
  CHECK(problem(nan_value) == "note.velocity: is nan; it must be a number from 0 to 1");
}

TEST_CASE("a module that a host filled in wrongly is named, and nothing of it is looked at") {
  const ModuleList modules;
  CHECK(problems_after([](Rack& patch) { patch.modules[1].type = nullptr; }) ==
        "module.1: has no type; see ModuleList");
  CHECK(problems_after([](Rack& patch) { patch.modules[1].values.pop_back(); }) ==
        "module.1: has 5 values; a module of type fm_operator has 6 parameters");
  CHECK(problems_after([](Rack& patch) { patch.modules[1].values.push_back(0.0); }) ==
        "module.1: has 7 values; a module of type fm_operator has 6 parameters");
  CHECK(problems_after([](Rack& patch) { patch.modules[0].structure = {1}; }) ==
        "module.0: has 1 values of structure; a module of type fm_operator has 0");
  const auto of_mixer = [&](std::int64_t inputs) {
    return problems_after([&](Rack& patch) {
      patch.modules.push_back(make_module("mix", *modules.find("mixer")));
      patch.modules.back().structure = {inputs};
    });
  };
  for (const std::int64_t inputs :
       {std::int64_t{0}, std::int64_t{-1}, std::int64_t{1025}, std::int64_t{1} << 62})
    CHECK(of_mixer(inputs) ==
          "module.2.inputs: is " + std::to_string(inputs) + "; it must be a whole number from 1 to 1024");
  CHECK(of_mixer(3) == "module.2: has 2 values; a module of type mixer has 3 parameters");
  CHECK(problems_after([&](Rack& patch) {
          patch.modules.push_back(make_module("osc", *modules.find("oscillator")));
          patch.modules.back().structure = {0, 2};
        }) == "module.2.pitch: is 2; it must be a whole number from 0 to 1");
}

TEST_CASE("a cable's amount is a parameter behind those of modules, named by the cable or as the file says") {
  const ModuleList modules;
  Rack patch = default_rack();
  patch.modules.push_back(make_module("lfo", *modules.find("oscillator"), {0, 1}));
  patch.cables.push_back({"lfo.out", "fm.operator.0.gain", 0.25});
  patch.cables.push_back({"lfo.out", "fm.operator.1.gain", -0.5, "depth"});
  CHECK(find_problems(patch).empty());
  const std::vector<RackParameter> all = parameters(patch);
  REQUIRE(all.size() == 16);
  CHECK(all[13].name == "lfo.frequency");
  CHECK(all[14].name == "lfo.out>fm.operator.0.gain");
  CHECK(all[14].value == 0.25);
  CHECK(all[14].module == 0);
  CHECK(all[15].name == "depth");
  CHECK(all[15].domain().contains(-1e300));
  all[15].value = 2.0;
  CHECK(patch.cables[2].amount == 2.0);
  // A cable before it takes its place, not its name.
  patch.cables.insert(patch.cables.begin(), {"lfo.out", "note.frequency", 0.1});
  CHECK(find_parameter(patch, "lfo.out>fm.operator.0.gain").value == 0.25);
}

TEST_CASE("a parameter is found by its path, or the nearest is named") {
  Rack patch = default_rack();
  CHECK(find_parameter(patch, "fm.operator.1.gain").value == 0.7);
  CHECK_THROWS_WITH_AS(find_parameter(patch, "fm.operator.1.gian"),
                       "the patch has no parameter fm.operator.1.gian; did you mean fm.operator.1.gain?",
                       DomainError);
  CHECK_THROWS_WITH_AS(find_parameter(patch, ""),
                       doctest::Contains("the parameters are note.frequency, fm.operator.0.ratio"),
                       DomainError);
}

TEST_CASE("the nearest of long paths is named in full") {
  Rack patch = default_rack();
  std::string deep;
  while (deep.size() < 80) deep += "voice.";
  patch.modules.push_back(make_module(deep + "lfo", *ModuleList().find("oscillator"), {0, 1}));
  CHECK_THROWS_WITH_AS(find_parameter(patch, deep + "lfo.freqency"),
                       ("the patch has no parameter " + shown(deep + "lfo.freqency") + "; did you mean " +
                        deep + "lfo.frequency?")
                           .c_str(),
                       DomainError);
}

TEST_CASE("patterns name parameters, a star any letters, and one that names none is refused") {
  Rack patch = default_rack();
  const auto named = [&](const std::vector<std::string>& patterns) {
    std::string text;
    for (const char is_named : parameters_named(patch, patterns)) text += is_named != 0 ? '1' : '0';
    return text;
  };
  CHECK(named({}) == "0000000000000");
  CHECK(named({"note.frequency"}) == "1000000000000");
  CHECK(named({"*"}) == "1111111111111");
  CHECK(named({"**"}) == "1111111111111");
  CHECK(named({"*.gain"}) == "0010000010000");
  CHECK(named({"fm.operator.1.*"}) == "0000000111111");
  CHECK(named({"fm*envelope*a*"}) == "0001111001111");
  CHECK(named({"*.attack", "note.*"}) == "1001000001000");
  CHECK_THROWS_WITH_AS(named({"*.gain", "env.*"}),
                       doctest::Contains("no parameter of the patch is named env.*; "), DomainError);
  CHECK_THROWS_AS(named({""}), DomainError);
  CHECK_THROWS_AS(named({"note.frequenc"}), DomainError);
  CHECK_THROWS_AS(named({"note.frequency?"}), DomainError);
  // A long pattern of stars takes no time.
  CHECK_THROWS_AS(named({std::string(2000, '*') + "x"}), DomainError);
}

TEST_CASE("validate names the place, and every problem on a line of its own") {
  Rack patch = default_rack();
  patch.note.frequency = -1.0;
  find_parameter(patch, "fm.operator.1.gain").value = -1.0;
  try {
    validate(patch, "restart 3");
    FAIL("accepted");
  } catch (const DomainError& error) {
    CHECK(std::string(error.what()) ==
          "restart 3: note.frequency: is -1; it must be a finite number above 0, in Hz\n"
          "restart 3: fm.operator.1.gain: is -1; it must be a finite number, 0 or more");
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
  find_parameter(patch, "fm.operator.0.gain").value =
      -1.0;  // what is not valid has problems, and those are said
  CHECK(find_doubts(patch).empty());
  CHECK(find_aliases(patch).empty());
}

TEST_CASE("modules that nothing hears are doubts, and oscillators of their own frequency may alias") {
  const ModuleList modules;
  Rack patch = default_rack();
  patch.modules.push_back(make_module("lost", *modules.find("oscillator"), {0, 1}));
  REQUIRE(find_doubts(patch).size() == 1);
  CHECK(find_doubts(patch)[0].key == "module.2");
  CHECK(find_doubts(patch)[0].message == "lost is plugged into nothing and is no output: it is not heard");
  find_parameter(patch, "lost.frequency").value = 23050.0;
  REQUIRE(find_aliases(patch).size() == 1);
  CHECK(find_aliases(patch)[0].key == "lost.frequency");
  CHECK(find_aliases(patch)[0].message ==
        "makes 23050 Hz, half the sample rate (22050 Hz) or more: it aliases to 21050 Hz");
}
