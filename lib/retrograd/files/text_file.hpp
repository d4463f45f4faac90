// Reading a whole file.
#pragma once

#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>

namespace retrograd {

/// A file being read from its start on. Raises a FileError that names the file where it is missing, a directory or
/// not readable.
class InputFile {
 public:
  explicit InputFile(const std::filesystem::path& path);
  /// The next bytes: `most` of them, fewer where the file ends. Allocates as they come.
  std::string read(std::size_t most);

 private:
  [[noreturn]] void fail(const std::string& why) const;

  std::filesystem::path path_;
  std::unique_ptr<std::FILE, int (*)(std::FILE*)> file_;
};

/// The file's bytes, at most `limit` of them. Raises a FileError that names the file where it is missing, a
/// directory or not readable.
std::string read_text(const std::filesystem::path& path, std::size_t limit = static_cast<std::size_t>(-1));

}  // namespace retrograd
