// Options that several subcommands share.
#pragma once

#include <CLI/CLI.hpp>
#include <retrograd/patches/patch.hpp>
#include <retrograd/tensor/element_type.hpp>

#include <optional>
#include <string>

#include "compute_options.hpp"

namespace retrograd::tool {

/// Adds --device and --threads.
void add_compute_options(CLI::App& command, ComputeOptions& options);

/// Adds --json.
void add_json_option(CLI::App& command, bool& json);

/// Adds --notes and --voices.
void add_note_options(CLI::App& command, std::optional<std::string>& notes, int& voices);

/// The device asked for. Raises a DeviceError where this build or machine has none.
Device available_device(const ComputeOptions& options);

/// The patch in the file, or default_patch() where none is named. Raises a FileError as load_patch does.
Patch patch_or_default(const std::optional<std::string>& path);

/// The finite number that `text` holds, all of it; nothing where it holds anything else.
std::optional<double> parse_number(std::string_view text);

}  // namespace retrograd::tool
