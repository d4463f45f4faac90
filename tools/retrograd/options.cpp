// Options that several subcommands share.
#include "options.hpp"

#include <retrograd/patches/toml.hpp>
#include <retrograd/tape/tape.hpp>
#include <retrograd/tensor/errors.hpp>

#include <algorithm>
#include <iostream>

#include "standard_streams.hpp"
#include "text.hpp"

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

void add_note_options(Command& command, NoteOptions& options) {
  command.option("--notes", options.file, "Notes to play in place of the patch's own: a standard MIDI file")
      .value_name("FILE.mid")
      .file({"mid", "midi", "rmi", "kar"});
  command.option("--voices", options.voices, "How many of these notes sound at once")
      .value_name("N")
      .within(1, 1024)
      .by_default(std::to_string(options.voices));
  command.flag("--drums", options.with_drums,
               "Of these notes play those of channel 10, too, which are drums as a rule");
}

MidiFile read_notes(const NoteOptions& options) {
  const std::string& path = *options.file;
  MidiFile file = read_midi_file(path, options.with_drums);
  if (std::ranges::any_of(file.messages, is_note_on)) return file;
  std::string reasons;
  for (const std::string& line : file.mended) reasons += "\n" + path + ": " + line;
  raise<FileError>(
      path + (file.drum_notes > 0 ? ": holds no notes but drums; --drums plays them" : ": holds no notes") +
      reasons);
}

void say_notes(const NoteOptions& options, const MidiFile& file) {
  const auto notes = std::ranges::count_if(file.messages, is_note_on);
  std::cerr << *options.file << ": " << count(notes, "note") << ", " << number(file.duration) << " s\n";
  for (const std::string& remark : file.remarks()) std::cerr << *options.file << ": " << remark << '\n';
}

Device available_device(const ComputeOptions& options) {
  const Device device = options.device == "cuda" ? Device::cuda : Device::cpu;
  const Tape probe({.device = device});
  return device;
}

Patch patch_or_default(const std::optional<std::string>& name) {
  return name ? load_patch(readable_name(*name)) : default_patch();
}

void say_doubts(const Patch& patch, const std::optional<std::string>& path) {
  for (const PatchProblem& doubt : find_doubts(patch))
    std::cerr << path.value_or("the built-in patch") << ": " << doubt.key << ": " << doubt.message << '\n';
}

}  // namespace retrograd::tool
