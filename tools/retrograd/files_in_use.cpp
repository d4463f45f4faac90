// The files that a command reads and writes: none that is written may be another of them.
#include "files_in_use.hpp"

#include <retrograd/files/atomic_file.hpp>
#include <retrograd/tensor/errors.hpp>

#include <system_error>

#include "standard_streams.hpp"
#include "usage_error.hpp"

namespace retrograd::tool {
namespace {

namespace fs = std::filesystem;

/// Whether the name stands for a device, a pipe or the like, which nothing replaces.
bool is_special(const fs::path& path) {
  std::error_code ignored;
  const fs::file_status status = fs::status(path, ignored);
  return open_descriptor_named(path) >= 0 ||
         (fs::exists(status) && !fs::is_regular_file(status) && !fs::is_directory(status));
}

/// Of a file that need not be there: absolute, with no link in it.
fs::path real(const fs::path& path) {
  std::error_code error;
  const fs::path absolute = fs::absolute(with_links_followed(path), error);
  const fs::path found = fs::weakly_canonical(absolute, error);
  return error ? path : found;
}

bool is_same(const fs::path& a, const fs::path& b) {
  std::error_code ignored;
  return fs::equivalent(a, b, ignored) || real(a) == real(b);
}

}  // namespace

FilesInUse& FilesInUse::reads(const std::string& option, const std::optional<std::string>& name) {
  if (name) uses_.push_back({option, *name, true, false});
  return *this;
}

FilesInUse& FilesInUse::writes(const std::string& option, const std::string& name) {
  uses_.push_back({option, name, false, true});
  return *this;
}

FilesInUse& FilesInUse::updates(const std::string& option, const std::optional<std::string>& name) {
  if (name) uses_.push_back({option, *name, true, true});
  return *this;
}

void FilesInUse::check() const {
  for (const Use& use : uses_)
    if (use.is_read && use.is_written && is_standard_stream(use.name))
      throw UsageError(use.option, "'-' cannot be both read and written; name a file");
  for (std::size_t b = 0; b < uses_.size(); ++b)
    for (std::size_t a = 0; a < b; ++a) {
      const Use &one = uses_[a], &other = uses_[b];
      if (is_standard_stream(one.name) || is_standard_stream(other.name)) {
        if (one.name != other.name) continue;
        if (one.is_read && other.is_read)
          throw UsageError(other.option, "standard input can be read once, and " + one.option + " reads it");
        if (one.is_written && other.is_written)
          throw UsageError(other.option,
                           "standard output takes one file, and " + one.option + " writes to it");
        continue;
      }
      if (!one.is_written && !other.is_written) continue;
      if (is_special(one.name) || is_special(other.name) || !is_same(one.name, other.name)) continue;
      const Use& written = other.is_written ? other : one;
      const Use& lost = other.is_written ? one : other;
      throw UsageError(
          written.option,
          "'" + written.name + "' would replace " +
              (lost.is_written ? "what " + lost.option + " writes" : "what " + lost.option + " reads") +
              (lost.name == written.name ? "" : ", '" + lost.name + "'") + "; name another file");
    }
}

void FilesInUse::check_none_is_replaced() const {
  check();
  for (const Use& use : uses_) {
    std::error_code ignored;
    if (!use.is_written || use.is_read || is_standard_stream(use.name) || is_special(use.name)) continue;
    if (fs::is_regular_file(use.name, ignored))
      raise<FileError>("cannot write '" + use.name + "': it is there already; --force replaces it");
  }
}

void FilesInUse::check_can_write() const {
  for (const Use& use : uses_)
    if (use.is_written) retrograd::check_can_write(writable_name(use.name));
}

}  // namespace retrograd::tool
