// When a note is held in a recording.
#include <retrograd/audio/gate.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

#include <retrograd/audio/loudness.hpp>
#include <retrograd/audio/recording.hpp>
#include <retrograd/audio/sounding.hpp>

namespace retrograd {
namespace {

constexpr double shortest_gate = 0.005;    // seconds
constexpr std::size_t averaged_steps = 4;  // steps averaged with each, on either side

/// The last step before `end` whose level is `decibels` or more; `start` where there is none.
std::size_t last_above(const std::vector<double>& level, std::size_t start, std::size_t end,
                       double decibels) {
  std::size_t k = end - 1;
  while (k > start && level[k] < decibels) --k;
  return k;
}

/// The step at which the final decay starts, for a sound within the steps [first, past).
std::size_t last_held_step(const std::vector<double>& level, std::size_t first, std::size_t past) {
  const auto at = [&](std::size_t k) { return level.begin() + static_cast<std::ptrdiff_t>(k); };
  const auto loudest = std::max_element(at(first), at(past));
  const double quietest = *std::min_element(loudest, level.end());
  const double floor = std::clamp(quietest + 6, -40.0, -20.0);
  const auto start = static_cast<std::size_t>(loudest - level.begin());
  const std::size_t end = last_above(level, start, past, floor);

  const double last = past < level.size() ? std::max(floor, level[end]) : floor;

  std::size_t corner = start;
  double height = 0;
  for (std::size_t k = start + 1; k <= end; ++k) {
    const double line = last * static_cast<double>(k - start) / static_cast<double>(end - start);
    if (level[k] - line >= height) {
      height = level[k] - line;
      corner = k;
    }
  }
  return height >= 6 ? corner : last_above(level, start, past, -20);
}

/// The recording less its offset: the mean of what is not sound, 10 ms or more after it or before it, where that
/// mean is twice what varies there or more.
std::vector<double> without_offset(std::span<const double> samples, std::size_t begin, std::size_t end,
                                   double sample_rate) {
  const double peak = check_recording(samples);
  std::vector<double> x(samples.begin(), samples.end());
  for (double& value : x) value /= peak;
  const auto enough = static_cast<std::size_t>(std::min(0.01 * sample_rate + 1, 1e9));
  std::span<const double> rest = std::span(x).subspan(end);
  if (rest.size() < enough) rest = std::span(x).first(begin);
  if (rest.size() < enough) return x;
  double sum = 0, square = 0;
  for (const double value : rest) {
    sum += value;
    square += value * value;
  }
  const auto count = static_cast<double>(rest.size());
  const double offset = sum / count, variance = square / count - offset * offset;
  if (offset * offset <= 4 * variance) return x;
  for (double& value : x) value -= offset;
  return x;
}

}  // namespace

Gate detect_gate(std::span<const double> samples, double sample_rate) {
  check_sample_rate(sample_rate);
  const double duration = static_cast<double>(samples.size()) / sample_rate;
  const std::size_t begin = sound_begin(samples, sample_rate);
  const double on = static_cast<double>(begin) / sample_rate;

  const double whole_step =
      std::clamp(std::round(0.001 * sample_rate), 1.0, static_cast<double>(samples.size()));
  const auto step = static_cast<std::size_t>(whole_step);
  const SoundEnd sound = sound_end(samples, sample_rate);
  const std::size_t end = std::max(sound.sample, begin + 1);
  const std::vector<double> level =
      loudness(without_offset(samples, begin, end, sample_rate), step, averaged_steps);
  const std::size_t first = begin / step,
                    past = sound.is_before_other ? (end + step - 1) / step : level.size();
  const std::size_t held = last_held_step(level, first, past);
  const bool until_the_end =
      held + 2 * averaged_steps + 1 >= level.size();  // the average ripples with a low tone
  const double off = until_the_end ? duration : (static_cast<double>(held) + 0.5) * whole_step / sample_rate;
  return {on, std::min(std::max(off, on + shortest_gate), duration)};
}

}  // namespace retrograd
