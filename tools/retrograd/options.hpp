// Options that several subcommands share.
#pragma once

#include <retrograd/patches/patch.hpp>
#include <retrograd/tensor/element_type.hpp>

#include <optional>
#include <string>

#include "command_line.hpp"
#include "compute_options.hpp"

namespace retrograd::tool {

/// Adds PATCH.
void add_patch_argument(Command& command, std::optional<std::string>& patch);

/// Adds --device and --threads, the latter with `threads_help`.
void add_compute_options(
    Command& command, ComputeOptions& options,
    const std::string& threads_help = "How many threads compute; all cores where not given");

/// Adds --json.
Option add_json_option(Command& command, bool& json,
                       const std::string& help = "Print one JSON object instead of a table");

/// Adds --notes and --voices.
void add_note_options(Command& command, std::optional<std::string>& notes, int& voices);

/// The device asked for. Raises a DeviceError where this build or machine has none.
Device available_device(const ComputeOptions& options);

/// The patch in the file ("-": standard input), or default_patch() where none is named. Raises a FileError as
/// load_patch does.
Patch patch_or_default(const std::optional<std::string>& name);

}  // namespace retrograd::tool
