// The distance that a fit descends: the multi-resolution spectral loss with normalised windows, and with floors and
// weights that belong to the recording.
//
// The logarithm of a magnitude has no bottom, so a loss without a floor is ruled by what nobody hears: with the epsilon
// of 1e-5 on magnitudes that are not normalised, 150 dB under the loudest, a note with noise 55 dB under it was fitted
// as noise, 15 dB off the note. So, for each window, in magnitudes that are 1 for a sine of amplitude 1:
//
//     floor          60 dB under the window's largest magnitude, or twice its noise where that is more, but no more than
//                    50 dB under the largest; noise is the median of the bins in the quietest tenth of the frames
//     linear weight  a tenth over the window's mean magnitude, so that this term is 0.1 for silence, whatever the level
//
// What chose them, as mel, the mean |dB| of 64 mel bands, 70 dB deep. Of a note of two operators with noise 55 dB under
// it, held against the note alone: three draws. Of ten recordings of sonic-pi-samples, six operators: the mean.
//
//     floor, linear weight     with noise        recordings
//     1e-5, not normalised, 1  14.5, 14.6, 15.3  10.1
//     -80 dB, 1                0.8, 6.7, 1.0     8.5
//     -60 dB, 1                0.5, 0.7, 0.7     8.8
//     -50 dB, 1                0.6, 0.7, 0.5     9.4
//     -40 dB, 1                6.7, 0.7, 0.5     9.3
//     -60 dB, 0.3              0.6, 0.6, 0.7     8.3
//
// Then three notes with noise of -40, -55 and -70 dB, pitch and gate given, ten fits in all (median, worst), and eight
// recordings of up to a second:
//
//     -70 dB, 0.3              0.8, 6.2          6.0
//     -60 dB, 0.3              2.0, 6.5          6.0
//     -60 dB, 0.1              0.3, 5.6          5.6
//     -60 dB or twice the noise, up to -40 dB, 0.3
//                              0.9, 5.9          6.7
//
// The last shows what the noise is worth (with noise of -40 dB 2.9 became 0.8) and that a bound of -40 dB is too high (a
// dense sound is taken for noise: 5.9 became 11.4). tools/soak/recovery measures such notes again.
#pragma once

#include <retrograd/fit/target.hpp>
#include <retrograd/losses/losses.hpp>

#include <cstdint>

namespace retrograd {

/// How far below the loudest magnitude of each window the floor of a fit lies, dB.
inline constexpr double default_loss_floor = -60.0;

/// The lowest floor there is, far below what 64-bit samples hold of a recording; 0 dB is the highest.
inline constexpr double lowest_loss_floor = -200.0;
/// Whether `decibels` is a floor.
inline bool is_loss_floor(double decibels) { return decibels >= lowest_loss_floor && decibels <= 0.0; }

/// What a fit descends: `windows` with what belongs to the target. DomainError for a floor that is none, and for a
/// recording too loud or too quiet for single precision.
SpectralLossOptions fit_loss(const FitTarget& target, const SpectralLossOptions& windows = {},
                             double floor = default_loss_floor);

/// The first sample that a fit compares: the last place in the grid of the largest window's frames that is a whole
/// window before the gate rises, 0 where there is none. Before the gate every patch is silent, so frames before that
/// have no slope; a long silence costs a render and no spectra, and thins out no mean.
std::int64_t first_compared(const FitTarget& target, const SpectralLossOptions& windows = {});

}  // namespace retrograd
