// Files written whole or not at all: what is there afterwards, whatever happens.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <retrograd/c.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <retrograd/files/atomic_file.hpp>
#include <retrograd/racks/rack_file.hpp>
#include <retrograd/tensor/errors.hpp>

#include <atomic>
#include <csignal>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "../tools/scratch.hpp"

namespace fs = std::filesystem;
using namespace retrograd;

namespace {

std::atomic<int> synced_files = 0;
std::atomic<int> synced_directories = 0;

/// The message of the FileError that `action` raises.
template <class Action>
std::string message_of(Action action) {
  try {
    action();
  } catch (const FileError& error) {
    return error.what();
  }
  return "(no FileError)";
}

/// Runs `body` as the user nobody, in a process of its own, where root can become that user; whether it is true.
template <class Body>
bool as_nobody(Body body) {
  constexpr unsigned nobody = 65534;
  const pid_t child = ::fork();
  if (child == 0) {
    if (::geteuid() == 0 && (::setgid(nobody) != 0 || ::setuid(nobody) != 0)) ::_exit(2);
    ::_exit(body() ? 0 : 1);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

struct stat status_of(const fs::path& path) {
  struct stat status {};
  REQUIRE(::stat(path.c_str(), &status) == 0);
  return status;
}

}  // namespace

/// The system's, and counted: what has not been brought to the disk cannot be seen afterwards.
extern "C" int fsync(int descriptor) {
  struct stat status {};
  ::fstat(descriptor, &status);
  ++(S_ISDIR(status.st_mode) ? synced_directories : synced_files);
  return static_cast<int>(::syscall(SYS_fsync, descriptor));
}

TEST_CASE("a target that cannot be written is told why") {
  const Scratch scratch;
  CHECK(message_of([&] { write_text("", "x"); }) == "cannot write a file without a name");
  CHECK(message_of([&] { write_text(scratch.path, "x"); }) ==
        "cannot write '" + scratch.path.string() + "': it is a directory");
  CHECK(message_of([&] { write_text(scratch / "no/a.toml", "x"); }) ==
        "cannot write '" + (scratch / "no/a.toml").string() + "': there is no directory '" +
            (scratch / "no").string() + "'");
  CHECK(message_of([&] { write_text(scratch / "no/", "x"); }) ==
        "cannot write '" + (scratch / "no/").string() + "': the name ends in a slash");
  put(scratch / "file", "");
  CHECK(message_of([&] { write_text(scratch / "file/a", "x"); }) ==
        "cannot write '" + (scratch / "file/a").string() + "': Not a directory");
  const std::string too_long(256, 'n');
  CHECK(message_of([&] { write_text(scratch / too_long, "x"); }) ==
        "cannot write '" + (scratch / too_long).string() + "': File name too long");
  fs::create_symlink("round", scratch / "round");
  CHECK(message_of([&] { write_text(scratch / "round", "x"); }) ==
        "cannot write '" + (scratch / "round").string() + "': Too many levels of symbolic links");
  CHECK(message_of([] { write_text("/dev/full", "x"); }) == "cannot write '/dev/full': the disk is full");
  CHECK(scratch.files() == 2);
}

TEST_CASE("a directory or file without permission is told so") {
  const Scratch scratch;
  ::chmod(scratch.path.c_str(), 0777);
  put(scratch / "kept", "as it was");
  ::chmod((scratch / "kept").c_str(), 0444);
  CHECK(as_nobody([&] {
    return message_of([&] { write_text(scratch / "kept", "x"); }) ==
           "cannot write '" + (scratch / "kept").string() + "': Permission denied";
  }));
  ::chmod(scratch.path.c_str(), 0555);
  CHECK(as_nobody([&] {
    return message_of([&] { write_text(scratch / "new", "x"); }) ==
           "cannot write '" + (scratch / "new").string() + "': no file can be made in its directory '" +
               scratch.path.string() + "': Permission denied";
  }));
  ::chmod(scratch.path.c_str(), 0755);
  CHECK(content(scratch / "kept") == "as it was");
  CHECK(scratch.files() == 1);
}

TEST_CASE("a file that is not committed leaves no trace") {
  const Scratch scratch;
  put(scratch / "a", "old");
  {
    AtomicFile file(scratch / "a");
    file.write("new");
    CHECK(content(scratch / "a") == "old");
    CHECK(scratch.files() == 2);
  }
  CHECK(content(scratch / "a") == "old");
  CHECK(scratch.files() == 1);
}

TEST_CASE("a write that fails half way leaves the target as it was, and nothing else") {
  const Scratch scratch;
  put(scratch / "a", "old");
  std::signal(SIGXFSZ, SIG_IGN);
  rlimit before{};
  ::getrlimit(RLIMIT_FSIZE, &before);
  rlimit limit = before;
  limit.rlim_cur = 4096;
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &limit) == 0);
  const std::string message = message_of([&] { write_text(scratch / "a", std::string(5000, 'x')); });
  ::setrlimit(RLIMIT_FSIZE, &before);
  CHECK(message == "cannot write '" + (scratch / "a").string() + "': File too large");
  CHECK(content(scratch / "a") == "old");
  CHECK(scratch.files() == 1);
}

