// How many samples the frames of an MPEG audio file hold, where its header does not say.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>

namespace retrograd::tool {

/// The frames of an MPEG audio file (.mp3, .mp2).
struct MpegFrames {
  std::uint64_t samples =
      0;  ///< of a channel, in whole frames, an encoder's delay included; up to the first place
          ///< between two frames that holds something unknown
  std::uint64_t samples_per_frame = 0;
  bool ends_in_a_frame = false;  ///< the file was cut
};

/// Counts the frames one by one. Nothing where the file is none of this kind, and where a tag (Xing, Info or VBRI) says
/// its length, so that a decoder knows it.
std::optional<MpegFrames> mpeg_frames(const std::filesystem::path& path);

}  // namespace retrograd::tool
