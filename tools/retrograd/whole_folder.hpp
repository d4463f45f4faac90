// Writing a folder of files whole or not at all.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace retrograd::tool {

struct FolderFile {
  std::string name, bytes;
};

/// Writes the files into a folder beside `folder` and gives it that name; what was there before, if anything, is removed
/// then. Signals that end a program wait until it is done. Raises a FileError, and leaves what was there, where something
/// cannot be written.
void write_folder(const std::filesystem::path& folder, const std::vector<FolderFile>& files);

}  // namespace retrograd::tool
