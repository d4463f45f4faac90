// Writing a file whole or not at all.
#include <retrograd/files/atomic_file.hpp>
#include <retrograd/files/partial_files.hpp>
#include <retrograd/tensor/errors.hpp>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstring>
#include <system_error>

namespace retrograd {
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

fs::path directory_of(const fs::path& file) {
  return file.has_parent_path() ? file.parent_path() : fs::path(".");
}

/// Five letters that differ from call to call and, most probably, from process to process.
std::string some_letters() {
  static std::atomic<std::uint64_t> calls = 0;
  const auto now = static_cast<std::uint64_t>(std::chrono::steady_clock::now().time_since_epoch().count());
  std::uint64_t state = now ^ static_cast<std::uint64_t>(::getpid()) << 32 ^ ++calls * 0x9e3779b97f4a7c15u;
  state = (state ^ state >> 30) * 0xbf58476d1ce4e5b9u;  // SplitMix64's mixing, whose high bits are the best
  state ^= state >> 27;
  std::string letters;
  for (int i = 0; i < 5; ++i, state /= 26) letters += static_cast<char>('a' + state % 26);
  return letters;
}

}  // namespace

fs::path with_links_followed(fs::path path) {
  const fs::path given = path;
  std::error_code error;
  for (int followed = 0; followed < 40; ++followed) {
    if (!fs::is_symlink(path, error)) return path;
    const fs::path to = fs::read_symlink(path, error);
    if (error) return path;
    path = to.is_absolute() ? to : directory_of(path) / to;
  }
  return given;
}

int open_descriptor_named(const fs::path& path) {
  const std::string& name = path.native();
  if (name == "/dev/stdin") return STDIN_FILENO;
  if (name == "/dev/stdout") return STDOUT_FILENO;
  if (name == "/dev/stderr") return STDERR_FILENO;
  for (const std::string_view folder : {"/dev/fd/", "/proc/self/fd/"}) {
    if (!name.starts_with(folder)) continue;
    int number = -1;
    const char* const end = name.data() + name.size();
    const auto [stopped, error] = std::from_chars(name.data() + folder.size(), end, number);
    return error == std::errc() && stopped == end && number >= 0 ? number : -1;
  }
  return -1;
}

AtomicFile::AtomicFile(const fs::path& target) : named_(target), target_(target) {
  if (target.empty()) raise<FileError>("cannot write a file without a name");
  if (const int open = open_descriptor_named(target); open >= 0) {
    descriptor_ = ::fcntl(open, F_DUPFD_CLOEXEC, 0);
    if (descriptor_ < 0) fail(errno);
    return;
  }
  target_ = with_links_followed(target);
  std::error_code ignored;
  const fs::file_status status = fs::status(target_, ignored);
  if (fs::is_directory(status) || !target_.has_filename())
    cannot_write(named_, fs::is_directory(status) ? "it is a directory" : "the name ends in a slash");
  if (fs::is_symlink(target_, ignored) && !fs::exists(status)) fail(ELOOP);
  if (fs::exists(status)) {
    if (::access(target_.c_str(), W_OK) != 0) fail(errno);
    if (!fs::is_regular_file(status)) {
      descriptor_ = ::open(target_.c_str(), O_WRONLY | O_CLOEXEC);
      if (descriptor_ < 0) fail(errno);
      return;
    }
  } else if (!fs::exists(directory_of(target_), ignored)) {
    cannot_write(named_, "there is no directory '" + directory_of(target_).string() + "'");
  }
  open_beside();
  keep_owner_and_permissions();
}

void AtomicFile::open_beside() {
  const fs::path directory = directory_of(target_);
  // Cut, so that the longest name that a file may have leaves room for the ending.
  const std::string name = target_.filename().string().substr(0, 200);
  for (int tries = 0; tries < 100; ++tries) {
    const fs::path beside = directory / (name + ".partial-" + some_letters());
    remember_partial_file(beside);
    descriptor_ = ::open(beside.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (descriptor_ >= 0) {
      beside_ = beside;
      return;
    }
    const int error_number = errno;
    forget_partial_file(beside);
    if (error_number == EEXIST) continue;  // of another process or thread
    if (error_number == EACCES || error_number == EPERM)
      cannot_write(named_, "no file can be made in its directory '" + directory.string() +
                               "': " + reason(error_number));
    fail(error_number);
  }
  fail(EEXIST);
}

void AtomicFile::keep_owner_and_permissions() {
  struct stat replaced {};
  struct stat made {};
  if (::stat(target_.c_str(), &replaced) != 0 || ::fstat(descriptor_, &made) != 0) return;
  mode_t mode = replaced.st_mode & 07777;
  // Only the superuser gives files away, and others only to their own groups. Where the group cannot stay, the
  // new one may do no more than everybody.
  bool is_kept = replaced.st_uid == made.st_uid && replaced.st_gid == made.st_gid;
  is_kept = is_kept || ::fchown(descriptor_, replaced.st_uid, replaced.st_gid) == 0;
  if (!is_kept) {
    mode &= 0777;  // nobody else's set-user-id
    const bool has_group =
        replaced.st_gid == made.st_gid || ::fchown(descriptor_, static_cast<uid_t>(-1), replaced.st_gid) == 0;
    if (!has_group) mode &= ~070u | (mode & 07u) << 3;
  }
  if (::fchmod(descriptor_, mode) != 0) fail(errno);
}

AtomicFile::~AtomicFile() {
  if (descriptor_ >= 0) ::close(descriptor_);
  if (beside_.empty()) return;
  ::unlink(beside_.c_str());
  forget_partial_file(beside_);
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
  forget_partial_file(beside_);
  beside_.clear();
  // The new name, too, must outlive a power failure. Some file systems cannot be asked for that.
  const int directory = ::open(directory_of(target_).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (directory < 0) return;
  const int error_number = ::fsync(directory) == 0 ? 0 : errno;
  ::close(directory);
  if (error_number == EIO || error_number == ENOSPC || error_number == EDQUOT) fail(error_number);
}

void AtomicFile::fail(int error_number) {
  // Also called while constructing, when no destructor would run.
  if (descriptor_ >= 0) ::close(descriptor_);
  descriptor_ = -1;
  if (!beside_.empty()) {
    ::unlink(beside_.c_str());
    forget_partial_file(beside_);
  }
  beside_.clear();
  cannot_write(named_, reason(error_number));
}

void check_can_write(const fs::path& path) {
  std::error_code ignored;
  const fs::file_status status = fs::status(path, ignored);
  if (open_descriptor_named(path) < 0 && fs::exists(status) && !fs::is_regular_file(status) &&
      !fs::is_directory(status)) {
    // Opening a pipe and closing it again would be the end of it for who reads it.
    if (::access(path.c_str(), W_OK) != 0) cannot_write(path, reason(errno));
    return;
  }
  const AtomicFile probe(path);
}

void write_text(const fs::path& path, std::string_view text) {
  AtomicFile file(path);
  file.write(text);
  file.commit();
}

}  // namespace retrograd
