// Sound files: reading any that libsndfile reads, writing WAV.
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <vector>

namespace retrograd::tool {

struct Sound {
  std::vector<double> samples;  ///< interleaved: (frames, channels); integer formats scaled to [-1, 1)
  int channels = 1;             ///< 1 or more
  double sample_rate = 0.0;     ///< Hz
  bool had_no_size = false;     ///< the header's size of the samples was 0: read to the file's end
};

/// The sample rates (Hz) that a sound has; a header that says another is damaged.
inline constexpr int lowest_sample_rate = 2000, highest_sample_rate = 768000;

/// Reads a whole sound file. Raises a FileError, naming the file, where it is missing, a directory, empty,
/// not readable, not a sound file, truncated, without samples, of a rate that no sound has, or holds a sample that
/// is NaN or infinite. Truncated is what holds less than its container's own size says (`sample_data`), or what its
/// decoder misses; MPEG audio without a header of its length can be cut between frames unnoticed.
Sound read_sound(const std::filesystem::path& path);

enum class WavFormat {
  f32,    ///< 32-bit floating point, unclipped
  pcm16,  ///< 16-bit integers
  pcm24,  ///< 24-bit integers
};

/// Writes interleaved samples, (frames, channels), as a WAV file, whole or not at all (AtomicFile). The same
/// samples give the same bytes. Integer formats clip to [-1, 1], round to nearest, and the most positive
/// integer stands for 1. Returns how many samples were clipped, 0 for f32.
///
/// Raises a FileError, naming the file: where it cannot be written (as AtomicFile); where the samples are
/// none, not a whole number of frames, or more than a WAV file's 4 GiB; where a sample is NaN, infinite or
/// beyond the largest 32-bit float; where the sample rate is not a whole number of Hz between 1 and 2^31 - 1;
/// where channels are not 1 to 1024.
std::size_t write_wav(const std::filesystem::path& path, std::span<const double> interleaved, int channels,
                      double sample_rate, WavFormat format);
std::size_t write_wav(const std::filesystem::path& path, std::span<const float> interleaved, int channels,
                      double sample_rate, WavFormat format);

/// Raises the FileError that writing so many samples would raise, as far as that can be known before they are
/// there; leaves nothing.
void check_can_write_wav(const std::filesystem::path& path, std::size_t samples, int channels,
                         double sample_rate, WavFormat format);

}  // namespace retrograd::tool