TEST_CASE("a file is replaced as a whole, keeping its permissions and the links to it") {
  const Scratch scratch;
  put(scratch / "a", "old");
  ::chmod((scratch / "a").c_str(), 0640);
  fs::create_symlink("a", scratch / "link");
  write_text(scratch / "link", "new");
  CHECK(fs::is_symlink(scratch / "link"));
  CHECK(content(scratch / "a") == "new");
  CHECK(fs::status(scratch / "a").permissions() == fs::perms(0640));
  CHECK(scratch.files() == 2);
  write_text(scratch / "empty", "");
  CHECK(fs::file_size(scratch / "empty") == 0);
}

TEST_CASE("a link to a file that is not there yet stays a link") {
  const Scratch scratch;
  fs::create_directory(scratch / "folder");
  fs::create_symlink("second", scratch / "first");
  fs::create_symlink("folder/file", scratch / "second");
  write_text(scratch / "first", "text");
  CHECK(fs::is_symlink(scratch / "first"));
  CHECK(fs::is_symlink(scratch / "second"));
  CHECK(content(scratch / "folder" / "file") == "text");
  fs::create_symlink("nowhere/file", scratch / "third");
  CHECK(message_of([&] { write_text(scratch / "third", "x"); }) ==
        "cannot write '" + (scratch / "third").string() + "': there is no directory '" +
            (scratch / "nowhere").string() + "'");
}

TEST_CASE("a new file has the permissions that the process gives new files") {
  const Scratch scratch;
  const mode_t before = ::umask(027);
  write_text(scratch / "a", "text");
  ::umask(before);
  CHECK((status_of(scratch / "a").st_mode & 07777) == 0640);
}

TEST_CASE("root that replaces somebody's file leaves it theirs") {
  if (::geteuid() != 0) {
    MESSAGE("skipped: only root gives files away");
    return;
  }
  const Scratch scratch;
  put(scratch / "a", "old");
  REQUIRE(::chown((scratch / "a").c_str(), 1234, 5678) == 0);
  ::chmod((scratch / "a").c_str(), 0660);
  write_text(scratch / "a", "new");
  const struct stat status = status_of(scratch / "a");
  CHECK(status.st_uid == 1234);
  CHECK(status.st_gid == 5678);
  CHECK((status.st_mode & 07777) == 0660);
}

TEST_CASE("where a file's group cannot be kept, the new group may do no more than everybody") {
  if (::geteuid() != 0) {
    MESSAGE("skipped: only root makes another's file");
    return;
  }
  const Scratch scratch;
  ::chmod(scratch.path.c_str(), 0777);
  put(scratch / "a", "old");
  ::chmod((scratch / "a").c_str(), 0676);
  CHECK(as_nobody([&] {
    write_text(scratch / "a", "new");
    return true;
  }));
  CHECK(content(scratch / "a") == "new");
  const struct stat status = status_of(scratch / "a");
  CHECK(status.st_uid == 65534);
  CHECK((status.st_mode & 07777) == 0666);
}

