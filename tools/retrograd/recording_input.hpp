// A recording as the analyses and the fit take it: one channel.
#pragma once

#include <filesystem>
#include <vector>

#include "sound_file.hpp"

namespace retrograd::tool {

/// `read_sound`, with a word on stderr where the file's header had to be mended.
Sound read_recording(const std::filesystem::path& path);

/// One channel of the sound that was read from `path`: the mean of its channels. Where they cancel, so that the
/// mean is 20 dB or more below what unrelated channels of their loudness would give, it is the loudest channel
/// alone. That is said on stderr, and a loss of 6 dB or more is too.
std::vector<double> mono_of(const Sound& sound, const std::filesystem::path& path);

}  // namespace retrograd::tool
