// The pitch of a recording, as an FM patch wants it: the strong partials are small multiples of it.
#pragma once

#include <span>

#include <retrograd/audio/partial.hpp>

namespace retrograd {

/// What detect_pitch finds.
struct Pitch {
  double frequency;   ///< Hz
  double confidence;  ///< 0 (noise, partials without a common period) to 1 (periodic at this frequency)
};

/// The pitch is the strongest partial divided by a whole number n, 1 to 8. So the strongest partial is
/// exactly n times the pitch, whatever the fundamental's own strength: a missing fundamental is found. Where
/// the partials share no period (a bell, noise), the pitch is the strongest partial itself: the ratios 1, 2,
/// 3 ... and 0.5 of a patch then at least hit what is heard most.
///
/// n is the smallest that gives the recording a period. Its measure is the normalised square difference of
/// McLeod and Wyvill, "A smarter way to find pitch" (2005), that is 2 sum x[j] x[j+lag] / sum (x[j]^2 +
/// x[j+lag]^2), at the lags n / strongest partial and twice that, give or take 1 %, over up to 32 frames of
/// 16 periods; the sums run over all frames, so that each counts by its energy. Of the n that a second
/// partial within 20 dB of the strongest supports (it lies within 1 % of another multiple of the pitch, below
/// the 2n-th), n is the smallest whose measure is at least 0.9 of the best, if the best is 0.7 or more; else
/// it is 1. The confidence is n's measure.
///
/// So a fundamental 13 dB or more below a strongest second partial, alone with it, is not noticed. Pitches
/// from 20 Hz up. Raises a DomainError as `strongest_partial` does.
Pitch detect_pitch(std::span<const double> samples, double sample_rate);

}  // namespace retrograd
