// The partials of a recording: the frequencies at which its spectrum peaks, above all the strongest.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace retrograd {

/// The fewest samples in which a frequency is looked for.
inline constexpr std::size_t fewest_samples_for_pitch = 64;

/// The lowest frequency (Hz) that counts as a partial; below it are offsets and rumble.
inline constexpr double lowest_partial = 20;

/// The stretch of a recording that matters for its pitch: from the first to the last moment (5 ms steps)
/// whose loudness is within 40 dB of the loudest, at least 20 ms and 64 samples where the recording has them,
/// and of a stretch longer than 2^19 samples (12 s at 44.1 kHz) the 2^19 samples with the most energy.
/// Leading and trailing silence therefore changes no pitch. Raises a DomainError as `strongest_partial` does.
std::span<const double> loud_part(std::span<const double> samples, double sample_rate);

/// A peak of a recording's spectrum.
struct Partial {
  double frequency;  ///< Hz
  double level;      ///< decibels: 0 for the strongest, negative for the others
};

/// The peaks of |X(f)| at lowest_partial or more, down to `level` decibels (0 or negative), strongest first,
/// where X is the Fourier transform of the loud part, its mean removed, under one Hann window. Below -30 dB
/// the window's own side lobes are among them.
///
/// The peaks are found on a grid at least twice as fine as the transform's, with a parabola
/// through the levels there, and the strongest then by
/// Newton's method on the exact transform. If it stays put over 20 periods or more it is found to 1 cent,
/// given that other partials are 5 / duration Hz or more away. Of a gliding partial it is an average,
/// weighted by amplitude and by the window.
///
/// Raises a DomainError for an empty, damaged or silent recording, for one shorter than 64 samples, for one
/// with nothing above 20 Hz, and for a bad sample rate.
std::vector<Partial> strong_partials(std::span<const double> samples, double sample_rate, double level);

/// The frequency in Hz of the strongest partial: strong_partials' first.
double strongest_partial(std::span<const double> samples, double sample_rate);

}  // namespace retrograd
