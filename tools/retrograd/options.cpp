// Options that several subcommands share.
#include "options.hpp"

#include <retrograd/racks/rack_file.hpp>
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

void add_force_option(Command& command, bool& force) {
  command.flag("--force", force, "Replace files that are there already");
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
  const std::string path = shown_input(*options.file);
  MidiFile file = read_midi_file(readable_name(*options.file), options.with_drums);
  if (std::ranges::any_of(file.messages, is_note_on)) return file;
  std::string reasons;
  for (const std::string& line : file.mended) reasons += "\n" + path + ": " + line;
  raise<FileError>(
      path + (file.drum_notes > 0 ? ": holds no notes but drums; --drums plays them" : ": holds no notes") +
      reasons);
}

void say_notes(const NoteOptions& options, const MidiFile& file) {
  const auto notes = std::ranges::count_if(file.messages, is_note_on);
  const std::string path = shown_input(*options.file);
  std::cerr << path << ": " << count(notes, "note") << ", " << number(file.duration) << " s\n";
  for (const std::string& remark : file.remarks()) std::cerr << path << ": " << remark << '\n';
}

void add_level_options(Command& command, std::optional<double>& gain, std::optional<double>& normalize) {
  const auto within = [](double lowest, double highest) {
    return [=](const std::string& text) {
      const auto level = parse_number(text);
      if (level && *level >= lowest && *level <= highest) return std::string();
      return "'" + text + "' is not a level from " + number(lowest) + " to " + number(highest) + " dB";
    };
  };
  command.option("--gain", gain, "Make the sound louder by so much, or softer where it is negative")
      .value_name("DB")
      .checked(within(-200.0, 200.0));
  command
      .option(
          "--normalize", normalize,
          "Bring the sound's peak to so much below full scale, -1 for instance; to 0 where no level follows")
      .value_name("[DBFS]")
      .checked(within(-200.0, 0.0))
      .or_alone("0")
      .excludes("--gain");
}

void add_sample_rate_option(Command& command, std::optional<int>& sample_rate) {
  command.option("--sample-rate", sample_rate, "In place of the patch's own")
      .value_name("HZ")
      .within(1, 768000);
}

Device available_device(const ComputeOptions& options) {
  const Device device = options.device == "cuda" ? Device::cuda : Device::cpu;
  const Tape probe({.device = device});
  return device;
}

Rack patch_or_default(const std::optional<std::string>& name) {
  return name ? load_rack(readable_name(*name)) : default_rack();
}

void say_doubts(const Rack& patch, const std::optional<std::string>& path) {
  for (const RackProblem& doubt : find_doubts(patch))
    std::cerr << path.value_or("the built-in patch") << ": warning: " << doubt.key << ": " << doubt.message
              << '\n';
}

}  // namespace retrograd::tool
