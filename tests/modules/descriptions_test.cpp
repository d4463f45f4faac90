// What modules say of themselves holds together: of every kind in the list, of any structure.
#include <doctest/doctest.h>

#include <retrograd/modules/module_list.hpp>
#include <retrograd/racks/record.hpp>
#include <retrograd/racks/rules.hpp>

#include <algorithm>
#include <cmath>
#include <functional>
#include <set>
#include <string>
#include <vector>

using namespace retrograd;

namespace {

const ModuleList modules;

// The usual structure, and each number of it at its ends.
std::vector<StructureValues> structures_of(const ModuleType& type) {
  std::vector<StructureValues> all{usual_structure(type)};
  for (std::size_t s = 0; s < type.structure.size(); ++s) {
    const Structure& one = type.structure[s];
    const auto last = static_cast<std::int64_t>(one.choices.size()) - 1;
    for (const std::int64_t value :
         {one.choices.empty() ? one.low : 0, one.choices.empty() ? one.high : last}) {
      all.push_back(all[0]);
      all.back()[s] = value;
    }
  }
  return all;
}

void for_each_description(const std::function<void(const ModuleType&, const Description&)>& check) {
  std::vector<const ModuleType*> types = modules.types();
  types.push_back(&note_module());
  for (const ModuleType* type : types)
    for (const StructureValues& structure : structures_of(*type)) {
      CAPTURE(type->name);
      check(*type, describe(*type, structure));
    }
}

bool is_text(const char* text) { return text != nullptr && *text != '\0'; }

// Every value that the draw may give lies in the domain.
void check_draw(const Draw& draw, const ParameterSpec& spec) {
  using Kind = Draw::Kind;
  if (draw.kind == Kind::uniform || draw.kind == Kind::logarithmic) {
    CHECK(draw.low <= draw.high);
    CHECK(spec.domain.contains(draw.low * (1.0 - draw.spread)));
    CHECK(spec.domain.contains(draw.high * (1.0 + draw.spread)));
    if (draw.kind == Kind::logarithmic) CHECK(draw.low > 0.0);
    // A recording may last long.
    if (draw.raised != Draw::Raised::never) CHECK(spec.domain.contains(1e6));
  }
  if (draw.kind == Kind::one_of) {
    CHECK_FALSE(draw.values.empty());
    for (const double value : draw.values) {
      CHECK(spec.domain.contains(value * (1.0 - draw.spread)));
      CHECK(spec.domain.contains(value * (1.0 + draw.spread)));
    }
  }
}

}  // namespace

TEST_CASE("names of kinds are those that files can hold, and there once; each says what it does") {
  std::set<std::string> names;
  for (const ModuleType* type : modules.types()) {
    CAPTURE(type->name);
    CHECK(names.insert(type->name).second);
    CHECK(is_text(type->summary));
    CHECK(std::string(type->name).find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_") ==
          std::string::npos);
    CHECK(type->data == nullptr);
    CHECK(modules.find(type->name) == type);
  }
  CHECK(names.size() == 30);
}

TEST_CASE("structure is usual within its ends, each word of a choice there once") {
  for (const ModuleType* type : modules.types())
    for (const Structure& one : type->structure) {
      CAPTURE(type->name);
      CAPTURE(one.name);
      CHECK(is_text(one.summary));
      if (one.choices.empty()) {
        CHECK(one.low <= one.usual);
        CHECK(one.usual <= one.high);
        continue;
      }
      CHECK(one.usual >= 0);
      CHECK(one.usual < static_cast<std::int64_t>(one.choices.size()));
      CHECK(std::set<std::string>(one.choices.begin(), one.choices.end()).size() == one.choices.size());
    }
}

