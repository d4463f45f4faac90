// Sound files: reading any that libsndfile reads. sound_writer.hpp writes them.
#pragma once

#include <filesystem>
#include <vector>

#include "sound_writer.hpp"

namespace retrograd::tool {

struct Sound {
  std::vector<double> samples;   ///< interleaved: (frames, channels); integer formats scaled to [-1, 1)
  int channels = 1;              ///< 1 or more
  double sample_rate = 0.0;      ///< Hz
  bool had_no_size = false;      ///< the header's size of the samples was 0: read to the file's end
  bool ends_in_a_frame = false;  ///< MPEG audio that was cut: its last frame is left out
};

/// The sample rates (Hz) that a sound has; a header that says another is damaged.
inline constexpr int lowest_sample_rate = 2000, highest_sample_rate = 768000;

/// Reads a whole sound file. Raises a FileError, naming the file, where it is missing, a directory, empty,
/// not readable, not a sound file, truncated, without samples, of a rate that no sound has, or holds a sample that
/// is NaN or infinite. Truncated is what holds less than its container's own size says (`sample_data`), or what its
/// decoder misses. MPEG audio without a header of its length is refused where its decoder takes it for shorter than its
/// frames are, and can be cut between two frames unnoticed.
Sound read_sound(const std::filesystem::path& path);

}  // namespace retrograd::tool
