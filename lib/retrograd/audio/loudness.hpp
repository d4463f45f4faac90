// The loudness of a recording over time: its root mean square in short steps.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace retrograd {

/// One level in decibels for every `step` samples (the last step may be shorter): the root mean square of the
/// step and of the `reach` steps on each side of it, relative to the loudest such level, which is therefore 0
/// dB. Where there is nothing at all the level is -200 dB. Step 1 or more. Raises a DomainError for an empty,
/// damaged or silent recording.
std::vector<double> loudness(std::span<const double> samples, std::size_t step, std::size_t reach);

}  // namespace retrograd
