// Writing a file whole or not at all: into a file beside the target, which then takes the target's name.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace retrograd::tool {

/// A file being written beside its target, as `<target>.partial-<process id>`. `commit` gives it the target's
/// name; without that the destructor removes it, and whatever the target held is untouched. A symbolic link's
/// target is replaced, not the link; the permissions of a file that is replaced are kept. A target that is no
/// regular file but can be written to (a pipe, /dev/null) is written in place.
///
/// Every member raises a FileError that names the target and what is wrong: no such directory, a directory in
/// place of a file, no permission, a disk that is full.
class AtomicFile {
 public:
  explicit AtomicFile(const std::filesystem::path& target);
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  void write(std::string_view bytes);

  /// Brings the bytes to the disk, then renames. Nothing may be written afterwards.
  void commit();

 private:
  [[noreturn]] void fail(int error_number);

  std::filesystem::path named_;   // as the user wrote it, for messages
  std::filesystem::path target_;  // with links followed
  std::filesystem::path beside_;  // empty where the target is written in place
  int descriptor_ = -1;
};

/// Raises the FileError that writing `path` would raise, as far as that can be known before; leaves nothing.
void check_can_write(const std::filesystem::path& path);

/// From now on SIGINT, SIGTERM and SIGHUP end the program as they always do, but first remove the file beside
/// that is being written.
void remove_partial_file_on_signals();

/// Writes `text` as the whole content of `path`, or nothing. Raises a FileError as AtomicFile does.
void write_text(const std::filesystem::path& path, std::string_view text);

}  // namespace retrograd::tool
