// Reading a whole file.
#include <retrograd/files/text_file.hpp>
#include <retrograd/tensor/errors.hpp>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>

namespace retrograd {

InputFile::InputFile(const std::filesystem::path& path) : path_(path), file_(nullptr, &std::fclose) {
  std::error_code ignored;
  if (std::filesystem::is_directory(path, ignored)) fail("it is a directory");
  file_.reset(std::fopen(path.c_str(), "rb"));
  if (!file_) fail(errno == ENOENT ? "there is no such file" : std::strerror(errno));
}

void InputFile::fail(const std::string& why) const {
  raise<FileError>("cannot read '" + path_.string() + "': " + why);
}

std::string InputFile::read(std::size_t most) {
  std::string bytes;
  std::array<char, 65536> block{};
  while (bytes.size() < most) {
    const std::size_t wanted = std::min(block.size(), most - bytes.size());
    const std::size_t read = std::fread(block.data(), 1, wanted, file_.get());
    bytes.append(block.data(), read);
    if (read == 0) break;
  }
  if (std::ferror(file_.get()) != 0) fail(std::strerror(errno));
  return bytes;
}

std::string read_text(const std::filesystem::path& path, std::size_t limit) {
  return InputFile(path).read(limit);
}

}  // namespace retrograd
