// When a note is held in a recording.
#include <retrograd/audio/gate.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

#include <retrograd/audio/loudness.hpp>
#include <retrograd/audio/recording.hpp>
#include <retrograd/audio/trim.hpp>

namespace retrograd {
namespace {

constexpr double shortest_gate = 0.005;  // seconds
constexpr std::size_t reach = 4;         // steps averaged with each, on either side

/// The last step whose level is `decibels` or more.
std::size_t last_above(const std::vector<double>& level, double decibels) {
  std::size_t k = level.size() - 1;
  while (level[k] < decibels) --k;
  return k;
}

/// The step at which the final decay starts.
std::size_t last_held_step(const std::vector<double>& level) {
  const auto loudest = std::max_element(level.begin(), level.end());
  const double quietest = *std::min_element(loudest, level.end());
  const double floor = std::clamp(quietest + 6, -40.0, -20.0);
  const auto start = static_cast<std::size_t>(loudest - level.begin());
  const std::size_t end = last_above(level, floor);

  std::size_t corner = start;
  double height = 0;
  for (std::size_t k = start + 1; k <= end; ++k) {
    const double line = floor * static_cast<double>(k - start) / static_cast<double>(end - start);
    if (level[k] - line >= height) {
      height = level[k] - line;
      corner = k;
    }
  }
  return height >= 6 ? corner : last_above(level, -20);
}

}  // namespace

Gate detect_gate(std::span<const double> samples, double sample_rate) {
  check_sample_rate(sample_rate);
  const double duration = static_cast<double>(samples.size()) / sample_rate;
  const double on = static_cast<double>(leading_silence(samples)) / sample_rate;

  const double whole_step =
      std::clamp(std::round(0.001 * sample_rate), 1.0, static_cast<double>(samples.size()));
  const auto step = static_cast<std::size_t>(whole_step);
  const std::vector<double> level = loudness(samples, step, reach);
  const std::size_t held = last_held_step(level);
  const bool until_the_end = held + 2 * reach + 1 >= level.size();  // the average ripples with a low tone
  const double off = until_the_end ? duration : (static_cast<double>(held) + 0.5) * whole_step / sample_rate;
  return {on, std::min(std::max(off, on + shortest_gate), duration)};
}

}  // namespace retrograd
