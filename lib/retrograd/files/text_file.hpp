// Reading a whole file.
#pragma once

#include <filesystem>
#include <string>

namespace retrograd {

/// The file's bytes, at most `limit` of them. Raises a FileError that names the file where it is missing, a
/// directory or not readable.
std::string read_text(const std::filesystem::path& path, std::size_t limit = static_cast<std::size_t>(-1));

}  // namespace retrograd
