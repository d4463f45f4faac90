// How many bytes of samples a sound file's container promises, and how many are there.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

namespace retrograd::tool {

/// The bytes that hold a size in a file, to be read instead of what is there.
struct SizeField {
  std::uint64_t position = 0;            ///< in the file
  std::size_t width = 0;                 ///< bytes, up to 8
  std::array<unsigned char, 8> bytes{};  ///< as the container orders them
};

/// What a container says of its samples.
struct SampleData {
  std::uint64_t said = 0;             ///< bytes; as many as there are where the container does not know
  std::uint64_t there = 0;            ///< bytes from their start to the file's end
  std::optional<SizeField> mended{};  ///< a size of 0 before samples (a recorder that was killed), set right
};

/// Looks for the samples in a RIFF, RIFX, RF64, BW64, W64, AU, AIFF, AIFC or CAF file by the container's own sizes, and
/// in an Ogg file for its last page. A size that stands for "not known" (a recorder writing to a pipe) is no
/// promise. Nothing for any other file. Raises a FileError, naming the file, where it ends before its samples
/// begin, or an Ogg file before its last page.
std::optional<SampleData> sample_data(const std::filesystem::path& path);

}  // namespace retrograd::tool
