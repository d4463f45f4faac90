// What a patch holds, and how it will be computed.
#include <retrograd/losses/losses.hpp>
#include <retrograd/racks/record.hpp>
#include <retrograd/tape/tape.hpp>

#include <iostream>
#include <map>

#include "graph_text.hpp"
#include "info.hpp"
#include "text.hpp"

namespace retrograd::tool {
namespace {

struct Plans {
  std::string render, loss;
};

Plans plans_of(const Rack& patch) {
  Tape tape(tape_options(patch));
  const Var audio = record(tape, patch).audio;
  const Var target = tape.input("target", Tensor(audio.shape(), tape.options().type));
  const Var loss = mean_squared_loss(audio, target);
  Plans plans;
  plans.render = tape.describe_plan(std::span(&audio, 1));
  tape.play({loss});
  tape.rewind(loss);  // once, so that what the way back needs is there to be counted
  plans.loss = tape.describe_plan(std::span(&loss, 1));
  return plans;
}

}  // namespace

Facts facts_of(const Rack& patch) {
  std::vector<std::string> gates, types, heard;
  Json gate_list = Json::list(), module_list = Json::list(), cable_list = Json::list(),
       heard_list = Json::list();
  for (const GatePair& pair : patch.note.gate) {
    gates.push_back(number(pair.on) + " to " + number(pair.off) + " s");
    gate_list.add(Json::list({pair.on, pair.off}));
  }
  std::map<std::string, int> counts;
  for (const Module& module : patch.modules) {
    ++counts[module.type->name];
    module_list.add(Json::object({{"name", module.name}, {"type", module.type->name}}));
  }
  for (const auto& [type, how_many] : counts) types.push_back(std::to_string(how_many) + " " + type);
  for (const Cable& cable : patch.cables) cable_list.add(Json::list({cable.from, cable.to}));
  for (const std::string& output : patch.outputs) {
    heard.push_back(output);
    heard_list.add(output);
  }
  const std::int64_t length = length_in_samples(patch);
  return {{"sample rate", number(patch.sample_rate) + " Hz", "sample_rate", patch.sample_rate},
          {"length", count(length, "sample") + " (" + number(patch.duration) + " s)", "samples", length},
          {"", "", "duration", patch.duration},
          {"gate", listed(gates), "gate", gate_list},
          {"modules", listed(types), "modules", module_list},
          {"cables", std::to_string(patch.cables.size()), "cables", cable_list},
          {"outputs", listed(heard), "outputs", heard_list}};
}

void print_parameters(Rack patch) {
  std::vector<std::vector<std::string>> rows;
  for (const RackParameter& parameter : parameters(patch))
    rows.push_back({parameter.name, number(parameter.value), to_string(parameter.spec.unit)});
  print_table(std::cout, {{"parameter"}, {"value", true}, {"unit"}}, rows);
}

Json json_of_parameters(Rack patch) {
  Json values = Json::object();
  for (const RackParameter& parameter : parameters(patch)) values.add(parameter.name, parameter.value);
  return values;
}

void print_patch(const Rack& patch) {
  print_facts(facts_of(patch));
  std::cout << "\n" << graph_as_text(patch) << '\n';
  print_parameters(patch);
  const Plans plans = plans_of(patch);
  std::cout << "\nHow it is rendered (f32):\n"
            << plans.render << "\nHow a loss (mean squared) and its gradient are computed (f32):\n"
            << plans.loss;
}

void add_patch_to(Json& object, const Rack& patch) {
  add_facts(object, facts_of(patch));
  const Plans plans = plans_of(patch);
  object.add("parameters", json_of_parameters(patch)).add("render_plan", plans.render);
  object.add("loss_plan", plans.loss);
}

}  // namespace retrograd::tool
