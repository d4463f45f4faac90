// The frames of MPEG audio: ISO/IEC 11172-3, section 2.4.2.3, and 13818-3 for the lower sample rates.
#include "mpeg_frames.hpp"

#include <array>
#include <fstream>
#include <iterator>
#include <string_view>
#include <vector>

namespace retrograd::tool {
namespace {

namespace fs = std::filesystem;

struct Header {
  std::uint64_t bytes = 0;  // of the frame
  std::uint64_t samples = 0;
};

constexpr std::array<std::array<int, 15>, 5> kilobits{{
    {0, 32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448},  // MPEG 1, layer I
    {0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384},     // layer II
    {0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320},      // layer III
    {0, 32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256},     // MPEG 2, layer I
    {0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160},          // layers II and III
}};

/// Of a frame that begins with these four bytes; nothing where none does, or one without a stated bit rate.
std::optional<Header> header_of(std::string_view four) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned>(static_cast<unsigned char>(four[i])); };
  if (four.size() < 4 || byte(0) != 0xff || byte(1) < 0xe0) return std::nullopt;
  const unsigned version = byte(1) >> 3 & 3,
                 layer = 4 - (byte(1) >> 1 & 3);  // version: 3 is 1, 2 is 2, 0 is 2.5
  const unsigned bits = byte(2) >> 4, rate = byte(2) >> 2 & 3, padding = byte(2) >> 1 & 1;
  if (version == 1 || layer == 4 || bits == 0 || bits == 15 || rate == 3) return std::nullopt;
  const bool is_first = version == 3;
  const unsigned table = is_first ? layer - 1 : layer == 1 ? 3 : 4;
  const auto hertz = std::array<std::uint64_t, 3>{44100, 48000, 32000}[rate] / (is_first       ? 1u
                                                                                : version == 2 ? 2u
                                                                                               : 4u);
  const std::uint64_t rate_of_bits = 1000u * static_cast<std::uint64_t>(kilobits[table][bits]);
  if (layer == 1) return Header{4 * (12 * rate_of_bits / hertz + padding), 384};
  const std::uint64_t samples = layer == 3 && !is_first ? 576 : 1152;
  return Header{samples / 8 * rate_of_bits / hertz + padding, samples};
}

/// The tag before the first frame, if there is one.
std::size_t size_of_id3(std::string_view file) {
  if (!file.starts_with("ID3") || file.size() < 10) return 0;
  std::size_t size = 0;
  for (std::size_t i = 6; i < 10; ++i) size = size << 7 | (static_cast<unsigned char>(file[i]) & 0x7fu);
  const bool has_footer = (static_cast<unsigned char>(file[5]) & 0x10u) != 0;
  return 10 + size + (has_footer ? 10 : 0);
}

bool says_its_length(std::string_view frame) {
  const std::string_view beginning = frame.substr(0, 200);
  for (const std::string_view tag : {"Xing", "Info", "VBRI"})
    if (beginning.find(tag) != std::string_view::npos) return true;
  return false;
}

}  // namespace

std::optional<MpegFrames> mpeg_frames(const fs::path& path) {
  std::error_code error;
  if (!fs::is_regular_file(path, error)) return std::nullopt;
  std::ifstream stream(path, std::ios::binary);
  std::array<char, 4> first{};
  stream.read(first.data(), 4);
  const std::string_view start(first.data(), first.size());
  if (!stream || (!start.starts_with("ID3") && !header_of(start))) return std::nullopt;
  stream.seekg(0);
  const std::vector<char> bytes{std::istreambuf_iterator<char>(stream), {}};
  const std::string_view file(bytes.data(), bytes.size());

  std::size_t at = size_of_id3(file);
  if (at >= file.size() || says_its_length(file.substr(at))) return std::nullopt;
  MpegFrames found;
  while (at < file.size()) {
    const std::string_view rest = file.substr(at);
    const std::optional<Header> header = header_of(rest);
    if (!header) {
      if (found.samples == 0) return std::nullopt;
      found.ends_in_a_frame = rest.size() < 4 && rest[0] == '\xff';
      break;
    }
    found.samples_per_frame = header->samples;
    if (header->bytes > rest.size()) {
      found.ends_in_a_frame = true;
      break;
    }
    found.samples += header->samples;
    at += static_cast<std::size_t>(header->bytes);
  }
  return found;
}

}  // namespace retrograd::tool
