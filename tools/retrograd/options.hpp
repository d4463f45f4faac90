// Options that several subcommands share.
#pragma once

#include <retrograd/instrument/instrument.hpp>
#include <retrograd/racks/rack_file.hpp>
#include <retrograd/tensor/element_type.hpp>

#include <optional>
#include <string>
#include <vector>

#include "command_line.hpp"
#include "compute_options.hpp"
#include "midi_file.hpp"

namespace retrograd::tool {

/// A patch, and what the command line makes of it.
struct PatchSource {
  std::optional<std::string> file;  ///< "-": standard input; nothing: the built-in patch
  std::vector<std::string> sets;    ///< "filter.cutoff=800", "env.*=0.1"
  bool allow_paths = false;
  std::optional<int> sample_rate;
  std::optional<double> key, velocity, seconds;  ///< of the note that is played
};

/// Adds PATCH.
void add_patch_argument(Command& command, PatchSource& patch);
/// Adds --set and --allow-paths.
void add_patch_options(Command& command, PatchSource& patch);
/// Adds --freeze.
void add_freeze_option(Command& command, std::vector<std::string>& frozen,
                       const std::string& help =
                           "A parameter that is taken as it is, or a pattern of them, as in "
                           "--freeze 'env.*'; as often as needed");
/// Of each parameter, whether --freeze names it.
std::vector<char> frozen_parameters(Rack& rack, const std::vector<std::string>& patterns);
/// Adds --key, --velocity and --seconds.
void add_note_of_patch_options(Command& command, PatchSource& patch);

/// Adds --device and --threads, the latter with `threads_help`.
void add_compute_options(
    Command& command, ComputeOptions& options,
    const std::string& threads_help = "How many threads compute; all cores where not given");

/// Adds --json.
Option add_json_option(Command& command, bool& json,
                       const std::string& help = "Print one JSON object instead of a table");

/// Adds --force.
void add_force_option(Command& command, bool& force);

/// A file of notes, and how it is played.
struct NoteOptions {
  std::optional<std::string> file;
  int voices = InstrumentOptions{}.voices;
  bool with_drums = false;
};

/// Adds --notes, --voices and --drums.
void add_note_options(Command& command, NoteOptions& options);

/// The file of notes, "-" for standard input. Raises a FileError as read_midi_file does, and where there is no note.
MidiFile read_notes(const NoteOptions& options);

/// Says on stderr how many notes there are, how long they last, what was mended and what is passed over.
void say_notes(const NoteOptions& options, const MidiFile& file);

/// Adds --gain and --normalize, one of which may be given.
void add_level_options(Command& command, std::optional<double>& gain, std::optional<double>& normalize);

/// Adds --sample-rate, in place of a patch's own.
void add_sample_rate_option(Command& command, PatchSource& patch);

/// The device asked for. Raises a DeviceError where this build or machine has none.
Device available_device(const ComputeOptions& options);

/// The patch in the file, or default_rack() where none is named, with all that is set. Raises a FileError as load_rack
/// does, a UsageError where a setting names no parameter or a value that it cannot have.
Rack read_patch(const PatchSource& source);
/// Sets what the command line sets.
void apply(const PatchSource& source, Rack& rack);
/// How the files of a patch are read.
RackFileOptions file_options(const PatchSource& source);

/// Says on stderr what a patch plays otherwise than it is likely meant (find_doubts), of the file it is from.
void say_doubts(const Rack& patch, const std::optional<std::string>& path);

}  // namespace retrograd::tool
