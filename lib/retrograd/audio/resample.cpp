// Changing the sample rate of a recording, band-limited.
#include <retrograd/audio/resample.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numbers>
#include <sstream>

#include <retrograd/audio/recording.hpp>
#include <retrograd/tensor/errors.hpp>

namespace retrograd {
namespace {

// Times are in samples of the lower rate here: that is where the kernel is always the same.
constexpr double stop_band_decibels = 120;  // designed for; at least 118 are promised
constexpr double cutoff = 0.955;            // of band: in the middle of ...
constexpr double transition = 0.09;         // ... the way down, from 0.91 to 1
constexpr double half_width = 88;           // Kaiser's formula, checked below, rounded up
constexpr double kaiser_beta = 0.1102 * (stop_band_decibels - 8.7);  // Kaiser's formula above 50 dB
static_assert(2 * half_width >= (stop_band_decibels - 7.95) / (14.36 * transition / 2));

/// The modified Bessel function I0 by its power series: every term is positive, so nothing cancels.
double bessel_i0(double x) {
  double term = 1, sum = 1;
  for (int k = 1; term > 1e-17 * sum; ++k) {
    term *= (x / 2 / k) * (x / 2 / k);
    sum += term;
  }
  return sum;
}

double kernel(double time) {
  const double u = time / half_width;
  if (std::abs(u) >= 1) return 0;
  const double x = std::numbers::pi * cutoff * time;
  const double sinc = x == 0 ? 1 : std::sin(x) / x;
  return cutoff * sinc * bessel_i0(kaiser_beta * std::sqrt(1 - u * u)) / bessel_i0(kaiser_beta);
}

/// The kernel in a table, read between its entries by the cubic through four of them: within 1e-9 of it.
class KernelTable {
 public:
  KernelTable() : values_(entries + 4) {
    for (std::size_t i = 0; i < values_.size(); ++i) {
      values_[i] = kernel((static_cast<double>(i) - 1) / per_sample);
    }
  }

  double operator()(double time) const {
    const double position = std::abs(time) * per_sample;
    const auto index = static_cast<std::size_t>(position);
    if (index >= entries) return 0;
    const double t = position - static_cast<double>(index);
    const double* v = &values_[index];  // at -1, 0, 1, 2
    const double slope = v[2] - v[1] / 2 - v[0] / 3 - v[3] / 6;
    const double bend = (v[0] + v[2]) / 2 - v[1];
    const double twist = (v[3] - v[0]) / 6 + (v[1] - v[2]) / 2;
    return v[1] + t * (slope + t * (bend + t * twist));
  }

 private:
  static constexpr double per_sample = 256;
  static constexpr std::size_t entries = static_cast<std::size_t>(half_width * per_sample);
  std::vector<double> values_;
};

std::size_t resampled_size(std::size_t size, double from_rate, double to_rate) {
  const double exact = static_cast<double>(size) * to_rate / from_rate;
  const double whole =
      std::round(exact);  // a product such as 441 * (48000 / 44100) must not round up to one more
  const double count = std::abs(exact - whole) <= 1e-12 * exact ? whole : std::ceil(exact);
  if (!(count <= 2147483648.0)) {
    std::ostringstream message;
    message << "resampling " << size << " samples from " << from_rate << " Hz to " << to_rate
            << " Hz would give " << count << " samples; 2147483648 is the most";
    raise<DomainError>(message.str());
  }
  return std::max<std::size_t>(1, static_cast<std::size_t>(count));
}

}  // namespace

std::vector<double> resample(std::span<const double> samples, double from_rate, double to_rate) {
  check_finite(samples);
  check_sample_rate(from_rate);
  check_sample_rate(to_rate);
  if (from_rate == to_rate) return {samples.begin(), samples.end()};

  std::vector<double> result(resampled_size(samples.size(), from_rate, to_rate));
  static const KernelTable table;
  const double step = from_rate / to_rate;         // samples of the recording per sample of the result
  const double scale = std::min(1.0, 1.0 / step);  // samples of the lower rate per sample of the recording
  const double reach = half_width / scale;
  const auto size = static_cast<double>(samples.size());
  for (std::size_t m = 0; m < result.size(); ++m) {
    const double center = static_cast<double>(m) * from_rate / to_rate;
    const auto first = static_cast<std::size_t>(std::max(0.0, std::ceil(center - reach)));
    const auto last = static_cast<std::size_t>(std::min(size, std::floor(center + reach) + 1));
    double sum = 0;
    for (std::size_t j = first; j < last; ++j) {
      sum += samples[j] * table((static_cast<double>(j) - center) * scale);
    }
    result[m] = sum * scale;
  }
  return result;
}

}  // namespace retrograd
