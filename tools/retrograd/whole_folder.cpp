#include "whole_folder.hpp"

#include <retrograd/files/atomic_file.hpp>
#include <retrograd/tensor/errors.hpp>

#include <csignal>
#include <system_error>

#include <unistd.h>

namespace retrograd::tool {
namespace {

namespace fs = std::filesystem;

/// While it lives, SIGINT, SIGTERM and SIGHUP wait.
class SignalsWait {
 public:
  SignalsWait() {
    sigset_t ending;
    sigemptyset(&ending);
    for (const int signal : {SIGINT, SIGTERM, SIGHUP}) sigaddset(&ending, signal);
    pthread_sigmask(SIG_BLOCK, &ending, &before_);
  }
  ~SignalsWait() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  SignalsWait(const SignalsWait&) = delete;
  SignalsWait& operator=(const SignalsWait&) = delete;

 private:
  sigset_t before_;
};

[[noreturn]] void fail(const fs::path& folder, const std::error_code& error) {
  raise<FileError>("cannot write '" + folder.string() + "': " + error.message());
}

/// A new folder beside `folder`, which is removed with all that is in it unless it has been given away.
class FolderBeside {
 public:
  FolderBeside(const fs::path& folder, const char* what) {
    const fs::path parent = folder.has_parent_path() ? folder.parent_path() : fs::path(".");
    path_ = parent / ("." + folder.filename().string() + what + std::to_string(getpid()));
    std::error_code error;
    if (!fs::is_directory(parent, error))
      raise<FileError>("cannot write '" + folder.string() + "': there is no folder '" + parent.string() +
                       "'");
    fs::remove_all(path_, error);
    if (!fs::create_directory(path_, error)) fail(folder, error);
  }
  ~FolderBeside() {
    std::error_code ignored;
    if (!path_.empty()) fs::remove_all(path_, ignored);
  }
  FolderBeside(const FolderBeside&) = delete;
  FolderBeside& operator=(const FolderBeside&) = delete;

  const fs::path& path() const { return path_; }
  void give_away() { path_.clear(); }

 private:
  fs::path path_;
};

}  // namespace

void write_folder(const fs::path& folder, const std::vector<FolderFile>& files) {
  const SignalsWait signals_wait;
  std::error_code error;
  FolderBeside written(folder, ".new.");
  for (const FolderFile& file : files) write_text(written.path() / file.name, file.bytes);
  if (!fs::exists(fs::symlink_status(folder, error))) {
    fs::rename(written.path(), folder, error);
    if (error) fail(folder, error);
    return written.give_away();
  }
  // What was there goes into a folder of its own, from where it comes back if need be.
  FolderBeside before(folder, ".old.");
  const fs::path moved = before.path() / folder.filename();
  fs::rename(folder, moved, error);
  if (error) fail(folder, error);
  fs::rename(written.path(), folder, error);
  if (!error) return written.give_away();
  std::error_code back;
  fs::rename(moved, folder, back);
  if (back) before.give_away();
  fail(folder, error);
}

}  // namespace retrograd::tool
