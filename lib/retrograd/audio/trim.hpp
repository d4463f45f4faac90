// Getting a recording ready: one channel, starting where the sound starts.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace retrograd {

/// A sample belongs to the sound from 40 dB below the recording's peak on: a hundredth of it.
inline constexpr double silence_threshold = 0.01;

/// How many samples to drop from the start: the index of the first sample with |x| >= silence_threshold *
/// peak. Always less than samples.size(). Raises a DomainError for an empty, damaged or silent recording.
std::size_t leading_silence(std::span<const double> samples);

/// The mean of the channels. `interleaved` holds frames of `channels` samples: (frames, channels) in,
/// (frames) out. Raises a DomainError for an empty or damaged recording, for channels below 1, and where the
/// samples are not a whole number of frames. Channels that cancel give silence, which the analyses refuse.
std::vector<double> mix_to_mono(std::span<const double> interleaved, int channels);

}  // namespace retrograd
