// The files that a command reads and writes: none that is written may be another of them.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace retrograd::tool {

/// Filled by every command that writes, before it reads or writes anything. "-" is standard input where it is
/// read, and standard output where it is written.
class FilesInUse {
 public:
  /// `option` is what names the file: "--patch", "PATCH".
  FilesInUse& reads(const std::string& option, const std::optional<std::string>& name);
  FilesInUse& writes(const std::string& option, const std::string& name);
  /// Read where it is there, and written afterwards.
  FilesInUse& updates(const std::string& option, const std::optional<std::string>& name);

  /// Raises a UsageError where a file that is written is also read or written as another: under the same name or
  /// another one (a path of another form, a link of either kind), there already or not. Also where standard
  /// input is read, or standard output written, twice. Devices and pipes may be named as often as one likes.
  void check() const;

  /// Raises a FileError where one that would be written is there already, and the UsageError of `check`.
  void check_none_is_replaced() const;

  /// Raises the FileError that writing would raise, as far as that can be known before.
  void check_can_write() const;

 private:
  struct Use {
    std::string option, name;
    bool is_read, is_written;
  };
  std::vector<Use> uses_;
};

}  // namespace retrograd::tool
