// A plain fast Fourier transform in double precision, for analysing recordings.
#pragma once

#include <complex>
#include <cstddef>
#include <vector>

namespace retrograd {

/// The transform of one size, a power of two, for many signals: `fourier_transform` with its table kept.
class FourierTransform {
 public:
  explicit FourierTransform(std::size_t size);
  std::size_t size() const { return 2 * turns_.size(); }
  void operator()(std::vector<std::complex<double>>& x) const;

 private:
  std::vector<std::complex<double>> turns_;  // exp(-2 pi i k / size) for half a turn
};

/// Replaces x by its unnormalised transform X[k] = sum over j of x[j] * exp(-2 pi i j k / size), in place.
/// The size is a power of two. Source: J. W. Cooley and J. W. Tukey 1965, radix 2.
void fourier_transform(std::vector<std::complex<double>>& x);

}  // namespace retrograd
