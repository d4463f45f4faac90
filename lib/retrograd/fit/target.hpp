// What a patch is fitted to.
#pragma once

#include <retrograd/nodes/gate.hpp>

#include <optional>
#include <span>
#include <vector>

namespace retrograd {

/// A mono recording without leading silence, at the patch's rate, and what was found in it.
struct FitTarget {
  std::vector<double> samples;   ///< of one channel
  double sample_rate = 44100.0;  ///< Hz
  double frequency = 440.0;      ///< Hz
  GatePair gate;                 ///< seconds
  double confidence = 1.0;       ///< in the frequency, as detect_pitch's; 1 where it was given
};

/// Trims leading silence, resamples to `patch_rate`, finds the pitch and the gate unless they are given (the
/// gate in seconds after the trimmed start). Throws DomainError for a recording that is empty, silent, not
/// finite, or too short to have a pitch.
FitTarget prepare_target(std::span<const double> mono, double sample_rate, double patch_rate,
                         std::optional<double> frequency = std::nullopt,
                         std::optional<GatePair> gate = std::nullopt);

}  // namespace retrograd
