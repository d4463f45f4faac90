// retrograd export-lv2: a patch as an LV2 instrument, which hosts load beside the one that is installed.
#include <retrograd/files/text_file.hpp>
#include <retrograd/tensor/errors.hpp>

#include <algorithm>
#include <filesystem>
#include <iostream>
#include <memory>
#include <set>

#include "../lv2/bundle.hpp"
#include "../lv2/ports.hpp"
#include "command.hpp"
#include "files_in_use.hpp"
#include "options.hpp"
#include "standard_streams.hpp"
#include "text.hpp"
#include "usage_error.hpp"
#include "whole_folder.hpp"

namespace retrograd::tool {
namespace {

namespace fs = std::filesystem;

struct ExportOptions {
  PatchSource patch;
  std::string output;
  std::vector<std::string> presets;
  std::optional<std::string> name, plugin;
  bool force = false;
};

/// The plug-in beside this program: where both are installed, or where both were built.
std::vector<fs::path> places_of_plugin() {
  std::vector<fs::path> places;
  std::error_code error;
  const fs::path program = fs::read_symlink("/proc/self/exe", error);
  const fs::path installed = RETROGRAD_LV2_BUNDLE;  // under the prefix, or from the root
  if (!error) {
    places.push_back((program.parent_path().parent_path() / installed / lv2::binary_name).lexically_normal());
    places.push_back(program.parent_path() / "lv2" / "retrograd.lv2" / lv2::binary_name);
  } else if (installed.is_absolute()) {
    places.push_back(installed / lv2::binary_name);
  }
  return places;
}

std::string read_plugin(const std::optional<std::string>& named) {
  const std::vector<fs::path> places = named ? std::vector<fs::path>{*named} : places_of_plugin();
  std::error_code ignored;
  const auto found = std::ranges::find_if(
      places, [&](const fs::path& place) { return named || fs::is_regular_file(place, ignored); });
  if (found == places.end()) {
    std::string looked_for;
    for (const fs::path& place : places)
      looked_for += (looked_for.empty() ? "" : " and no ") + place.string();
    raise<FileError>("the LV2 instrument of retrograd is not installed: there is no " + looked_for +
                     "; install it, or name its " + lv2::binary_name + " with --plugin");
  }
  std::string bytes = read_text(*found, 1u << 30);
  // With the zero behind it: 0.1.0 is not 0.1.01.
  if (bytes.find(std::string(RETROGRAD_LV2_MARK) + '\0') == std::string::npos)
    raise<FileError>(found->string() + ": is not the LV2 instrument of retrograd " RETROGRAD_VERSION +
                     ", the " + lv2::binary_name + " that is built and installed with this program");
  return bytes;
}

std::string stem_of(const std::string& file) { return fs::path(file).stem().string(); }

/// What hosts show it by: as the option says, the patch file's name, or the bundle's.
std::string plugin_name(const ExportOptions& options) {
  if (options.name) return *options.name;
  const std::optional<std::string>& file = options.patch.file;
  return file && !is_standard_stream(*file) ? stem_of(*file) : stem_of(options.output);
}

std::vector<lv2::Preset> read_presets(const ExportOptions& options, const Rack& rack) {
  std::vector<lv2::Preset> presets;
  std::set<std::string> names;
  for (const std::string& file : options.presets) {
    lv2::Preset preset{stem_of(shown_input(file)),
                       load_rack(readable_name(file), file_options(options.patch))};
    if (const std::string what = lv2::difference(rack, preset.rack); !what.empty())
      raise<FileError>(shown_input(file) + ": is no preset of this patch: it " + what +
                       "; a preset has the same modules and cables, and other values");
    if (!names.insert(lv2::symbol_of(preset.name)).second)
      throw UsageError("--preset",
                       "there are two presets named '" + preset.name + "'; each is named after its file");
    presets.push_back(std::move(preset));
  }
  return presets;
}

/// What is there may be replaced where it is a bundle that this command wrote.
void check_output(const ExportOptions& options) {
  const fs::path output = options.output;
  if (output.extension() != ".lv2" || output.stem().empty())
    throw UsageError(
        "--output", "'" + options.output + "' does not end in .lv2, as the folder of an LV2 instrument does");
  std::error_code ignored;
  if (!fs::exists(fs::symlink_status(output, ignored))) return;
  if (!options.force)
    raise<FileError>("'" + options.output +
                     "' is there already; --force replaces it, or give --output another name");
  const bool is_ours = fs::is_directory(fs::symlink_status(output, ignored)) &&
                       fs::exists(output / "lv2.toml", ignored) &&
                       fs::exists(output / "manifest.ttl", ignored);
  if (!is_ours)
    raise<FileError>("'" + options.output +
                     "' is there already and was not written by this command; give --output "
                     "another name");
}

ExitCode export_lv2(ExportOptions options) {
  while (options.output.size() > 1 && options.output.ends_with('/')) options.output.pop_back();
  check_output(options);
  FilesInUse files;
  files.reads("PATCH", options.patch.file);
  for (const std::string& preset : options.presets) files.reads("--preset", preset);
  files.check();
  if (options.name && options.name->empty()) throw UsageError("--name", "is empty; it is what hosts show");
  const std::string plugin = read_plugin(options.plugin);
  lv2::Bundle bundle{.rack = read_patch(options.patch), .uri = "", .name = plugin_name(options)};
  say_doubts(bundle.rack, options.patch.file);
  const std::vector<lv2::Preset> presets = read_presets(options, bundle.rack);
  bundle.uri = lv2::uri_of(bundle.name, bundle.rack);
  bundle.level = lv2::level_of(bundle.rack);

  std::vector<FolderFile> written{{lv2::binary_name, plugin}};
  for (lv2::BundleFile& file : lv2::files_of(bundle, presets))
    written.push_back({std::move(file.name), std::move(file.text)});
  write_folder(options.output, written);
  const auto ports =
      std::ranges::count(lv2::ports(bundle.rack), lv2::Port::Kind::parameter, &lv2::Port::kind);
  std::cerr << options.output << ": " << count(static_cast<long long>(ports), "parameter") << ", "
            << count(static_cast<long long>(presets.size()), "preset") << "; " << bundle.uri << '\n';
  return ExitCode::done;
}

}  // namespace

void add_export_lv2(Program& program) {
  const auto options = std::make_shared<ExportOptions>();
  Command command =
      program.add("export-lv2", "Write a patch as an LV2 instrument, for hosts that load those");
  add_patch_argument(command, options->patch);
  command.option("-o,--output", options->output, "The bundle to write, a folder that hosts find in ~/.lv2")
      .value_name("OUT.lv2")
      .file({"/"})
      .required();
  command
      .option("--preset", options->presets,
              "A patch of the same modules and cables, whose values the host lists under the file's name; as "
              "often as needed")
      .value_name("PRESET.toml")
      .file({"toml"})
      .takes_one_each();
  command.option("--name", options->name, "What hosts show; the patch file's name where not given")
      .value_name("NAME");
  command
      .option(
          "--plugin", options->plugin,
          "The instrument's retrograd.so, which the bundle gets a copy of; the installed one where not given")
      .value_name("FILE.so")
      .file({"so"});
  add_patch_options(command, options->patch);
  command.flag("--force", options->force, "Replace a bundle that this command wrote before");
  command.footer(
      "No compiler is needed. The URI is made of the name and of what there is to turn, modules, cables and "
      "outputs, not of\n"
      "values: export a patch again with other values, and what hosts have saved of the instrument stays "
      "right.");
  command.runs([options] { return export_lv2(*options); });
}

}  // namespace retrograd::tool
