// Options that several subcommands share.
#include "options.hpp"

#include <retrograd/math/functions.hpp>
#include <retrograd/racks/rules.hpp>
#include <retrograd/racks/wording.hpp>
#include <retrograd/tape/tape.hpp>
#include <retrograd/tensor/errors.hpp>

#include <algorithm>
#include <cmath>
#include <iostream>

#include "standard_streams.hpp"
#include "text.hpp"
#include "usage_error.hpp"

namespace retrograd::tool {

namespace {

void set_one(RackParameter parameter, double value) {
  if (!parameter.domain().contains(value))
    throw UsageError("--set", parameter.name + " cannot be " + number(value) + "; it must be " +
                                  what_lies_in(parameter.domain()));
  parameter.value = value;
}

// "filter.cutoff=800", "env.*=0.1"
void set(Rack& rack, const std::string& setting) {
  const std::size_t equals = setting.rfind('=');
  const std::string name = setting.substr(0, equals);
  const auto value = parse_number(equals == std::string::npos ? "" : setting.substr(equals + 1));
  if (name.empty() || !value)
    throw UsageError("--set", "'" + setting + "' is not NAME=VALUE, as in filter.cutoff=800");
  try {
    if (name.find('*') == std::string::npos) return set_one(find_parameter(rack, name), *value);
    const std::vector<char> named = parameters_named(rack, std::span(&name, 1));
    const std::vector<RackParameter> all = parameters(rack);
    for (std::size_t p = 0; p < all.size(); ++p)
      if (named[p] != 0) set_one(all[p], *value);
  } catch (const DomainError& error) {
    throw UsageError("--set", error.what());
  }
}

// One note that is held until what the patch has behind its own gate still fits, or for half of the time.
void play_for(Rack& rack, double seconds) {
  const double behind =
      rack.note.gate.empty() ? 0.0 : std::max(rack.duration - rack.note.gate.back().off, 0.0);
  rack.duration = seconds;
  rack.note.gate = {{0.0, std::max(seconds - behind, seconds / 2.0)}};
}

}  // namespace

void add_patch_argument(Command& command, PatchSource& patch) {
  command.option("PATCH", patch.file, "A patch file; the built-in patch where not given")
      .value_name("")
      .file({"toml"});
}

void add_patch_options(Command& command, PatchSource& patch) {
  command
      .option(
          "--set", patch.sets,
          "Give a parameter another value, or those that a pattern names, as in --set filter.cutoff=800 or "
          "--set 'level.*=0.5'; as often as needed")
      .value_name("NAME=VALUE")
      .takes_one_each();
  command.flag("--allow-paths", patch.allow_paths, "Files that a patch names may lie outside its folder");
}

void add_freeze_option(Command& command, std::vector<std::string>& frozen, const std::string& help) {
  command.option("--freeze", frozen, help).value_name("PATH").takes_one_each();
}

std::vector<char> frozen_parameters(Rack& rack, const std::vector<std::string>& patterns) {
  try {
    return parameters_named(rack, patterns);
  } catch (const DomainError& error) {
    throw UsageError("--freeze", error.what());
  }
}

void add_note_of_patch_options(Command& command, PatchSource& patch) {
  const auto within = [](double lowest, double highest, const char* what) {
    return [=](const std::string& text) {
      const auto value = parse_number(text);
      if (value && *value >= lowest && *value <= highest) return std::string();
      return "'" + text + "' is not " + what + " from " + number(lowest) + " to " + number(highest);
    };
  };
  command
      .option("--key", patch.key,
              "The note's key as MIDI numbers them, 60 for middle C, in place of its frequency")
      .value_name("KEY")
      .checked(within(-60.0, 160.0, "a key"));
  command.option("--velocity", patch.velocity, "How loud the note is played")
      .value_name("V")
      .checked(within(0.0, 1.0, "a velocity"));
  command
      .option("--seconds", patch.seconds,
              "How long the sound lasts, in place of the patch's own duration and gate")
      .value_name("S")
      .checked([](const std::string& text) {
        const auto value = parse_number(text);
        return value && *value > 0.0 ? "" : "'" + text + "' is not a number of seconds above 0";
      });
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

void add_sample_rate_option(Command& command, PatchSource& patch) {
  command.option("--sample-rate", patch.sample_rate, "In place of the patch's own")
      .value_name("HZ")
      .within(1, 768000);
}

Device available_device(const ComputeOptions& options) {
  const Device device = options.device == "cuda" ? Device::cuda : Device::cpu;
  const Tape probe({.device = device});
  return device;
}

RackFileOptions file_options(const PatchSource& source) { return {.allow_paths = source.allow_paths}; }

void apply(const PatchSource& source, Rack& rack) {
  for (const std::string& setting : source.sets) set(rack, setting);
  if (source.sample_rate) rack.sample_rate = *source.sample_rate;
  if (source.key) rack.note.frequency = 440.0 * math::exp2((*source.key - 69.0) / 12.0);
  if (source.velocity) rack.note.velocity = *source.velocity;
  if (source.seconds) play_for(rack, *source.seconds);
}

Rack read_patch(const PatchSource& source) {
  Rack rack = source.file ? load_rack(readable_name(*source.file), file_options(source)) : default_rack();
  apply(source, rack);
  return rack;
}

void say_doubts(const Rack& patch, const std::optional<std::string>& path) {
  for (const RackProblem& doubt : find_doubts(patch))
    std::cerr << path.value_or("the built-in patch") << ": warning: " << doubt.key << ": " << doubt.message
              << '\n';
}

}  // namespace retrograd::tool
