// Parameters that a fit leaves alone.
#include <doctest/doctest.h>
#include <retrograd/fit/fit.hpp>
#include <retrograd/racks/record.hpp>
#include <retrograd/tensor/errors.hpp>

#include <string>
#include <vector>

using namespace retrograd;

namespace {

FitTarget bell() {
  Rack rack = default_rack();
  rack.sample_rate = 8000;
  rack.duration = 0.3;
  rack.note = {.frequency = 400.0, .gate = {{0.0, 0.15}}};
  rack.modules[0].values = {1.0, 1.0, 0.002, 0.1, 0.2, 0.1};
  rack.modules[1].values = {3.0, 1.5, 0.001, 0.05, 0.1, 0.05};
  Tape tape(tape_options(rack));
  const RecordedRack recorded = record(tape, rack);
  tape.play({recorded.audio});
  const auto samples = tape.value(recorded.audio).as<float>();
  return {.samples = {samples.begin(), samples.end()},
          .sample_rate = 8000,
          .frequency = 400.0,
          .gate = {0.0, 0.15}};
}

FitOptions freezing(std::vector<std::string> frozen) {
  FitOptions options;
  options.steps = 10;
  options.restarts = 3;
  options.loss.windows = {256, 64};
  options.frozen = std::move(frozen);
  return options;
}

// Of each parameter, whether any row of the fit has another value than the rack to begin with.
std::string moved(const FitResult& result, Rack initial) {
  const std::vector<RackParameter> before = parameters(initial);
  std::string text(before.size(), '0');
  for (Rack row : result.state.best) {
    const std::vector<RackParameter> after = parameters(row);
    for (std::size_t p = 0; p < after.size(); ++p)
      if (after[p].value != before[p].value) text[p] = '1';
  }
  return text;
}

}  // namespace

TEST_CASE("what a pattern names keeps the rack's value in all rows of a fit, and all else moves") {
  const FitTarget target = bell();
  const Rack initial = default_rack();
  CHECK(moved(fit(target, initial, freezing({})), initial) == "1111111111111");
  const FitResult envelopes = fit(target, initial, freezing({"*.envelope.*", "note.frequency"}));
  CHECK(moved(envelopes, initial) == "0110000110000");
  CHECK(envelopes.loss_after < envelopes.loss_before);
  // The levels, too: then nothing is scaled to the recording.
  CHECK(moved(fit(target, initial, freezing({"fm.operator.0.*"})), initial) == "1000000111111");
}

TEST_CASE("a fit with everything frozen gives the rack as it was, at the recording's gate and rate") {
  const FitTarget target = bell();
  const Rack initial = default_rack();
  const FitResult result = fit(target, initial, freezing({"*"}));
  CHECK(moved(result, initial) == "0000000000000");
  CHECK(result.rack.note.gate == std::vector<GatePair>{{0.0, 0.15}});
  CHECK(result.rack.sample_rate == 8000);
  CHECK(result.loss_after == result.loss_before);
}

TEST_CASE("amounts of cables are fitted, frozen by their names, like any parameter") {
  const FitTarget target = bell();
  Rack initial = default_rack();
  initial.modules.push_back(make_module("lfo", *ModuleList().find("oscillator"), {0, 1}));
  initial.cables.push_back({"lfo.out", "fm.operator.0.gain", 0.1});
  initial.cables.push_back({"lfo.out", "fm.operator.1.gain", 0.1, "depth"});
  const std::string all = moved(fit(target, initial, freezing({})), initial);
  CHECK(all.substr(14) == "11");
  const std::string frozen =
      moved(fit(target, initial, freezing({"depth", "lfo.*>*", "lfo.frequency"})), initial);
  CHECK(frozen.substr(13) == "000");
}

TEST_CASE("a pattern that names nothing is refused before anything is fitted") {
  CHECK_THROWS_WITH_AS(
      fit(bell(), default_rack(), freezing({"fm.operator.0.gian"})),
      doctest::Contains(
          "no parameter of the patch is named fm.operator.0.gian; did you mean fm.operator.0.gain?"),
      DomainError);
}
