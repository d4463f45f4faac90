// retrograd convert: a patch file of any format, as format 2 or as JSON.
#include <retrograd/files/atomic_file.hpp>
#include <retrograd/racks/wiring.hpp>

#include <iostream>
#include <memory>

#include "command.hpp"
#include "files_in_use.hpp"
#include "json.hpp"
#include "options.hpp"
#include "standard_streams.hpp"
#include "text.hpp"

namespace retrograd::tool {
namespace {

struct ConvertOptions {
  PatchSource patch;
  std::string output = "-";
  bool json = false;
  bool force = false;
};

Json json_of(const Module& module) {
  Json object = Json::object({{"name", module.name}, {"type", module.type->name}});
  for (std::size_t s = 0; s < module.structure.size(); ++s) {
    const Structure& rule = module.type->structure[s];
    if (rule.choices.empty())
      object.add(rule.name, module.structure[s]);
    else
      object.add(rule.name, rule.choices[static_cast<std::size_t>(module.structure[s])]);
  }
  const std::vector<ParameterSpec> specs = describe(*module.type, module.structure).parameters;
  for (std::size_t p = 0; p < specs.size(); ++p) object.add(specs[p].name, module.values[p]);
  return object;
}

/// The members of the file, under their names.
Json json_of(const Rack& rack) {
  const Wiring wiring(rack);
  Json gate = Json::list(), cables = Json::list(), modules = Json::list();
  for (const GatePair& pair : rack.note.gate) gate.add(Json::list({pair.on, pair.off}));
  for (std::size_t c = 0; c < rack.cables.size(); ++c) {
    const Cable& cable = rack.cables[c];
    Json list = Json::list({cable.from, cable.to});
    if (wiring.wires()[c].modulates()) list.add(cable.amount);
    if (!cable.name.empty()) list.add(cable.name);
    cables.add(list);
  }
  for (const Module& module : rack.modules) modules.add(json_of(module));
  return Json::object(
      {{"format", 2},
       {"sample_rate", rack.sample_rate},
       {"duration", rack.duration},
       {"outputs", rack.outputs},
       {"cables", cables},
       {"note",
        Json::object({{"frequency", rack.note.frequency}, {"gate", gate}, {"velocity", rack.note.velocity}})},
       {"module", modules}});
}

ExitCode convert(const ConvertOptions& options) {
  FilesInUse files;
  files.reads("PATCH", options.patch.file).writes("--output", options.output);
  files.check();
  if (!options.force) files.check_none_is_replaced();
  const Rack rack = read_patch(options.patch);
  const bool is_json = options.json || options.output.ends_with(".json");
  const std::string text = is_json ? json_of(rack).lines() + "\n" : format_rack(rack);
  write_text(writable_name(options.output), text);
  if (!is_standard_stream(options.output))
    std::cerr << options.output << ": " << count(static_cast<long long>(rack.modules.size()), "module")
              << ", " << count(static_cast<long long>(rack.cables.size()), "cable") << '\n';
  return ExitCode::done;
}

}  // namespace

void add_convert(Program& program) {
  const auto options = std::make_shared<ConvertOptions>();
  Command command =
      program.add("convert", "Write a patch file of any format as format 2, laid flat, or as JSON");
  add_patch_argument(command, options->patch);
  command.option("-o,--output", options->output, "The file to write; standard output where not given")
      .value_name("OUT.toml")
      .file({"toml", "json"});
  add_patch_options(command, options->patch);
  add_json_option(command, options->json, "Write one JSON object in place of TOML");
  add_force_option(command, options->force);
  command.runs([options] { return convert(*options); });
}

}  // namespace retrograd::tool
