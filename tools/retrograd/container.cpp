// How many bytes of samples a sound file's container promises.
#include "container.hpp"

#include <algorithm>
#include <fstream>
#include <string_view>
#include <vector>

#include <retrograd/tensor/errors.hpp>

namespace retrograd::tool {
namespace {

namespace fs = std::filesystem;
using Word = std::uint64_t;
constexpr Word unknown_from = 0x7ffff000;  // a 32-bit size from here on stands for "not known"

/// A file of which any bytes can be looked at; those after its end are missing.
class Bytes {
 public:
  explicit Bytes(const fs::path& path)
      : path_(path), file_(path, std::ios::binary), size_(fs::file_size(path)) {}

  Word size() const { return size_; }

  std::string text(Word at, std::size_t count) {
    if (at > size_ || count > size_ - at) {
      raise<FileError>("cannot read '" + path_.string() + "': it is truncated: it ends after " +
                       std::to_string(size_) + " bytes, before its samples");
    }
    std::string bytes(count, '\0');
    file_.clear();
    file_.seekg(static_cast<std::streamoff>(at));
    file_.read(bytes.data(), static_cast<std::streamsize>(count));
    return bytes;
  }

  Word number(Word at, std::size_t width, bool is_big_endian) {
    std::string bytes = text(at, width);
    if (!is_big_endian) std::reverse(bytes.begin(), bytes.end());
    Word value = 0;
    for (const char byte : bytes) value = value << 8 | static_cast<unsigned char>(byte);
    return value;
  }

 private:
  fs::path path_;
  std::ifstream file_;
  Word size_;
};

/// The size field of `width` bytes at `position`, with `value` in it.
SizeField field(Word position, std::size_t width, bool is_big_endian, Word value) {
  SizeField result{position, width, {}};
  for (std::size_t i = 0; i < width; ++i) {
    const std::size_t place = is_big_endian ? width - 1 - i : i;
    result.bytes[i] = static_cast<unsigned char>(value >> (8 * place));
  }
  return result;
}

/// Whether the bytes from `at` on are chunks up to the file's end: then a size of 0 before them is the truth.
bool are_chunks(Bytes& file, Word at, bool is_big_endian) {
  while (file.size() - at >= 8) {
    for (const char letter : file.text(at, 4)) {
      if (letter < ' ' || letter > '~') return false;
    }
    const Word size = file.number(at + 4, 4, is_big_endian);
    if (size > file.size() - at - 8) return false;
    at = std::min(at + 8 + size + size % 2, file.size());
  }
  return file.size() - at < 2;
}

/// The samples of a container of chunks with an identifier and a size of 32 bits each.
SampleData in_chunks(Bytes& file, const std::string& data, bool is_big_endian, bool has_64_bits) {
  Word wide_size = 0, wide_at = 0;
  for (Word at = 12;;) {
    const std::string name = file.text(at, 4);
    const Word size = file.number(at + 4, 4, is_big_endian);
    if (name == "ds64" && has_64_bits) {
      wide_at = at + 16;
      wide_size = file.number(wide_at, 8, false);
    }
    if (name == data) {
      SampleData found{size, file.size() - at - 8, {}};
      const bool is_wide = wide_at != 0 && size == 0xffffffff;
      if (is_wide) found.said = wide_size;
      const bool is_known = is_wide ? wide_size < ~Word{0} >> 1 : size < unknown_from;
      if (!is_known) found.said = found.there;
      if (found.said == 0 && found.there > 0 && !are_chunks(file, at + 8, is_big_endian)) {
        found.said = found.there;
        found.mended = is_wide ? field(wide_at, 8, false, found.there)
                               : field(at + 4, 4, is_big_endian, std::min<Word>(found.there, unknown_from));
      }
      return found;
    }
    at += 8 + size + size % 2;
  }
}

SampleData in_w64(Bytes& file) {
  for (Word at = 40;;) {
    const std::string name = file.text(at, 4);
    const Word size = file.number(at + 16, 8, false);  // with its own header of 24 bytes
    if (name == "data") {
      SampleData found{size - std::min<Word>(size, 24), file.size() - at - 24, {}};
      if (size > ~Word{0} >> 1) found.said = found.there;
      if (found.said == 0 && found.there > 0) {
        found.said = found.there;
        found.mended = field(at + 16, 8, false, found.there + 24);
      }
      return found;
    }
    if (size > file.size()) file.text(file.size(), 1);
    at += std::max<Word>(24, (size + 7) / 8 * 8);
  }
}

SampleData in_au(Bytes& file, bool is_big_endian) {
  const Word start = file.number(4, 4, is_big_endian), size = file.number(8, 4, is_big_endian);
  file.text(start, 0);
  SampleData found{size, file.size() - start, {}};
  if (size >= unknown_from) found.said = found.there;
  if (size == 0 && found.there > 0) {
    found.said = found.there;
    found.mended = field(8, 4, is_big_endian, found.there);
  }
  return found;
}

SampleData in_caf(Bytes& file) {
  for (Word at = 8;;) {
    const std::string name = file.text(at, 4);
    const Word size = file.number(at + 4, 8, true);
    if (name == "data") {
      SampleData found{size, file.size() - at - 12, {}};
      if (size > ~Word{0} >> 1) found.said = found.there;
      if (size == 0 && found.there > 4) {
        found.said = found.there;
        found.mended = field(at + 4, 8, true, found.there);
      }
      return found;
    }
    if (size > file.size()) file.text(file.size(), 1);
    at += 12 + size;
  }
}

/// The last page of an Ogg file says that it is the last.
void check_ogg(const fs::path& path, Bytes& file) {
  const Word tail = std::min<Word>(file.size(), 128 * 1024);  // a page has at most 65307 bytes
  const std::string end = file.text(file.size() - tail, static_cast<std::size_t>(tail));
  const std::size_t page = end.rfind("OggS");
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(end[i]); };
  bool is_whole = false;
  if (page != std::string::npos && page + 27 <= end.size()) {
    const std::size_t segments = byte(page + 26);
    std::size_t size = 27 + segments;
    for (std::size_t i = 0; i < segments && page + 27 + i < end.size(); ++i) size += byte(page + 27 + i);
    is_whole = (byte(page + 5) & 4) != 0 && page + size <= end.size();
  }
  if (!is_whole)
    raise<FileError>("cannot read '" + path.string() + "': it is truncated: its last page is missing");
}

}  // namespace

std::optional<SampleData> sample_data(const fs::path& path) {
  std::error_code error;
  if (!fs::is_regular_file(path, error)) return std::nullopt;
  Bytes file(path);
  if (file.size() < 12) return std::nullopt;
  const std::string start = file.text(0, 12), name = start.substr(0, 4), kind = start.substr(8);
  if (kind == "WAVE" && (name == "RIFF" || name == "RIFX"))
    return in_chunks(file, "data", name == "RIFX", false);
  if (kind == "WAVE" && (name == "RF64" || name == "BW64")) return in_chunks(file, "data", false, true);
  if (name == "FORM" && (kind == "AIFF" || kind == "AIFC")) return in_chunks(file, "SSND", true, false);
  if (start.starts_with("riff\x2e\x91\xcf\x11")) return in_w64(file);
  if (name == ".snd" || name == "dns.") return in_au(file, name == ".snd");
  if (name == "caff") return in_caf(file);
  if (name == "OggS") check_ogg(path, file);
  return std::nullopt;
}

}  // namespace retrograd::tool
