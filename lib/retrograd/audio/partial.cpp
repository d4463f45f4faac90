// The partials of a recording.
#include <retrograd/audio/partial.hpp>

#include <algorithm>
#include <cmath>
#include <complex>
#include <numbers>
#include <string>
#include <vector>

#include <retrograd/audio/fourier.hpp>
#include <retrograd/audio/loudness.hpp>
#include <retrograd/audio/recording.hpp>
#include <retrograd/tensor/errors.hpp>

namespace retrograd {
namespace {

constexpr std::size_t longest_stretch = std::size_t{1} << 19;

/// The start of the `length` samples with the most energy.
std::size_t loudest_start(std::span<const double> samples, double peak, std::size_t length) {
  const auto energy = [&](std::size_t i) { return (samples[i] / peak) * (samples[i] / peak); };
  double sum = 0;
  for (std::size_t i = 0; i < length; ++i) sum += energy(i);
  double most = sum;
  std::size_t best = 0;
  for (std::size_t start = 1; start + length <= samples.size(); ++start) {
    sum += energy(start + length - 1) - energy(start - 1);
    if (sum > most) {
      most = sum;
      best = start;
    }
  }
  return best;
}

/// The samples with their mean under the window removed, under a Hann window, scaled to a peak of 1 first.
std::vector<double> windowed(std::span<const double> samples, double peak) {
  const auto size = static_cast<double>(samples.size());
  std::vector<double> window(samples.size());
  double mean = 0;
  for (std::size_t j = 0; j < samples.size(); ++j) {
    const double s = std::sin(std::numbers::pi * (static_cast<double>(j) + 0.5) / size);
    window[j] = s * s;
    mean += window[j] * (samples[j] / peak) / (size / 2);  // the window's sum is size / 2
  }
  for (std::size_t j = 0; j < samples.size(); ++j) window[j] *= samples[j] / peak - mean;
  return window;
}

/// Where |X(w)|^2 is largest near `w` (radians per sample), within `reach` of it: Newton's method on its
/// slope.
double refine(const std::vector<double>& x, double w, double reach) {
  const double lowest = w - reach, highest = w + reach;
  const double middle = (static_cast<double>(x.size()) - 1) / 2;
  for (int step = 0; step < 8; ++step) {
    // X = sum x exp(-i w t); X' = sum -i t x exp(-i w t); X'' = sum -t^2 x exp(-i w t), with t counted from
    // the middle so that the sums stay well conditioned. The phasor is turned from sample to sample and set
    // anew at times.
    double re = 0, im = 0, re1 = 0, im1 = 0, re2 = 0, im2 = 0;
    const double turn_cos = std::cos(w), turn_sin = -std::sin(w);
    double c = 0, s = 0;
    for (std::size_t j = 0; j < x.size(); ++j) {
      const double t = static_cast<double>(j) - middle;
      if (j % 1024 == 0) {
        c = std::cos(w * t);
        s = -std::sin(w * t);
      }
      const double a = x[j] * c, b = x[j] * s;
      re += a, im += b;
      re1 += t * b, im1 -= t * a;
      re2 -= t * t * a, im2 -= t * t * b;
      const double turned = c * turn_cos - s * turn_sin;
      s = c * turn_sin + s * turn_cos;
      c = turned;
    }
    const double slope = re * re1 + im * im1;
    const double bend = re1 * re1 + im1 * im1 + re * re2 + im * im2;
    if (!(bend < 0)) break;  // not under the top of the peak: the grid's answer stands
    const double next = std::clamp(w - slope / bend, lowest, highest);
    const double moved = std::abs(next - w);
    w = next;
    if (moved < 1e-12) break;
  }
  return w;
}

}  // namespace

std::span<const double> loud_part(std::span<const double> samples, double sample_rate) {
  const double peak = check_recording(samples);
  check_sample_rate(sample_rate);
  if (samples.size() < fewest_samples_for_pitch) {
    raise<DomainError>("the recording is too short to find a pitch in: " + std::to_string(samples.size()) +
                       (samples.size() == 1 ? " sample, " : " samples, ") +
                       std::to_string(fewest_samples_for_pitch) + " or more are needed");
  }
  const auto at_most = [&](double count) {
    return static_cast<std::size_t>(std::min(count, static_cast<double>(samples.size())));
  };
  const std::size_t step = std::max<std::size_t>(1, at_most(0.005 * sample_rate));
  const std::vector<double> level = loudness(samples, step, 1);
  std::size_t first = 0, last = level.size() - 1;
  while (level[first] < -40) ++first;
  while (level[last] < -40) --last;
  std::size_t begin = first * step;
  std::size_t end = std::min((last + 1) * step, samples.size());

  const std::size_t shortest = std::max(fewest_samples_for_pitch, at_most(0.02 * sample_rate));
  if (end - begin < shortest) end = std::min(begin + shortest, samples.size());
  if (end - begin < shortest) begin = end - shortest;

  std::span<const double> part = samples.subspan(begin, end - begin);
  if (part.size() > longest_stretch) {
    part = part.subspan(loudest_start(part, peak, longest_stretch), longest_stretch);
  }
  return part;
}

std::vector<Partial> strong_partials(std::span<const double> samples, double sample_rate, double level) {
  const std::span<const double> part = loud_part(samples, sample_rate);
  const std::vector<double> x = windowed(part, check_recording(part));

  std::size_t bins = 256;
  while (bins < 2 * x.size()) bins *= 2;
  std::vector<std::complex<double>> spectrum(bins);
  std::copy(x.begin(), x.end(), spectrum.begin());
  fourier_transform(spectrum);

  const double bin_frequency = sample_rate / static_cast<double>(bins);
  std::vector<Partial> peaks;
  for (std::size_t k = 1; k < bins / 2; ++k) {
    const double before = std::norm(spectrum[k - 1]), power = std::norm(spectrum[k]);
    const double after = std::norm(spectrum[k + 1]);
    if (!(power > before && power >= after)) continue;
    // The top of the parabola through the three levels: under a Hann window within 0.02 bins of the peak.
    const double rise = std::log(power / before), fall = std::log(power / after);
    const double offset = before > 0 && after > 0 ? 0.5 * (rise - fall) / (rise + fall) : 0.0;
    const double frequency = (static_cast<double>(k) + offset) * bin_frequency;
    if (frequency >= lowest_partial) peaks.push_back({frequency, 10 * std::log10(power)});
  }
  std::stable_sort(peaks.begin(), peaks.end(),
                   [](const Partial& a, const Partial& b) { return a.level > b.level; });

  // A full-scale sine gives size / 4. What an offset or rumble leaves above 20 Hz, and rounding, stays far
  // below.
  const double nothing = 20 * std::log10(1e-6 * static_cast<double>(x.size()));
  if (peaks.empty() || peaks.front().level <= nothing) {
    raise<DomainError>("the recording has no pitch: it holds nothing between 20 Hz and half its sample rate");
  }
  const double strongest_level = peaks.front().level;
  while (peaks.back().level < strongest_level + std::min(level, 0.0)) peaks.pop_back();
  for (Partial& peak : peaks) peak.level -= strongest_level;

  const double radians_per_hertz = 2 * std::numbers::pi / sample_rate;
  peaks.front().frequency =
      refine(x, peaks.front().frequency * radians_per_hertz, bin_frequency * radians_per_hertz) /
      radians_per_hertz;
  return peaks;
}

double strongest_partial(std::span<const double> samples, double sample_rate) {
  return strong_partials(samples, sample_rate, 0).front().frequency;
}

}  // namespace retrograd
