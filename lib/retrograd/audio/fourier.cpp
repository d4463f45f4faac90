// A plain fast Fourier transform in double precision.
#include <retrograd/audio/fourier.hpp>

#include <cmath>
#include <cstddef>
#include <numbers>
#include <utility>

namespace retrograd {

void fourier_transform(std::vector<std::complex<double>>& x) {
  const std::size_t size = x.size();
  for (std::size_t i = 1, reversed = 0; i < size; ++i) {  // put x in bit-reversed order
    std::size_t bit = size / 2;
    for (; (reversed & bit) != 0; bit /= 2) reversed ^= bit;
    reversed ^= bit;
    if (i < reversed) std::swap(x[i], x[reversed]);
  }

  std::vector<double> cosine(size / 2), sine(size / 2);
  for (std::size_t k = 0; k < size / 2; ++k) {
    const double angle = -2 * std::numbers::pi * static_cast<double>(k) / static_cast<double>(size);
    cosine[k] = std::cos(angle);
    sine[k] = std::sin(angle);
  }
  for (std::size_t half = 1; half < size; half *= 2) {
    const std::size_t stride = size / (2 * half);
    for (std::size_t start = 0; start < size; start += 2 * half) {
      for (std::size_t k = 0; k < half; ++k) {
        const std::complex<double> a = x[start + k], b = x[start + k + half];
        const double c = cosine[k * stride], s = sine[k * stride];
        const std::complex<double> turned(b.real() * c - b.imag() * s, b.real() * s + b.imag() * c);
        x[start + k] = a + turned;
        x[start + k + half] = a - turned;
      }
    }
  }
}

}  // namespace retrograd
