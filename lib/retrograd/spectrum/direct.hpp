// One bin of one frame by the sum that defines it, and its derivative along a direction: independent of the
// fast transform, for checking it.
#pragma once

#include <cmath>
#include <cstdint>

namespace retrograd::spectrum {

struct DirectMagnitude {
  double value;
  double along;  ///< the derivative along dx; 0 where the magnitude is 0
};

/// Bin `bin` of the frame of `window` samples that begins at sample `from` of x [length], Hann window, zeros
/// beyond the end.
inline DirectMagnitude direct_magnitude(const double* x, const double* dx, std::int64_t length,
                                        std::int64_t from, int window, int bin) {
  const double turn = 6.283185307179586 / window;
  double re = 0.0, im = 0.0, dre = 0.0, dim = 0.0;
  for (int i = 0; i < window && from + i < length; ++i) {
    const double hann = 0.5 - 0.5 * std::cos(turn * i);
    const double angle = turn * static_cast<double>((static_cast<std::int64_t>(bin) * i) % window);
    const double c = hann * std::cos(angle), s = -hann * std::sin(angle);
    re += c * x[from + i], im += s * x[from + i];
    dre += c * dx[from + i], dim += s * dx[from + i];
  }
  const double value = std::hypot(re, im);
  return {value, value > 0.0 ? (re * dre + im * dim) / value : 0.0};
}

}  // namespace retrograd::spectrum
