// retrograd patch: a built-in patch, as a file to begin with.
#include <retrograd/files/atomic_file.hpp>
#include <retrograd/racks/rack_file.hpp>

#include <iostream>
#include <memory>

#include "command.hpp"
#include "files_in_use.hpp"
#include "info.hpp"
#include "options.hpp"
#include "standard_streams.hpp"
#include "text.hpp"
#include "usage_error.hpp"

namespace retrograd::tool {
namespace {

struct BuiltInOptions {
  std::string output = "-";
  bool to_fit = false;
  bool force = false;
  bool json = false;
  PatchSource source;
};

ExitCode write_patch(const BuiltInOptions& options) {
  const bool is_file = !is_standard_stream(options.output);
  FilesInUse files;
  files.writes("--output", options.output);
  if (!options.force) files.check_none_is_replaced();
  Rack patch = options.to_fit ? default_rack_to_fit() : default_rack();
  apply(options.source, patch);
  if (is_file) {
    save_rack(patch, options.output);
    std::cerr << options.output << ": " << count(static_cast<long long>(patch.modules.size()), "module")
              << ", " << number(patch.duration) << " s at " << number(patch.sample_rate) << " Hz\n";
  }
  if (options.json) {
    Json object = Json::object();
    if (is_file) object.add("file", options.output);
    add_facts(object, facts_of(patch));
    std::cout << object.add("parameters", json_of_parameters(patch)).lines() << '\n';
  } else if (!is_file) {
    std::cout << format_rack(patch);
  }
  return ExitCode::done;
}

}  // namespace

void add_patch(Program& program) {
  const auto options = std::make_shared<BuiltInOptions>();
  Command command = program.add("patch", "Write the built-in patch, to begin one of your own with");
  command.option("-o,--output", options->output, "The patch file to write; standard output where not given")
      .value_name("OUT.toml")
      .file({"toml"});
  command.flag("--fit", options->to_fit, "The one that fits begin with: three pairs of operators");
  add_patch_options(command, options->source);
  add_sample_rate_option(command, options->source);
  add_force_option(command, options->force);
  add_json_option(command, options->json, "Print one JSON object in place of the patch file's text");
  command.runs([options] { return write_patch(*options); });
}

}  // namespace retrograd::tool
