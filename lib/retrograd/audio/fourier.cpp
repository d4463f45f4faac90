// A plain fast Fourier transform in double precision.
#include <retrograd/audio/fourier.hpp>

#include <cmath>
#include <cstddef>
#include <numbers>
#include <utility>

namespace retrograd {

FourierTransform::FourierTransform(std::size_t size) : turns_(size / 2) {
  for (std::size_t k = 0; k < turns_.size(); ++k) {
    const double angle = -2 * std::numbers::pi * static_cast<double>(k) / static_cast<double>(size);
    turns_[k] = {std::cos(angle), std::sin(angle)};
  }
}

void FourierTransform::operator()(std::vector<std::complex<double>>& x) const {
  const std::size_t size = x.size();
  for (std::size_t i = 1, reversed = 0; i < size; ++i) {  // put x in bit-reversed order
    std::size_t bit = size / 2;
    for (; (reversed & bit) != 0; bit /= 2) reversed ^= bit;
    reversed ^= bit;
    if (i < reversed) std::swap(x[i], x[reversed]);
  }

  for (std::size_t half = 1; half < size; half *= 2) {
    const std::size_t stride = size / (2 * half);
    for (std::size_t start = 0; start < size; start += 2 * half) {
      for (std::size_t k = 0; k < half; ++k) {
        const std::complex<double> a = x[start + k], b = x[start + k + half];
        const double c = turns_[k * stride].real(), s = turns_[k * stride].imag();
        const std::complex<double> turned(b.real() * c - b.imag() * s, b.real() * s + b.imag() * c);
        x[start + k] = a + turned;
        x[start + k + half] = a - turned;
      }
    }
  }
}

void fourier_transform(std::vector<std::complex<double>>& x) {
  if (x.size() > 1) FourierTransform(x.size())(x);
}

}  // namespace retrograd
