// Where fits begin: racks drawn as the specifications of their parameters say.
#include <doctest/doctest.h>

#include <retrograd/fit/random_rack.hpp>
#include <retrograd/racks/record.hpp>
#include <retrograd/racks/rules.hpp>
#include "../racks/rack_fixture.hpp"

#include <algorithm>
#include <cmath>
#include <set>
#include <string>
#include <vector>

using namespace retrograd;

namespace {

FitTarget tone() {
  FitTarget target{.samples = {}, .sample_rate = 8000, .frequency = 400.0, .gate = {0.0, 0.2}};
  for (int n = 0; n < 2400; ++n)
    target.samples.push_back(0.5 * std::sin(2.0 * 3.141592653589793 * 400.0 * n / 8000.0));
  return target;
}

}  // namespace

TEST_CASE(
    "a rack that is tuned has the recording's pitch, gate, length, rate and loudness, and all else of its "
    "own") {
  const FitTarget target = tone();
  for (const Rack& initial : {default_rack(), default_rack_to_fit(), subtractive_rack(0.01)}) {
    const Rack tuned = RackDraws(target, initial).tuned();
    CHECK(tuned.note.frequency == 400.0);
    CHECK(tuned.note.gate == std::vector<GatePair>{target.gate});
    CHECK(tuned.sample_rate == 8000);
    CHECK(length_in_samples(tuned) == 2400);
    CHECK(loudness_of(tuned) == doctest::Approx(0.5 / std::sqrt(2.0)).epsilon(1e-4));
    CHECK(tuned.modules[1].values[0] == initial.modules[1].values[0]);
    CHECK(tuned.cables == initial.cables);
  }
}

TEST_CASE(
    "draws are valid, differ by seed and number, are the same for the same, and are at most as loud as the "
    "recording") {
  const FitTarget target = tone();
  for (const Rack& initial : {default_rack_to_fit(), subtractive_rack(0.01)}) {
    const RackDraws draws(target, initial);
    std::set<double> ratios;
    for (int i = 0; i < 60; ++i) {
      Rack drawn = draws.draw(7, i);
      CHECK(find_problems(drawn).empty());
      CHECK(drawn.note.frequency == 400.0);
      CHECK(drawn == draws.draw(7, i));
      CHECK_FALSE(drawn == draws.draw(8, i));
      const double loudness = loudness_of(drawn) / (0.5 / std::sqrt(2.0));
      CHECK(loudness > 0.49);
      CHECK(loudness < 1.01);
      CHECK(parameters(drawn)[1].value == 1.0);  // one of what is heard has the pitch itself
      for (const RackParameter& parameter : parameters(drawn))
        if (parameter.spec.role == Role::pitch_ratio) ratios.insert(parameter.value);
    }
    CHECK(ratios.size() >= 4);
  }
}

TEST_CASE("every parameter of a draw lies where its specification draws it") {
  const RackDraws draws(tone(), subtractive_rack(0.01));
  for (int i = 0; i < 100; ++i) {
    Rack drawn = draws.draw(3, i);
    const auto value = [&](const char* name) { return find_parameter(drawn, name).value; };
    CHECK(value("lfo.frequency") >= 0.1);  // it moves something else
    CHECK(value("lfo.frequency") <= 20.0);
    CHECK(value("env.sustain") <= 0.7);
    CHECK(value("env.attack") >= 0.0005);
    CHECK(value("env.attack") <= 0.0301);
    CHECK(value("env.decay") <= 0.3);  // as long as the recording
    CHECK(value("lfo.out>high.ratio") == 0.01);
    CHECK(value("mix.level.0") >= 0.1);
    CHECK(value("mix.level.0") <= 1.0);
  }
}

TEST_CASE("what is frozen is not drawn") {
  const std::vector<std::string> frozen{"env.*", "amp.level", "high.ratio"};
  const Rack initial = subtractive_rack(0.01);
  const RackDraws draws(tone(), initial, frozen);
  for (int i = 0; i < 20; ++i) {
    Rack drawn = draws.draw(3, i);
    CHECK(drawn.modules[1] == initial.modules[1]);
    CHECK(drawn.modules[3] == initial.modules[3]);
    CHECK(drawn.modules[4] == initial.modules[4]);
  }
  CHECK(std::ranges::count(draws.frozen(), 1) == 6);
}
