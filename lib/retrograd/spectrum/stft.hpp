// Short-time Fourier magnitudes and the multi-resolution spectral loss of one row of samples, with their
// adjoints.
//
// A frame is `window` samples times a periodic Hann window, 1/2 - 1/2 cos(2 pi n / window); frames start at
// sample 0, `hop` apart, without centring; what lies beyond the end of the signal is zero. The transform is
// not normalised.
//
// Nothing here stores a spectrogram but a target's: frames go through the transform in batches (fft.hpp), and
// the adjoint of a batch is computed while its bins are at hand.
//
// Where something is small: the gradient of a magnitude is X / max(|X|, 2^-100), zero at zero. Magnitudes and
// gradients are computed on scaled parts, so that squares neither overflow nor underflow. The gradient of a
// difference's absolute value is zero where the two are equal.
//
// Real is float or double. Objects are immutable after construction and may be shared by threads; each thread
// brings its own SpectrumWorkspace and no function allocates once the workspace (and the target) has its
// size.
#pragma once

#include <retrograd/spectrum/fft.hpp>

#include <cstdint>
#include <vector>

namespace retrograd::spectrum {

/// Where the frames lie. `window` is a power of two from 4 to 65536, `hop` from 1 to `window`, both in
/// samples.
struct StftShape {
  int window;
  int hop;

  /// 1 for a signal of up to `window` samples, else ceil((length - window) / hop) + 1: as many as it takes to
  /// reach the last sample.
  std::int64_t frames(std::int64_t length) const;
  /// window / 2 + 1, from 0 Hz to half the sample rate.
  int bins() const { return window / 2 + 1; }
};

template <class Real>
class Stft;

/// Scratch for one thread. Grows to what the largest window needs and is then reused.
template <class Real>
class SpectrumWorkspace {
 public:
  SpectrumWorkspace() = default;
  /// Makes room for `stft` (allocates only when it is larger than any before).
  void reserve(const Stft<Real>& stft);
  std::size_t bytes() const { return rows_.bytes() + columns_.bytes() + values_.bytes(); }

 private:
  friend class Stft<Real>;
  AlignedArray<Real> rows_;     // [window][lanes]: the batch being transformed
  AlignedArray<Real> columns_;  // [hop][lanes + overlap - 1]: the samples under the batch, or their adjoints
  AlignedArray<Real> values_;   // [bins][lanes]
};

/// What the loss adds up for one window: sums over bins and frames.
struct SpectralDistance {
  double linear;     // of | |X| - |Y| |
  double logarithm;  // of | log(|X| + epsilon) - log(|Y| + epsilon) |
};

/// The transform magnitudes for one window size.
template <class Real>
class Stft {
 public:
  /// ShapeError where the shape is not as StftShape says.
  explicit Stft(StftShape shape);

  const StftShape& shape() const { return shape_; }
  /// Of the tables and the window.
  std::size_t bytes() const { return plan_.bytes() + window_.bytes(); }

  /// samples: [length]; magnitudes: [bins][frames], overwritten. ShapeError for a length below 1.
  void magnitude(const Real* samples, std::int64_t length, Real* magnitudes,
                 SpectrumWorkspace<Real>& workspace) const;

  /// Adds to samples_adjoint [length] the gradient with respect to the samples; magnitudes_adjoint:
  /// [bins][frames]. The transform is computed again from the samples.
  void magnitude_adjoint(const Real* samples, std::int64_t length, const Real* magnitudes_adjoint,
                         Real* samples_adjoint, SpectrumWorkspace<Real>& workspace) const;

  // The parts of SpectralLoss. Magnitudes are kept as [batch][slot][lane] (slot: see FftPlan::slot_bin), the
  // order in which they are used; `packed_size(length)` numbers, zero where a batch has no frame.

  std::int64_t packed_size(std::int64_t length) const;
  void packed_magnitude(const Real* samples, std::int64_t length, Real* packed,
                        SpectrumWorkspace<Real>& workspace) const;

  /// The sums of the distances to `target` (packed magnitudes). Terms are added in Real over at most 64 bins
  /// of a frame, those sums in double, in an order that depends on the window and the length alone.
  SpectralDistance distance(const Real* samples, std::int64_t length, const Real* target, double epsilon,
                            SpectrumWorkspace<Real>& workspace) const;

  /// The same, and adds to samples_adjoint the gradient of linear_seed * linear + logarithm_seed * logarithm.
  SpectralDistance distance_and_adjoint(const Real* samples, std::int64_t length, const Real* target,
                                        double epsilon, double linear_seed, double logarithm_seed,
                                        Real* samples_adjoint, SpectrumWorkspace<Real>& workspace) const;

 private:
  friend class SpectrumWorkspace<Real>;

  std::int64_t batches(std::int64_t length) const;
  int column_stride() const;
  void load(const Real* samples, std::int64_t length, std::int64_t batch,
            SpectrumWorkspace<Real>& workspace) const;
  void store(Real* samples_adjoint, std::int64_t length, std::int64_t batch,
             SpectrumWorkspace<Real>& workspace) const;

