// Format 2 of rack files; see rack_file.hpp.
#pragma once

#include <retrograd/racks/file_reader.hpp>
#include <retrograd/racks/rack_file.hpp>

#include <filesystem>

namespace retrograd {

/// Reads the file of format 2 whose tree is `root`, and those that it names, which lie in `folder` or below. What is
/// wrong is reported; then what is returned is of no use.
Rack read_format_2(const TomlValue& root, const std::string& file, const std::filesystem::path& folder,
                   const RackFileOptions& options, FileReports& reports);

/// The text of such a file; the rack must be valid.
std::string format_2(const Rack& rack);

/// The tree of any rack file, once it is known to be of the format that it says; FileError otherwise.
TomlValue parse_rack_tree(std::string_view text, const std::string& name_for_errors, std::int64_t& format);
/// The whole file; FileError where it cannot be read or is too large.
std::string read_rack_text(const std::string& path);

}  // namespace retrograd
