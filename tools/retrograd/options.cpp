// Options that several subcommands share.
#include "options.hpp"

#include <retrograd/patches/toml.hpp>
#include <retrograd/tape/tape.hpp>

#include "standard_streams.hpp"

namespace retrograd::tool {

void add_patch_argument(Command& command, std::optional<std::string>& patch) {
  command.option("PATCH", patch, "A patch file; the built-in patch where not given")
      .value_name("")
      .file({"toml"});
}

void add_compute_options(Command& command, ComputeOptions& options, const std::string& threads_help) {
  command.option("--device", options.device, "Where to compute: cpu or cuda")
      .value_name("DEVICE")
      .one_of({"cpu", "cuda"})
      .by_default("cpu");
  command.option("--threads", options.threads, threads_help).value_name("N").within(1, 1024);
}

Option add_json_option(Command& command, bool& json, const std::string& help) {
  return command.flag("--json", json, help);
}

void add_note_options(Command& command, std::optional<std::string>& notes, int& voices) {
  command.option("--notes", notes, "Notes to play in place of the patch's own: a standard MIDI file")
      .value_name("FILE.mid")
      .file({"mid", "midi", "rmi", "kar"});
  command.option("--voices", voices, "How many of these notes sound at once")
      .value_name("N")
      .within(1, 1024)
      .by_default(std::to_string(voices));
}

Device available_device(const ComputeOptions& options) {
  const Device device = options.device == "cuda" ? Device::cuda : Device::cpu;
  const Tape probe({.device = device});
  return device;
}

Patch patch_or_default(const std::optional<std::string>& name) {
  return name ? load_patch(readable_name(*name)) : default_patch();
}

}  // namespace retrograd::tool