TEST_CASE("a name as long as names may be is written") {
  const Scratch scratch;
  for (const std::size_t length : {201u, 230u, 255u}) {
    const std::string name(length, 'n');
    write_text(scratch / name, "text");
    CHECK(content(scratch / name) == "text");
  }
  CHECK(scratch.files() == 3);
}

TEST_CASE("a device is written in place, not replaced by a file") {
  write_text("/dev/null", "x");
  CHECK(fs::is_character_file("/dev/null"));
}

TEST_CASE("the names of open files are these files, which go on where they are") {
  const Scratch scratch;
  const int file = ::open((scratch / "log").c_str(), O_WRONLY | O_CREAT, 0600);
  REQUIRE(file >= 0);
  REQUIRE(::write(file, "before ", 7) == 7);
  for (const std::string folder : {"/dev/fd/", "/proc/self/fd/"}) {
    check_can_write(folder + std::to_string(file));
    write_text(folder + std::to_string(file), "text ");
  }
  REQUIRE(::write(file, "after", 5) == 5);
  ::close(file);
  CHECK(content(scratch / "log") == "before text text after");
  CHECK(scratch.files() == 1);
  CHECK(message_of([&] { write_text("/dev/fd/" + std::to_string(file), "x"); }) ==
        "cannot write '/dev/fd/" + std::to_string(file) + "': Bad file descriptor");
  CHECK(open_descriptor_named("/dev/stdout") == 1);
  CHECK(open_descriptor_named("/dev/fd/") == -1);
  CHECK(open_descriptor_named("/dev/fd/-1") == -1);
  CHECK(open_descriptor_named("/dev/fd/1x") == -1);
  CHECK(open_descriptor_named("stdout") == -1);
}

TEST_CASE("a relative name is written in the current directory") {
  const Scratch scratch;
  const fs::path before = fs::current_path();
  fs::current_path(scratch.path);
  write_text("plain", "text");
  const bool there = content(scratch / "plain") == "text";
  fs::current_path(before);
  CHECK(there);
}

TEST_CASE("what is written is on the disk, under its name") {
  const Scratch scratch;
  for (const bool is_saved : {false, true}) {
    synced_files = synced_directories = 0;
    if (is_saved)
      save_rack(default_rack(), (scratch / "a").string());
    else
      write_text(scratch / "a", "text");
    CHECK(synced_files == 1);
    CHECK(synced_directories == 1);
  }
  CHECK(load_rack((scratch / "a").string()) == default_rack());
}

TEST_CASE("one name written by many threads at once holds what one of them wrote, and nothing is left over") {
  const Scratch scratch;
  const std::string path = (scratch / "patch.toml").string();
  std::atomic<int> refused = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t)
    threads.emplace_back([&, t] {
      rg_patch patch{};
      rg_patch_default(&patch);
      rg_patch_set(patch, 0, 100.0 + t);
      for (int i = 0; i < 20; ++i)
        if (rg_patch_save(patch, path.c_str()) != RG_OK) ++refused;
      rg_patch_close(patch);
    });
  for (std::thread& thread : threads) thread.join();
  CHECK(refused == 0);
  CHECK(load_rack(path).note.frequency >= 100.0);
  CHECK(scratch.files() == 1);
}

TEST_CASE("the C interface's save follows links and keeps permissions") {
  const Scratch scratch;
  put(scratch / "real.toml", "old");
  ::chmod((scratch / "real.toml").c_str(), 0600);
  fs::create_symlink("real.toml", scratch / "link.toml");
  rg_patch patch{};
  REQUIRE(rg_patch_default(&patch) == RG_OK);
  synced_files = synced_directories = 0;
  CHECK(rg_patch_save(patch, (scratch / "link.toml").c_str()) == RG_OK);
  CHECK(synced_files == 1);
  CHECK(synced_directories == 1);
  rg_patch_close(patch);
  CHECK(fs::is_symlink(scratch / "link.toml"));
  CHECK(load_rack((scratch / "real.toml").string()) == default_rack());
  CHECK((status_of(scratch / "real.toml").st_mode & 07777) == 0600);
}
