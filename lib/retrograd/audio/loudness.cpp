// The loudness of a recording over time.
#include <retrograd/audio/loudness.hpp>

#include <algorithm>
#include <cmath>

#include <retrograd/audio/recording.hpp>

namespace retrograd {

std::vector<double> loudness(std::span<const double> samples, std::size_t step, std::size_t reach) {
  const double peak = check_recording(samples);
  const std::size_t steps = (samples.size() + step - 1) / step;

  std::vector<double> energy(steps, 0.0);
  for (std::size_t i = 0; i < samples.size(); ++i) {
    const double x = samples[i] / peak;
    energy[i / step] += x * x;
  }

  std::vector<double> level(steps);
  for (std::size_t k = 0; k < steps; ++k) {
    const std::size_t first = k < reach ? 0 : k - reach;
    const std::size_t last = std::min(k + reach, steps - 1);
    double sum = 0;
    for (std::size_t j = first; j <= last; ++j) sum += energy[j];
    const std::size_t count = std::min((last + 1) * step, samples.size()) - first * step;
    level[k] = sum / static_cast<double>(count);
  }
  const double loudest = *std::max_element(level.begin(), level.end());
  for (double& power : level) power = 10 * std::log10(std::max(power / loudest, 1e-20));
  return level;
}

}  // namespace retrograd
