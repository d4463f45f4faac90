// What of a recording is its sound, and what is only the room, the hum and the clicks around it.
#pragma once

#include <cstddef>
#include <span>

namespace retrograd {

/// The index of the sample at which the sound of a recording begins. It is found by loudness: the root mean square
/// of 1 ms steps, each averaged over 9 ms, against the loudest there is.
///
/// The floor is the quietest 12 ms before the attack, if it lies 24 dB or more below the loudest and the loudness
/// there is steady for 20 ms: within 2 dB over the last 0.2 s, or 0.75 dB where the sound takes more than 0.2 s to rise from 3 to 8 dB
/// above it. Otherwise there is none, since the recording begins in its sound. The sound is what is 8 dB above the floor, and never less than 40 dB below the loudest. A shorter or weaker event apart from it (a click, a burst of noise) is left out: one of
/// up to 6 ms with less than a tenth of the energy of what follows, a longer one with less than a fiftieth.
///
/// From 5 ms before there on, the sound begins with the first sample at a hundredth of its peak, or at 5 times
/// the floor's root mean square where that is more. If all that follows for up to 50 ms stays 20 dB below an
/// attack that is then there at once, as before an attack that a codec has smeared, it begins with that attack.
///
/// A constant offset, a step of it and drift below 20 Hz count for nothing: what is looked at is each sample
/// less the mean of the 50 ms before it. In a recording of less than 20 ms the sound begins with the first
/// sample at a hundredth of the peak.
///
/// Raises a DomainError for an empty, damaged or silent recording and for a bad sample rate.
std::size_t sound_begin(std::span<const double> samples, double sample_rate);

/// Where the sound of a recording ends.
struct SoundEnd {
  std::size_t sample;    ///< one past its last sample
  bool is_before_other;  ///< whether clicks or bursts follow that are no part of it
};

/// `sound_begin` of the recording played backwards, without the search for a smeared attack.
SoundEnd sound_end(std::span<const double> samples, double sample_rate);

}  // namespace retrograd
