// "-" in place of a file's name: standard input, or standard output.
#include "standard_streams.hpp"

#include <retrograd/tensor/errors.hpp>

#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "usage_error.hpp"

namespace retrograd::tool {
namespace {

[[noreturn]] void cannot_read() {
  raise<FileError>(std::string("cannot read standard input: ") + std::strerror(errno));
}

/// Puts all that a pipe brings into a file in memory, which takes its place as standard input: only a file can be
/// read from its start once more, which sound files need and who guesses at what it holds.
void gather_standard_input() {
  struct stat status {};
  if (::fstat(STDIN_FILENO, &status) != 0) cannot_read();
  if (S_ISREG(status.st_mode) && ::lseek(STDIN_FILENO, 0, SEEK_CUR) == 0) return;
  const int memory = ::memfd_create("standard input", MFD_CLOEXEC);
  if (memory < 0) cannot_read();
  std::array<char, 65536> block{};
  for (;;) {
    const ssize_t size = ::read(STDIN_FILENO, block.data(), block.size());
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) cannot_read();
    if (size == 0) break;
    for (ssize_t done = 0; done < size;) {
      const ssize_t written = ::write(memory, block.data() + done, static_cast<std::size_t>(size - done));
      if (written < 0 && errno != EINTR) cannot_read();
      if (written > 0) done += written;
    }
  }
  // At its start, so that the file is not gathered again.
  if (::lseek(memory, 0, SEEK_SET) != 0 || ::dup2(memory, STDIN_FILENO) < 0) cannot_read();
  ::close(memory);
}

}  // namespace

std::string readable_name(const std::string& name) {
  if (!is_standard_stream(name)) return name;
  gather_standard_input();
  return "/dev/stdin";
}

std::optional<std::string> readable_name(const std::optional<std::string>& name) {
  return name ? std::optional(readable_name(*name)) : std::nullopt;
}

std::string writable_name(const std::string& name) { return is_standard_stream(name) ? "/dev/stdout" : name; }

std::string shown_input(const std::string& name) {
  return is_standard_stream(name) ? "standard input" : name;
}

std::string shown_output(const std::string& name) {
  return is_standard_stream(name) ? "standard output" : name;
}

std::string in_words(std::string message) {
  const std::pair<std::string, std::string> names[] = {{"'/dev/stdin'", "standard input"},
                                                       {"/dev/stdin", "standard input"},
                                                       {"'/dev/stdout'", "standard output"},
                                                       {"/dev/stdout", "standard output"}};
  for (const auto& [path, words] : names)
    for (std::size_t at = 0; (at = message.find(path, at)) != std::string::npos; at += words.size())
      message.replace(at, path.size(), words);
  return message;
}

void check_no_terminal(const std::string& option, const std::string& name, const std::string& what) {
  if (is_standard_stream(name) && ::isatty(STDOUT_FILENO) == 1)
    throw UsageError(
        option, "standard output is a terminal, and " + what + " is no text; send it to a file or a pipe");
}

}  // namespace retrograd::tool
