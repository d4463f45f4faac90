// retrograd modules: what patches are made of.
#include <retrograd/modules/module_list.hpp>
#include <retrograd/racks/wording.hpp>

#include <cmath>
#include <iostream>
#include <memory>

#include "command.hpp"
#include "json.hpp"
#include "options.hpp"
#include "text.hpp"
#include "usage_error.hpp"

namespace retrograd::tool {
namespace {

struct ModulesOptions {
  std::optional<std::string> type;
  bool json = false;
};

std::string range_of(const Domain& domain) {
  if (!std::isfinite(domain.low) && !std::isfinite(domain.high)) return "any";
  if (!std::isfinite(domain.high)) return (domain.low_is_open ? "above " : "from ") + number(domain.low);
  return number(domain.low) + " to " + number(domain.high);
}

const char* what_cables_do(const ParameterSpec& spec) {
  if (spec.is_latched) return "no cable";
  constexpr const char* names[] = {"adds", "octaves", "factor"};
  return names[static_cast<int>(spec.modulation)];
}

std::vector<const ModuleType*> all_types() {
  std::vector<const ModuleType*> types{&note_module()};
  const ModuleList list;
  types.insert(types.end(), list.types().begin(), list.types().end());
  return types;
}

Json json_of(const ModuleType& type) {
  const Description description = describe(type, usual_structure(type));
  Json structure = Json::list(), inputs = Json::list(), parameters = Json::list(), outputs = Json::list();
  for (const Structure& one : type.structure) {
    Json object = Json::object({{"name", one.name}, {"what", one.summary}});
    if (one.choices.empty()) {
      object.add("lowest", one.low).add("highest", one.high).add("usual", one.usual);
    } else {
      Json choices = Json::list();
      for (const char* choice : one.choices) choices.add(choice);
      object.add("choices", choices).add("usual", one.choices[static_cast<std::size_t>(one.usual)]);
    }
    structure.add(object);
  }
  for (const PortSpec& input : description.inputs)
    inputs.add(Json::object({{"name", input.name},
                             {"is_required", input.is_required},
                             {"normalled_to", input.normalled},
                             {"what", input.summary}}));
  for (const ParameterSpec& spec : description.parameters)
    parameters.add(Json::object({{"name", spec.name},
                                 {"unit", to_string(spec.unit)},
                                 {"low", spec.domain.low},
                                 {"high", spec.domain.high},
                                 {"usual", spec.usual},
                                 {"low_shown", spec.low_shown},
                                 {"high_shown", spec.high_shown},
                                 {"cables", what_cables_do(spec)},
                                 {"what", spec.summary}}));
  for (const std::string& output : description.outputs) outputs.add(output);
  return Json::object({{"type", type.name},
                       {"what", type.summary},
                       {"structure", structure},
                       {"inputs", inputs},
                       {"parameters", parameters},
                       {"outputs", outputs}});
}

void print(const ModuleType& type) {
  const Description description = describe(type, usual_structure(type));
  std::cout << type.name << ": " << type.summary << "\n";
  std::vector<std::vector<std::string>> rows;
  for (const Structure& one : type.structure) {
    std::vector<std::string> choices(one.choices.begin(), one.choices.end());
    rows.push_back(
        {"fixed", one.name, "",
         choices.empty() ? std::to_string(one.low) + " to " + std::to_string(one.high) : listed(choices),
         choices.empty() ? std::to_string(one.usual) : choices[static_cast<std::size_t>(one.usual)], "",
         one.summary});
  }
  for (const PortSpec& input : description.inputs)
    rows.push_back({"input", input.name, "", "",
                    input.is_required          ? "must be plugged"
                    : *input.normalled != '\0' ? input.normalled
                                               : "",
                    "", input.summary});
  for (const ParameterSpec& spec : description.parameters)
    rows.push_back({"parameter", spec.name, to_string(spec.unit), range_of(spec.domain), number(spec.usual),
                    what_cables_do(spec), spec.summary});
  for (const std::string& output : description.outputs)
    rows.push_back({"output", output, "", "", "", "", ""});
  print_table(std::cout, {{""}, {"name"}, {"unit"}, {"range"}, {"usual"}, {"cables"}, {"what it does"}},
              rows);
}

ExitCode modules(const ModulesOptions& options) {
  std::vector<const ModuleType*> types = all_types();
  if (options.type) {
    std::vector<std::string> names;
    for (const ModuleType* type : types) names.push_back(type->name);
    std::erase_if(types, [&](const ModuleType* type) { return type->name != *options.type; });
    if (types.empty())
      throw UsageError("modules", "there is no type of module " + shown(*options.type) + "; " +
                                      did_you_mean(*options.type, names, "types"));
  }
  if (options.json) {
    Json list = Json::list();
    for (const ModuleType* type : types) list.add(json_of(*type));
    std::cout << Json::object({{"modules", list}}).lines() << '\n';
    return ExitCode::done;
  }
  for (std::size_t i = 0; i < types.size(); ++i) {
    if (i > 0) std::cout << '\n';
    print(*types[i]);
  }
  return ExitCode::done;
}

}  // namespace

void add_modules(Program& program) {
  const auto options = std::make_shared<ModulesOptions>();
  Command command = program.add("modules", "List the modules that patches are made of");
  command.option("TYPE", options->type, "Only this one").value_name("");
  add_json_option(command, options->json, "Print one JSON object instead of tables");
  command.footer(
      "A cable into an input carries the signal as it is; one into a parameter modulates it by the cable's "
      "amount, as the\n"
      "column says: adds, in octaves, or as a factor (1 + the signal). An input without a cable reads what "
      "stands under\n"
      "'usual', if anything.");
  command.runs([options] { return modules(*options); });
}

}  // namespace retrograd::tool
