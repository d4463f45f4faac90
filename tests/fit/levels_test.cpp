// Which parameters say how loud a rack is, and scaling them.
#include <doctest/doctest.h>

#include <retrograd/fit/levels.hpp>
#include <retrograd/racks/fm.hpp>
#include <retrograd/racks/record.hpp>
#include <retrograd/racks/rules.hpp>
#include "../racks/rack_fixture.hpp"

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

using namespace retrograd;

namespace {

const ModuleList modules;

Module module(const std::string& name, const std::string& type, StructureValues structure = {}) {
  return make_module(name, *modules.find(type), std::move(structure));
}

Rack rack_of(std::vector<Module> all, std::vector<Cable> cables, std::vector<std::string> outputs) {
  Rack rack;
  rack.sample_rate = 8000;
  rack.duration = 0.1;
  rack.note.gate = {{0.0, 0.05}};
  rack.modules = std::move(all);
  rack.cables = std::move(cables);
  rack.outputs = std::move(outputs);
  REQUIRE(find_problems(rack).empty());
  return rack;
}

// "amp.level mix.level.0"
std::string levels_of(Rack rack) {
  std::string text;
  for (const std::size_t p : heard_levels(rack)) text += (text.empty() ? "" : " ") + parameters(rack)[p].name;
  return text;
}

}  // namespace

TEST_CASE("levels are those of the last modules that have any, walking back from what is heard") {
  CHECK(levels_of(default_rack()) == "fm.operator.0.gain");  // the modulator's is a depth
  CHECK(levels_of(default_rack_to_fit()) == "fm.operator.0.gain fm.operator.2.gain fm.operator.4.gain");
  const Module osc = module("osc", "oscillator"), env = module("env", "adsr"), amp = module("amp", "vca");
  CHECK(levels_of(rack_of({osc}, {}, {"osc.out"})) == "");
  CHECK(levels_of(rack_of({osc, amp, env}, {{"osc.out", "amp.in"}, {"env.out", "amp.cv"}}, {"amp.out"})) ==
        "amp.level");
  // Those before it are not: twice as much of all would be four times as loud.
  CHECK(levels_of(rack_of({osc, module("mix", "mixer", {2}), amp},
                          {{"osc.out", "mix.in.0"}, {"osc.out", "mix.in.1"}, {"mix.out", "amp.in"}},
                          {"amp.out"})) == "amp.level");
  CHECK(levels_of(rack_of({osc, module("mix", "mixer", {2}), amp},
                          {{"osc.out", "mix.in.0"}, {"osc.out", "amp.in"}, {"amp.out", "mix.in.1"}},
                          {"mix.out"})) == "mix.level.0 mix.level.1");
  // Through what has none, and of all channels.
  CHECK(levels_of(rack_of(
            {osc, amp, module("sum", "sum"), module("all", "voices"), module("other", "vca")},
            {{"osc.out", "amp.in"}, {"amp.out", "sum.in"}, {"sum.out", "all.in"}, {"all.out", "other.in"}},
            {"all.out", "other.out"})) == "amp.level other.level");
}

TEST_CASE("an amount that adds to such a level is one, too; one that is a factor of it is not") {
  const Module osc = module("osc", "oscillator"), env = module("env", "adsr"), amp = module("amp", "vca");
  CHECK(levels_of(rack_of({osc, amp, env}, {{"osc.out", "amp.in"}, {"env.out", "amp.level", 0.5}},
                          {"amp.out"})) == "amp.level env.out>amp.level");
  Rack fm = default_rack();
  fm.modules.push_back(env);
  fm.cables.push_back({"env.out", "fm.operator.0.gain", 0.5});
  fm.cables.push_back({"env.out", "fm.operator.0.ratio", 0.5});
  CHECK(levels_of(fm) == "fm.operator.0.gain");
}

TEST_CASE("a rack is scaled to a loudness by its levels") {
  for (Rack rack : {default_rack(), default_rack_to_fit(),
                    rack_of({module("osc", "oscillator"), module("amp", "vca"), module("env", "adsr")},
                            {{"osc.out", "amp.in"}, {"env.out", "amp.level", 0.5}}, {"amp.out"})}) {
    for (const double loudness : {0.001, 0.3, 20.0}) {
      scale_to_loudness(rack, heard_levels(rack), loudness);
      CHECK(loudness_of(rack) == doctest::Approx(loudness).epsilon(1e-5));
    }
  }
}

TEST_CASE("what cannot be scaled stays as it is: silence, what no level scales, what is not finite") {
  Rack silent = default_rack();
  find_parameter(silent, "fm.operator.0.gain").value = 0.0;
  const Rack before = silent;
  scale_to_loudness(silent, heard_levels(silent), 0.5);
  CHECK(silent == before);

  Rack bare = rack_of({module("osc", "oscillator")}, {}, {"osc.out"});
  const Rack bare_before = bare;
  scale_to_loudness(bare, heard_levels(bare), 0.5);
  CHECK(bare == bare_before);

  Rack loud = default_rack();
  find_parameter(loud, "fm.operator.1.gain").value = 1e300;
  const Rack loud_before = loud;
  scale_to_loudness(loud, heard_levels(loud), 0.5);
  CHECK(loud == loud_before);
}
