// How alike two sounds are, by measures that no fit descends.
#pragma once

#include <retrograd/spectrum/stft.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

namespace retrograd {

/// The energy of the difference of the two magnitude spectra, as a share of that of `wanted`: the square of the
/// spectral convergence, the mean over four windows. 0 for the same sound, 1 for silence. Of one length.
inline double energy_off(const std::vector<double>& wanted, const std::vector<double>& found) {
  const auto length = static_cast<std::int64_t>(wanted.size());
  spectrum::SpectrumWorkspace<double> workspace;
  double sum = 0.0;
  for (const int window : {512, 1024, 2048, 4096}) {
    const spectrum::StftShape shape{window, window / 4};
    const spectrum::Stft<double> stft(shape);
    const auto size = static_cast<std::size_t>(shape.bins() * shape.frames(length));
    std::vector<double> a(size), b(size);
    stft.magnitude(wanted.data(), length, a.data(), workspace);
    stft.magnitude(found.data(), length, b.data(), workspace);
    double difference = 0.0, whole = 0.0;
    for (std::size_t i = 0; i < size; ++i) {
      difference += (a[i] - b[i]) * (a[i] - b[i]);
      whole += a[i] * a[i];
    }
    sum += std::sqrt(difference / whole);
  }
  return sum / 4 * (sum / 4);
}

/// The mean difference of the two levels over time, in dB: root mean squares of 20 ms, 10 ms apart, 50 dB deep.
inline double level_off(const std::vector<double>& wanted, const std::vector<double>& found,
                        double sample_rate) {
  const auto step = static_cast<std::size_t>(0.01 * sample_rate);
  const auto levels = [&](const std::vector<double>& x) {
    std::vector<double> decibels;
    for (std::size_t first = 0; first + 2 * step <= x.size(); first += step) {
      double power = 0.0;
      for (std::size_t i = first; i < first + 2 * step; ++i) power += x[i] * x[i];
      decibels.push_back(10.0 * std::log10(power / static_cast<double>(2 * step) + 1e-18));
    }
    return decibels;
  };
  const std::vector<double> a = levels(wanted), b = levels(found);
  const double deepest = *std::ranges::max_element(a) - 50.0;
  double sum = 0.0;
  for (std::size_t i = 0; i < a.size(); ++i)
    sum += std::abs(std::max(a[i], deepest) - std::max(b[i], deepest));
  return sum / static_cast<double>(a.size());
}

}  // namespace retrograd