TEST_CASE(
    "inputs, parameters, outputs and structure of a module have names of their own, and there is an output") {
  for_each_description([](const ModuleType& type, const Description& d) {
    std::set<std::string> names{"name", "type"};
    for (const Structure& one : type.structure) CHECK(names.insert(one.name).second);
    for (const ParameterSpec& spec : d.parameters) CHECK(names.insert(spec.name).second);
    for (const PortSpec& input : d.inputs) CHECK(names.insert(input.name).second);
    CHECK_FALSE(d.outputs.empty());
    // A file that says "level" for a table of levels could not say the level, too.
    for (const std::string& name : names) {
      const auto next = names.lower_bound(name + ".");
      CHECK_FALSE((next != names.end() && next->starts_with(name + ".")));
    }
    std::set<std::string> ports;
    for (const PortSpec& input : d.inputs) CHECK(ports.insert(input.name).second);
    for (const std::string& output : d.outputs) CHECK(ports.insert(output).second);
  });
}

TEST_CASE("a parameter's usual value, knob and draws lie in its domain") {
  for_each_description([](const ModuleType&, const Description& d) {
    for (const ParameterSpec& spec : d.parameters) {
      CAPTURE(spec.name);
      CHECK(spec.domain.contains(spec.usual));
      CHECK(spec.domain.contains(spec.low_shown));
      CHECK(spec.domain.contains(spec.high_shown));
      CHECK(spec.low_shown < spec.high_shown);
      if (spec.is_logarithmic) CHECK(spec.low_shown > 0.0);
      CHECK(spec.usual >= spec.low_shown);
      CHECK(spec.usual <= spec.high_shown);
      CHECK(spec.fit_rate > 0.0);
      CHECK(spec.fit_rate_heard > 0.0);
      CHECK_FALSE(spec.summary.empty());
      check_draw(spec.when_heard, spec);
      check_draw(spec.when_modulating, spec);
      // Octaves and factors keep the sign, so that a domain from 0 on is what they are for.
      if (spec.modulation == Modulation::octaves) CHECK(spec.domain.low >= 0.0);
      CHECK((spec.role == Role::level ? spec.domain.low >= 0.0 : true));
    }
  });
}

TEST_CASE("what an input is normalled to is an output of the note") {
  const std::vector<std::string> outputs = describe(note_module(), {}).outputs;
  for_each_description([&](const ModuleType&, const Description& d) {
    for (const PortSpec& input : d.inputs) {
      CAPTURE(input.name);
      const std::string normal = input.normalled;
      if (normal.empty()) continue;
      CHECK_FALSE(input.is_required);
      REQUIRE(normal.starts_with("note."));
      CHECK(std::ranges::count(outputs, normal.substr(5)) == 1);
    }
  });
}

TEST_CASE(
    "a module of any kind and structure records with usual values and nothing but what it needs, all its "
    "outputs read") {
  for (const ModuleType* type : modules.types())
    for (const StructureValues& structure : structures_of(*type)) {
      CAPTURE(type->name);
      Rack rack;
      rack.sample_rate = 8000;
      rack.duration = 0.01;
      rack.note.gate = {{0.0, 0.005}};
      rack.modules = {make_module("it", *type, structure)};
      const Description d = describe(*type, structure);
      for (const PortSpec& input : d.inputs)
        if (input.is_required) rack.cables.push_back({"note.gate", "it." + input.name});
      for (const std::string& output : d.outputs) rack.outputs.push_back("it." + output);
      REQUIRE(find_problems(rack).empty());
      for (const std::int64_t rows : {1, 3}) {
        Tape tape(tape_options(rack));
        const RecordedRack recorded = record(tape, rack, rows);
        tape.play({recorded.audio});
        const TensorView audio = tape.value(recorded.audio);
        CHECK(audio.shape == (rows == 1 ? Shape{80} : Shape{rows, 80}));
        bool are_finite = true;
        for (std::int64_t i = 0; i < audio.shape.elements(); ++i) are_finite &= std::isfinite(audio.at(i));
        CHECK(are_finite);
      }
      // And with a cable into every input and every parameter that takes one.
      rack.cables.clear();
      for (const PortSpec& input : d.inputs) rack.cables.push_back({"note.gate", "it." + input.name});
      for (const ParameterSpec& spec : d.parameters)
        if (!spec.is_latched) rack.cables.push_back({"note.gate", "it." + spec.name, 0.1});
      REQUIRE(find_problems(rack).empty());
      Tape tape(tape_options(rack));
      CHECK(record(tape, rack).audio.shape() == Shape{80});
    }
}
