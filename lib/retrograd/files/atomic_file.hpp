// Writing a file whole or not at all: into a file beside the target, which then takes the target's name.
// Everything that the library and the program write goes through here.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace retrograd {

/// A file being written beside its target, under a name that no other file has. `commit` gives it the target's
/// name; without that the destructor removes it, and whatever the target held is untouched.
///
/// A symbolic link stays: the file that it names is written, there already or not. A file that is replaced keeps
/// its permissions, and its owner and group as far as this process may give them. A hard link of it elsewhere
/// keeps the old content. A target that is no regular file but can be written to (a pipe, /dev/null) is written
/// in place, and so are /dev/stdout, /dev/stderr and /dev/fd/N, which are the open file itself.
///
/// Files of different names or of one name may be written on several threads at once: the last commit of a name
/// stays, whole.
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

  /// Brings the bytes to the disk, then renames and brings the directory to the disk. Nothing may be written
  /// afterwards.
  void commit();

 private:
  void open_beside();
  void keep_owner_and_permissions();
  [[noreturn]] void fail(int error_number);

  std::filesystem::path named_;   // as the user wrote it, for messages
  std::filesystem::path target_;  // with links followed
  std::filesystem::path beside_;  // empty where the target is written in place
  int descriptor_ = -1;
};

/// Raises the FileError that writing `path` would raise, as far as that can be known before; leaves nothing.
void check_can_write(const std::filesystem::path& path);

/// Writes `text` as the whole content of `path`, or nothing. Raises a FileError as AtomicFile does.
void write_text(const std::filesystem::path& path, std::string_view text);

/// `path` with the links of its last name followed, the file there or not. A circle of links is left as it is.
std::filesystem::path with_links_followed(std::filesystem::path path);

/// The descriptor that the names /dev/stdin, /dev/stdout, /dev/stderr, /dev/fd/N and /proc/self/fd/N stand for;
/// -1 for any other name.
int open_descriptor_named(const std::filesystem::path& path);

}  // namespace retrograd
