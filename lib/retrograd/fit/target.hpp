// What a patch is fitted to.
#pragma once

#include <retrograd/racks/gate.hpp>

#include <optional>
#include <span>
#include <vector>

namespace retrograd {

/// A mono recording at the patch's rate, whole, and what was found in it.
struct FitTarget {
  std::vector<double> samples;   ///< of one channel
  double sample_rate = 44100.0;  ///< Hz
  double frequency = 440.0;      ///< Hz
  GatePair gate;                 ///< seconds from the recording's start
  double confidence = 1.0;       ///< in the frequency, as detect_pitch's; 1 where it was given
};

/// Resamples to `patch_rate` and finds the pitch and the gate unless they are given. Nothing is cut off: silence
/// before the note is a gate that rises later, so that a patch fitted to it plays in time with the recording.
/// Throws DomainError for a recording that is empty, silent, not finite, or too short to have a pitch, and for a
/// gate that rises after its end.
FitTarget prepare_target(std::span<const double> mono, double sample_rate, double patch_rate,
                         std::optional<double> frequency = std::nullopt,
                         std::optional<GatePair> gate = std::nullopt);

}  // namespace retrograd
