// The Fourier transform of real frames, many frames side by side: a frame per SIMD lane.
//
// A batch is `lanes<Real>` frames of one size, stored [sample][lane], so that every butterfly is the same
// plain loop over the lanes and no data ever moves between them. What a lane gives depends on nothing in the
// other lanes.
//
// The real transform of N samples runs through the complex one of N/2 points z[n] = x[2n] + i x[2n+1]:
// radix-4 decimation in frequency in place, which leaves point k in row bit_reverse(k), then the "split" that
// makes two bins of rows k and N/2 - k. The adjoint is the same graph transposed and run backwards; nothing
// is rescaled.
//
// The error of a bin is below 1e-7 log2(N) (double: 2e-16 log2(N)) times the root of the frame's energy. The
// sums are the same at every SIMD level with fused multiply-add, so the bits are too.
#pragma once

#include <cstddef>
#include <memory>
#include <new>
#include <vector>

namespace retrograd::spectrum {

/// Frames in a batch: one AVX-512 register, two of AVX2.
template <class Real>
constexpr int lanes = 64 / static_cast<int>(sizeof(Real));

/// The largest transform.
constexpr int largest_transform = 65536;

/// An array of `size` zeros that starts on a 64-byte boundary.
template <class Real>
class AlignedArray {
 public:
  AlignedArray() = default;
  explicit AlignedArray(std::size_t size)
      : data_(static_cast<Real*>(::operator new(size * sizeof(Real), alignment))), size_(size) {
    std::uninitialized_fill_n(data_.get(), size, Real(0));
  }
  Real* data() { return data_.get(); }
  const Real* data() const { return data_.get(); }
  std::size_t size() const { return size_; }
  std::size_t bytes() const { return size_ * sizeof(Real); }
  Real& operator[](std::size_t index) { return data_[index]; }
  Real operator[](std::size_t index) const { return data_[index]; }

 private:
  static constexpr std::align_val_t alignment{64};
  struct Free {
    void operator()(Real* pointer) const { ::operator delete(pointer, alignment); }
  };
  std::unique_ptr<Real[], Free> data_;
  std::size_t size_ = 0;
};

/// The tables for one size. Built once (allocates); its functions are const, allocate nothing and may run on
/// several threads at once. Real is float or double.
template <class Real>
class FftPlan {
 public:
  /// `size`: samples in a frame, a power of two from 4 to 65536; anything else is a ShapeError.
  explicit FftPlan(int size);

  int size() const { return size_; }
  int bins() const { return size_ / 2 + 1; }
  /// Of the tables.
  std::size_t bytes() const {
    return twiddles_.bytes() + split_twiddles_.bytes() + slot_bins_.size() * sizeof(int);
  }

  /// X[k] = sum over n of x[n] exp(-2 pi i k n / size) for k = 0 .. size/2.
  /// frames: [size][lanes], overwritten; spectrum: [size/2 + 1][real, imaginary][lanes].
  void forward(Real* frames, Real* spectrum) const;

  /// The transpose of `forward` as a linear map of real numbers: gx[n] = sum over k of
  /// gX[k].real cos(2 pi k n / size) - gX[k].imaginary sin(2 pi k n / size). (It is not the inverse
  /// transform.) spectrum_adjoint: [size/2 + 1][real, imaginary][lanes]; frames_adjoint: [size][lanes],
  /// overwritten.
  void adjoint(const Real* spectrum_adjoint, Real* frames_adjoint) const;

  // The two halves of the transform, for loops that visit the bins in place (spectrum.cpp).

  /// The complex transform of size/2 points in place. rows: [size/2][real, imaginary][lanes], which is the
  /// same memory as [size][lanes] samples; afterwards row bit_reverse(k) holds point k.
  void complex_forward(Real* rows) const;

  /// The transpose of `complex_forward`: from the points' adjoints in bit-reversed rows to those of the
  /// samples.
  void complex_adjoint(Real* rows) const;

  /// Bins in the order in which the split meets them, called slots: slot 0 is bin 0, slot 1 bin size/2, slot
  /// 2 bin size/4, then pairs: the rows first = 2^j + i and second = 2^(j+1) - 1 - i for j = 1, 2, .. and i <
  /// 2^(j-1).
  int slot_bin(int slot) const { return slot_bins_[static_cast<std::size_t>(slot)]; }

  /// Per pair: the real and imaginary part of -i exp(-2 pi i k / size), k the bin of the pair's first row.
  const Real* split_twiddles() const { return split_twiddles_.data(); }

 private:
  int size_;
  AlignedArray<Real> twiddles_;        // per pass, largest first: see complex_forward
  AlignedArray<Real> split_twiddles_;  // [size/4 - 1][2]
  std::vector<int> slot_bins_;
};

extern template class FftPlan<float>;
extern template class FftPlan<double>;

}  // namespace retrograd::spectrum