  StftShape shape_;
  FftPlan<Real> plan_;
  AlignedArray<Real> window_;
};

struct SpectralLossOptions {
  std::vector<int> windows = {2048, 1024, 512, 256, 128, 64};
  double hop_fraction =
      0.25;  // of the window, above 0 and up to 1; the hop is rounded to a sample, at least 1
  double log_weight = 1.0;
  double linear_weight = 1.0;
  double epsilon = 1e-5;  // positive

  /// Magnitudes are over half the window's sum, window / 4: a sine of amplitude 1 has the magnitude 1 in windows
  /// of every size. Off, they are the transform's own, which grow with the window.
  bool normalised = false;
  /// One epsilon for each window, in place of `epsilon`. None: `epsilon` for all.
  std::vector<double> floors = {};
  /// One weight for each window, in place of `linear_weight`. None: `linear_weight` for all.
  std::vector<double> linear_weights = {};

  /// What a window of so many samples divides its magnitudes by.
  double scale(int window) const { return normalised ? window / 4.0 : 1.0; }
  /// What `windows[index]` adds to magnitudes before their logarithm.
  double epsilon_at(std::size_t index) const { return floors.empty() ? epsilon : floors[index]; }
  double linear_weight_at(std::size_t index) const {
    return linear_weights.empty() ? linear_weight : linear_weights[index];
  }
  bool operator==(const SpectralLossOptions&) const = default;
};

/// What one window's terms weigh, in the transform's own magnitudes |X|: dividing them by `scale` is the weight
/// linear_weight / scale and the epsilon epsilon * scale.
struct SpectralWeights {
  double linear;     ///< of each | |X| - |Y| |
  double logarithm;  ///< of each | log(|X| + epsilon) - log(|Y| + epsilon) |
  double epsilon;
};
/// Of `options.windows[index]` for a mean over so many terms.
inline SpectralWeights spectral_weights(const SpectralLossOptions& options, std::size_t index, double terms) {
  const double scale = options.scale(options.windows[index]);
  return {options.linear_weight_at(index) / scale / terms, options.log_weight / terms,
          options.epsilon_at(index) * scale};
}

/// The magnitudes of a target for every window of a SpectralLoss.
template <class Real>
struct TargetSpectra {
  std::int64_t length = 0;
  std::vector<AlignedArray<Real>> magnitudes;  // per window: see Stft::packed_magnitude

  std::size_t bytes() const {
    std::size_t total = 0;
    for (const AlignedArray<Real>& of_window : magnitudes) total += of_window.bytes();
    return total;
  }
};

/// The multi-resolution spectral loss of one row:
///     sum over windows of   linear_weight * mean | |X| - |Y| |
///                         + log_weight * mean | log(|X| + epsilon) - log(|Y| + epsilon) |
/// with means over bins and frames, X the transform of the samples, Y that of the target; with the options
/// `normalised`, `floors` and `linear_weights` in other units and window by window.
template <class Real>
class SpectralLoss {
 public:
  /// ShapeError for a window or hop that StftShape does not allow, no window, or floors or linear weights that are
  /// not one for each window; DomainError for an epsilon that is not positive or a weight that is negative or not
  /// finite.
  explicit SpectralLoss(SpectralLossOptions options = {});

  const SpectralLossOptions& options() const { return options_; }
  const std::vector<Stft<Real>>& transforms() const { return transforms_; }

  /// Fills `spectra` from target [length]; allocates only when the length differs from the one before.
  void prepare_target(const Real* target, std::int64_t length, TargetSpectra<Real>& spectra,
                      SpectrumWorkspace<Real>& workspace) const;

  /// The loss of samples [length]; LengthMismatchError where the target was prepared for another length or
  /// loss.
  double loss(const Real* samples, std::int64_t length, const TargetSpectra<Real>& target,
              SpectrumWorkspace<Real>& workspace) const;

  /// The loss, and adds seed * its gradient to samples_adjoint [length].
  double loss_and_adjoint(const Real* samples, std::int64_t length, const TargetSpectra<Real>& target,
                          double seed, Real* samples_adjoint, SpectrumWorkspace<Real>& workspace) const;

  /// The loss, and adds seed * its gradient with respect to the target to target_adjoint [length]. The loss
  /// does not change when samples and target change places; `spectra` is scratch and ends up holding the
  /// samples' magnitudes.
  double loss_and_target_adjoint(const Real* samples, const Real* target, std::int64_t length, double seed,
                                 Real* target_adjoint, TargetSpectra<Real>& spectra,
                                 SpectrumWorkspace<Real>& workspace) const;

 private:
  SpectralLossOptions options_;
  std::vector<Stft<Real>> transforms_;
};

extern template class SpectrumWorkspace<float>;
extern template class SpectrumWorkspace<double>;
extern template class Stft<float>;
extern template class Stft<double>;
extern template class SpectralLoss<float>;
extern template class SpectralLoss<double>;

}  // namespace retrograd::spectrum
