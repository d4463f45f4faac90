// Getting a recording ready: one channel, starting where the sound starts.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace retrograd {

/// How many samples to drop from the start: the index of the sample at which the sound begins, above the
/// recording's own noise, offset and clicks (`sound_begin` in sounding.hpp says how it is found). The rate (Hz) sets
/// the times that are looked at: 1 ms steps, 50 ms of drift. Always less than samples.size(). Raises a DomainError
/// for an empty, damaged or silent recording and for a bad rate.
std::size_t leading_silence(std::span<const double> samples, double sample_rate = 44100);

/// The mean of the channels. `interleaved` holds frames of `channels` samples: (frames, channels) in,
/// (frames) out. Raises a DomainError for an empty or damaged recording, for channels below 1, and where the
/// samples are not a whole number of frames. Channels that cancel give silence, which the analyses refuse.
std::vector<double> mix_to_mono(std::span<const double> interleaved, int channels);

}  // namespace retrograd
