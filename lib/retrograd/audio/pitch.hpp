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

/// The pitch is the strongest partial divided by a whole number n, with a pitch of 20 Hz or more. So the strongest
/// partial is exactly n times the pitch, whatever the fundamental's own strength: a missing fundamental is found.
/// Where the partials share no period (a bell, noise), the pitch is the strongest partial itself: the ratios 1, 2,
/// 3 ... and 0.5 of a patch then at least hit what is heard most.
///
/// n is the smallest that gives the recording a period. Its measure is the normalised square difference of
/// McLeod and Wyvill, "A smarter way to find pitch" (2005), that is 2 sum x[j] x[j+lag] / sum (x[j]^2 +
/// x[j+lag]^2), at the lag n / strongest partial, give or take 1 % or 0.06 of that partial's period, over up to 24
/// frames of two or more lags; the sums run over all frames, so that each counts by its energy. An n is looked at
/// if the recording holds, within 45 dB of the strongest, two of the harmonics 1 to 2n - 1 of its pitch, and n / 2
/// of them where that is more. Of these, n is the smallest whose measure is at least 0.9 of the best, if the best
/// is 0.7 or more; else it is 1. A larger n is taken if it leaves a quarter or less of what n leaves unexplained (1
/// less the measure), and that is at most 0.3 / n: a strong tenth partial alone has nearly a period too.
///
/// A vibrato or a small glide splits the strongest partial, and the strongest of its parts is not its middle.
/// Where the frames have a period each at lags up to 9 % apart, and their mean lies within 4.5 % of the strongest
/// partial, that mean, weighted by energy, is the pitch.
///
/// The confidence is n's measure, and at most 0.45 where a larger n explains the recording better, but not by that
/// much. A chord has a common period, and is given the pitch of its common root.
///
/// Raises a DomainError as `strongest_partial` does.
Pitch detect_pitch(std::span<const double> samples, double sample_rate);

}  // namespace retrograd
