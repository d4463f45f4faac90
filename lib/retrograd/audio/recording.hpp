// What every analysis asks of a recording first: samples, all of them numbers, not all of them zero.
#pragma once

#include <span>

namespace retrograd {

/// The largest |sample|. Raises a DomainError for a recording with no samples, with a sample that is NaN or
/// infinite (naming the first), or that is silent.
double check_recording(std::span<const double> samples);

/// Raises a DomainError for a recording with no samples or with one that is NaN or infinite; silence passes.
void check_finite(std::span<const double> samples);

/// Raises a DomainError unless the rate (Hz) is finite and above 0.
void check_sample_rate(double sample_rate);

}  // namespace retrograd
