// Writing a file whole or not at all.
#include "atomic_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <system_error>

#include <retrograd/tensor/errors.hpp>

namespace retrograd::tool {
namespace {

namespace fs = std::filesystem;

std::string reason(int error_number) {
  if (error_number == ENOSPC) return "the disk is full";
  if (error_number == EDQUOT) return "the disk quota is used up";
  return std::strerror(error_number);
}

[[noreturn]] void cannot_write(const fs::path& path, const std::string& why) {
  raise<FileError>("cannot write '" + path.string() + "': " + why);
}

// The file beside that is being written, for the signal handler; empty for none. Written by whoever makes an
// AtomicFile, one at a time; `is_partial` is set last and reset first.
std::array<char, 4096> partial_name;
volatile std::sig_atomic_t is_partial = 0;

void remember_partial(const std::string& name) {
  if (is_partial != 0 || name.size() >= partial_name.size()) return;
  std::memcpy(partial_name.data(), name.c_str(), name.size() + 1);
  std::atomic_signal_fence(std::memory_order_seq_cst);
  is_partial = 1;
}

void forget_partial(const std::string& name) {
  if (is_partial != 0 && name == partial_name.data()) is_partial = 0;
}

void remove_partial_and_end(int signal) {
  if (is_partial != 0) ::unlink(partial_name.data());
  ::signal(signal, SIG_DFL);
  ::raise(signal);
}

}  // namespace

AtomicFile::AtomicFile(const fs::path& target) : named_(target), target_(target) {
  if (target.empty()) raise<FileError>("cannot write a file without a name");
  std::error_code ignored;
  if (fs::is_symlink(target, ignored)) {
    const fs::path followed = fs::weakly_canonical(target, ignored);
    if (!followed.empty()) target_ = followed;
  }
  const fs::path directory = target_.has_parent_path() ? target_.parent_path() : fs::path(".");
  const fs::file_status status = fs::status(target_, ignored);
  if (fs::is_directory(status) || !target_.has_filename()) {
    cannot_write(named_, fs::is_directory(status) ? "it is a directory" : "the name ends in a slash");
  }
  if (fs::exists(status)) {
    if (::access(target_.c_str(), W_OK) != 0) fail(errno);
    if (!fs::is_regular_file(status)) {
      descriptor_ = ::open(target_.c_str(), O_WRONLY | O_CLOEXEC);
      if (descriptor_ < 0) fail(errno);
      return;
    }
  } else if (!fs::exists(directory, ignored)) {
    cannot_write(named_, "there is no directory '" + directory.string() + "'");
  }

  fs::path beside = target_;
  beside += ".partial-" + std::to_string(::getpid());
  ::unlink(beside.c_str());  // what a killed process of the same number may have left
  remember_partial(beside);
  descriptor_ = ::open(beside.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  if (descriptor_ < 0) {
    const int error_number = errno;
    forget_partial(beside);
    fail(error_number);
  }
  beside_ = beside;
  struct stat replaced;
  if (::stat(target_.c_str(), &replaced) == 0 && ::fchmod(descriptor_, replaced.st_mode & 07777) != 0)
    fail(errno);
}

AtomicFile::~AtomicFile() {
  if (descriptor_ >= 0) ::close(descriptor_);
  if (beside_.empty()) return;
  ::unlink(beside_.c_str());
  forget_partial(beside_);
}

void AtomicFile::write(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(descriptor_, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) fail(errno);
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
}

void AtomicFile::commit() {
  // A full disk may show only now. Pipes and devices cannot be synchronised and need not be.
  if (!beside_.empty() && ::fsync(descriptor_) != 0) fail(errno);
  const int closed = ::close(descriptor_);
  descriptor_ = -1;
  if (closed != 0) fail(errno);
  if (beside_.empty()) return;
  if (::rename(beside_.c_str(), target_.c_str()) != 0) fail(errno);
  forget_partial(beside_);
  beside_.clear();
}

void AtomicFile::fail(int error_number) {
  // Also called while constructing, when no destructor would run.
  if (descriptor_ >= 0) ::close(descriptor_);
  descriptor_ = -1;
  if (!beside_.empty()) {
    ::unlink(beside_.c_str());
    forget_partial(beside_);
  }
  beside_.clear();
  cannot_write(named_, reason(error_number));
}

void check_can_write(const fs::path& path) {
  std::error_code ignored;
  const fs::file_status status = fs::status(path, ignored);
  if (fs::exists(status) && !fs::is_regular_file(status) && !fs::is_directory(status)) {
    // Opening a pipe and closing it again would be the end of it for who reads it.
    if (::access(path.c_str(), W_OK) != 0) cannot_write(path, reason(errno));
    return;
  }
  const AtomicFile probe(path);
}

void remove_partial_file_on_signals() {
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
    struct sigaction before {};
    ::sigaction(signal, nullptr, &before);
    if (before.sa_handler == SIG_IGN) continue;  // in the background of a shell, or under nohup
    struct sigaction action {};
    action.sa_handler = remove_partial_and_end;
    ::sigaction(signal, &action, nullptr);
  }
}

void write_text(const fs::path& path, std::string_view text) {
  AtomicFile file(path);
  file.write(text);
  file.commit();
}

}  // namespace retrograd::tool
