// How far a sound is from a target: one value per row, so that rows (restarts, candidates, voices) do not
// influence each other.
#pragma once

#include <retrograd/nodes/abs.hpp>
#include <retrograd/nodes/arithmetic.hpp>
#include <retrograd/nodes/multi_resolution_stft.hpp>
#include <retrograd/nodes/square.hpp>
#include <retrograd/nodes/sum_over_rows.hpp>

namespace retrograd {

/// The windows of the spectral loss.
using SpectralLossOptions = spectrum::SpectralLossOptions;

/// Mean over time of (y - target)^2. (rows, T) and anything that broadcasts to it give (rows, 1).
inline Var mean_squared_loss(Var y, Var target) { return mean_over_time(square(y - target)); }

/// Mean over time of |y - target|.
inline Var l1_loss(Var y, Var target) { return mean_over_time(abs(y - target)); }

/// L1 of short-time magnitudes plus L1 of their logarithms, over windows of 2048 to 64 samples with hops of a
/// quarter, periodic Hann (settable); see nodes/multi_resolution_stft.hpp. Silence gives a finite value and
/// finite gradients.
inline Var multi_resolution_stft_loss(Var y, Var target, const SpectralLossOptions& options = {}) {
  return multi_resolution_stft(y, target, options);
}

}  // namespace retrograd
