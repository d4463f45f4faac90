// Sound files: writing those of sound_format.hpp.
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>

#include "sound_format.hpp"

namespace retrograd::tool {

/// Writes interleaved samples, (frames, channels), as a sound file, whole or not at all (AtomicFile). The same
/// samples give the same bytes, in Ogg files but for a number that each has of its own. Integer formats and
/// lossy ones clip to [-1, 1]; integers are rounded to nearest, and the most positive one stands for 1. Returns
/// how many samples are beyond [-1, 1].
///
/// Raises a FileError, naming the file: where it cannot be written (as AtomicFile); where the samples are
/// none, not a whole number of frames, or more than such a file holds; where a sample is NaN, infinite or
/// beyond the largest 32-bit float; where the sample rate is not a whole number of Hz between 1 and 2^31 - 1,
/// or none that such a file has; where channels are not 1 to 1024.
std::size_t write_sound(const std::filesystem::path& path, std::span<const double> interleaved, int channels,
                        double sample_rate, const SoundFormat& format);
std::size_t write_sound(const std::filesystem::path& path, std::span<const float> interleaved, int channels,
                        double sample_rate, const SoundFormat& format);

/// Raises the FileError that writing so many samples would raise, as far as that can be known before they are
/// there; leaves nothing.
void check_can_write_sound(const std::filesystem::path& path, std::size_t samples, int channels,
                           double sample_rate, const SoundFormat& format);

using WavFormat = SampleFormat;

/// Writes a WAV file. Returns how many samples were clipped, 0 for f32.
std::size_t write_wav(const std::filesystem::path& path, std::span<const double> interleaved, int channels,
                      double sample_rate, WavFormat format);
std::size_t write_wav(const std::filesystem::path& path, std::span<const float> interleaved, int channels,
                      double sample_rate, WavFormat format);

}  // namespace retrograd::tool
