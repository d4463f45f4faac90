// When a note is held in a recording: the gate an envelope generator would have needed to play it.
#pragma once

#include <span>

namespace retrograd {

/// When a note is held.
struct Gate {
  double on;   ///< seconds from the recording's start
  double off;  ///< seconds; on + 5 ms or later, unless the recording ends before
};

/// The gate of the note in a recording, read off its loudness (steps of 1 ms, each averaged over 9 ms).
///
/// On is where the attack starts (`sound_begin`). An offset or drift of the recording counts for nothing, nor
/// do clicks and bursts of noise before the sound and after it (`sound_end`).
///
/// Off, for a sound that is sustained and then fades or stops, is where its final decay starts: where the
/// loudness in decibels stands farthest above the straight line from the loudest moment, at 0 dB, to the
/// sound's end, if it stands 6 dB or more above it. A sound that goes on until the recording ends keeps its
/// gate until then.
///
/// A sound that only decays (plucked, struck) has no such corner. Its gate stays open until it is 20 dB below
/// its loudest for good, so that attack, decay and sustain shape what is heard most, and the release its
/// tail.
///
/// The sound's end is where it is 40 dB below its loudest for good, or 6 dB above the quietest moment after
/// the loudest, if noise keeps that above -40 dB (at most -20 dB). A sharp end is found to 5 ms, a kink in a
/// smooth fade less well. 0 <= on < off <= the recording's duration.
///
/// Raises a DomainError for an empty, damaged or silent recording and for a bad sample rate.
Gate detect_gate(std::span<const double> samples, double sample_rate);

}  // namespace retrograd
