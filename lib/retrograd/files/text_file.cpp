// Reading a whole file.
#include <retrograd/files/text_file.hpp>
#include <retrograd/tensor/errors.hpp>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>

namespace retrograd {

std::string read_text(const std::filesystem::path& path, std::size_t limit) {
  const auto fail = [&](const std::string& why) {
    raise<FileError>("cannot read '" + path.string() + "': " + why);
  };
  std::error_code ignored;
  if (std::filesystem::is_directory(path, ignored)) fail("it is a directory");
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "rb"), &std::fclose);
  if (!file) fail(errno == ENOENT ? "there is no such file" : std::strerror(errno));
  std::string text;
  std::array<char, 65536> block{};
  while (text.size() < limit) {
    const std::size_t wanted = std::min(block.size(), limit - text.size());
    const std::size_t read = std::fread(block.data(), 1, wanted, file.get());
    text.append(block.data(), read);
    if (read == 0) break;
  }
  if (std::ferror(file.get()) != 0) fail(std::strerror(errno));
  return text;
}

}  // namespace retrograd
