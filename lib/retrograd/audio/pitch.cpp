// The pitch of a recording, as an FM patch wants it.
#include <retrograd/audio/pitch.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <vector>

#include <retrograd/audio/recording.hpp>
#include <retrograd/audio/resample.hpp>

namespace retrograd {
namespace {

constexpr std::size_t most_multiple = 8;  // the largest n
constexpr std::size_t most_frames = 32;   // looked at, spread over the recording
constexpr double lag_tolerance = 0.01;
constexpr double faintest_support = -20;  // decibels, against the strongest partial

struct Similarity {
  double product = 0, energy = 0;
  double value() const { return energy > 0 ? product / energy : 0; }
};

/// How alike x and x shifted by `lag` are over the frame x[start, start + width).
Similarity similarity(const std::vector<double>& x, std::size_t start, std::size_t width, std::size_t lag) {
  Similarity result;
  for (std::size_t j = start; j < start + width; ++j) {
    const double a = x[j], b = x[j + lag];
    result.product += 2 * a * b;
    result.energy += a * a + b * b;
  }
  return result;
}

/// The best similarity at any lag within the tolerance of `lag`.
Similarity similarity_near(const std::vector<double>& x, std::size_t start, std::size_t width,
                           std::size_t lag) {
  const auto slack = static_cast<std::size_t>(lag_tolerance * static_cast<double>(lag));
  Similarity best = similarity(x, start, width, lag);
  for (std::size_t other = lag - slack; other <= lag + slack; ++other) {
    const Similarity candidate = similarity(x, start, width, other);
    if (candidate.value() > best.value()) best = candidate;
  }
  return best;
}

/// Whether a strong partial other than the first stands at a multiple of the first's n-th part, below its
/// 2n-th: two partials as 4 to 11 have a period too, but nobody hears or wants a note two octaves below the
/// first.
bool is_supported(const std::vector<Partial>& partials, std::size_t n) {
  const double fundamental = partials.front().frequency / static_cast<double>(n);
  for (const Partial& partial : partials) {
    const double multiple = std::round(partial.frequency / fundamental);
    const bool close = std::abs(partial.frequency / fundamental - multiple) <= 0.01 * multiple;
    const bool adds =
        multiple >= 1 && multiple < 2 * static_cast<double>(n) && multiple != static_cast<double>(n);
    if (close && adds) return true;
  }
  return false;
}

}  // namespace

Pitch detect_pitch(std::span<const double> samples, double sample_rate) {
  const std::vector<Partial> partials = strong_partials(samples, sample_rate, faintest_support);
  const double partial = partials.front().frequency;
  const std::span<const double> part = loud_part(samples, sample_rate);
  const double peak = check_recording(part);
  std::vector<double> x(part.begin(), part.end());
  for (double& value : x) value /= peak;

  // Another sample rate makes the strongest partial's period a whole number of samples: 32, which keeps 16
  // harmonics of it, or 16 or 8 where the recording holds fewer anyway.
  std::size_t period = 8;
  while (period < 32 && static_cast<double>(period) * partial < sample_rate) period *= 2;
  x = resample(x, sample_rate, static_cast<double>(period) * partial);

  // A frame and its longest lag, two of n periods, must fit the recording, the frame being the longer one;
  // and 20 Hz is the lowest pitch.
  const std::size_t most_n = std::min({most_multiple, std::max<std::size_t>(1, x.size() / (5 * period)),
                                       static_cast<std::size_t>(std::max(1.0, partial / lowest_partial))});
  const std::size_t longest_lag =
      2 * most_n * period + most_n * period / 16;  // more than the tolerance allows
  if (x.size() <= longest_lag) return {partial, 0.0};
  const std::size_t width = std::min(16 * period, x.size() - longest_lag);
  const std::size_t room = x.size() - longest_lag - width;
  const std::size_t hops = std::min(most_frames - 1, (room + width / 2 - 1) / (width / 2));

  std::array<Similarity, most_multiple + 1> of_multiple{};
  for (std::size_t frame = 0; frame <= hops; ++frame) {
    const std::size_t start = hops == 0 ? 0 : room * frame / hops;
    for (std::size_t n = 1; n <= most_n; ++n) {
      for (const std::size_t lag : {n * period, 2 * n * period}) {
        const Similarity found = similarity_near(x, start, width, lag);
        of_multiple[n].product += found.product;
        of_multiple[n].energy += found.energy;
      }
    }
  }

  const auto value = [&](std::size_t n) {
    return n == 1 || is_supported(partials, n) ? of_multiple[n].value() : 0.0;
  };
  double best = 0;
  for (std::size_t n = 1; n <= most_n; ++n) best = std::max(best, value(n));
  std::size_t n = 1;
  if (best >= 0.7) {
    while (value(n) < 0.9 * best) ++n;
  }
  return {partial / static_cast<double>(n), std::clamp(of_multiple[n].value(), 0.0, 1.0)};
}

}  // namespace retrograd
