// Changing the sample rate of a recording, band-limited.
#include <retrograd/audio/resample.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numbers>
#include <numeric>
#include <optional>
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

  static constexpr double per_sample = 256;

 private:
  static constexpr std::size_t entries = static_cast<std::size_t>(half_width * per_sample);
  std::vector<double> values_;
};

// The loop below runs four samples at a time where the processor can (AVX), else two. Neither has fused
// multiply-adds and both add in the same order, so that the bits are the same.
#if defined(__x86_64__) && defined(__gnu_linux__) && !defined(__SANITIZE_ADDRESS__) && \
    !defined(__SANITIZE_THREAD__)
#define RETROGRAD_WIDE_LOOP __attribute__((target_clones("avx", "default")))
#else
#define RETROGRAD_WIDE_LOOP
#endif

constexpr std::size_t lanes = 16;
using Four [[gnu::vector_size(32), gnu::aligned(8), gnu::may_alias]] = double;

/// The sum of a[i] b[i], of a whole number of lanes. The sums are written one by one, for a compiler that would keep
/// an array of them in memory.
RETROGRAD_WIDE_LOOP double product_sum(const double* a, const double* b, std::size_t size) {
  Four sum0{}, sum1{}, sum2{}, sum3{};
  for (std::size_t i = 0; i < size; i += lanes) {
    const Four* u = reinterpret_cast<const Four*>(a + i);
    const Four* v = reinterpret_cast<const Four*>(b + i);
    sum0 += u[0] * v[0];
    sum1 += u[1] * v[1];
    sum2 += u[2] * v[2];
    sum3 += u[3] * v[3];
  }
  const Four sum = (sum0 + sum1) + (sum2 + sum3);
  return (sum[0] + sum[1]) + (sum[2] + sum[3]);
}

/// The same for b and for b moved by `apart`, which share the loads of a.
RETROGRAD_WIDE_LOOP void product_sums(const double* a, const double* b, std::size_t apart, std::size_t size,
                                      double* results) {
  Four first0{}, first1{}, first2{}, first3{}, second0{}, second1{}, second2{}, second3{};
  for (std::size_t i = 0; i < size; i += lanes) {
    const Four* u = reinterpret_cast<const Four*>(a + i);
    const Four* v = reinterpret_cast<const Four*>(b + i);
    const Four* w = reinterpret_cast<const Four*>(b + apart + i);
    first0 += u[0] * v[0];
    second0 += u[0] * w[0];
    first1 += u[1] * v[1];
    second1 += u[1] * w[1];
    first2 += u[2] * v[2];
    second2 += u[2] * w[2];
    first3 += u[3] * v[3];
    second3 += u[3] * w[3];
  }
  const Four first = (first0 + first1) + (first2 + first3);
  const Four second = (second0 + second1) + (second2 + second3);
  results[0] = (first[0] + first[1]) + (first[2] + first[3]);
  results[1] = (second[0] + second[1]) + (second[2] + second[3]);
}

/// The kernel at every place that the samples around an output can have, as rows of weights: row p is for an
/// output (p - first) / phases samples of the recording after a sample of it, the one at index `before` of the row.
class Bank {
 public:
  Bank(const KernelTable& kernel, double scale, std::size_t phases, std::size_t first, std::size_t rows)
      : before(reach_of(scale)), width((2 * before + lanes - 1) / lanes * lanes), weights_(rows * width) {
    for (std::size_t p = 0; p < rows; ++p) {
      const double part = (static_cast<double>(p) - static_cast<double>(first)) / static_cast<double>(phases);
      for (std::size_t i = 0; i < width; ++i) {
        const double time = (static_cast<double>(i) - static_cast<double>(before) - part) * scale;
        weights_[p * width + i] = scale * kernel(time);
      }
    }
  }

  static std::size_t reach_of(double scale) {
    return static_cast<std::size_t>(std::ceil(half_width / scale)) + 2;
  }

  /// The sum of x[i] times the row's weights.
  double apply(std::size_t row, const double* x) const {
    return product_sum(&weights_[row * width], x, width);
  }

  /// The same at x, and at x moved by `apart` once, twice and three times.
  void apply(std::size_t row, const double* x, std::size_t apart, double (&results)[4]) const {
    product_sums(&weights_[row * width], x, apart, width, results);
    product_sums(&weights_[row * width], x + 2 * apart, apart, width, results + 2);
  }

  const std::size_t before, width;

 private:
  std::vector<double> weights_;
};

constexpr double largest_bank = 1 << 21;  // weights

/// The steps of a ratio of whole rates: output m lies m * from / to samples into the recording.
struct Ratio {
  std::uint64_t from, to;
};

std::optional<Ratio> whole_ratio(double from_rate, double to_rate) {
  const auto is_whole = [](double rate) { return rate == std::floor(rate) && rate < 4294967296.0; };
  if (!is_whole(from_rate) || !is_whole(to_rate)) return std::nullopt;
  const auto from = static_cast<std::uint64_t>(from_rate), to = static_cast<std::uint64_t>(to_rate);
  const std::uint64_t common = std::gcd(from, to);
  return Ratio{from / common, to / common};
}

/// The samples that the first `count` outputs need, between silence.
std::vector<double> between_silence(std::span<const double> samples, const Bank& bank, double last_center) {
  const std::size_t needed = std::min(samples.size(), static_cast<std::size_t>(last_center) + bank.width + 1);
  std::vector<double> x(static_cast<std::size_t>(last_center) + 2 * bank.width + 2, 0.0);
  for (std::size_t i = 0; i < needed && bank.before + i < x.size(); ++i) x[bank.before + i] = samples[i];
  return x;
}

/// Each output by the one row of its place: a polyphase filter bank.
void by_phases(std::span<const double> samples, Ratio ratio, const Bank& bank, std::vector<double>& result) {
  const double last =
      static_cast<double>(result.size()) * static_cast<double>(ratio.from) / static_cast<double>(ratio.to);
  const std::vector<double> x = between_silence(samples, bank, last);
  // Four outputs that lie a whole turn of the phases apart use the same row, while it is in the nearest cache.
  std::size_t done = 0;
  std::uint64_t start = 0;
  for (; done + 4 * ratio.to <= result.size(); done += 4 * ratio.to, start += 4 * ratio.from) {
    for (std::uint64_t m = 0; m < ratio.to; ++m) {
      double four[4];
      const std::uint64_t moved = m * ratio.from;
      bank.apply(moved % ratio.to, &x[start + moved / ratio.to], ratio.from, four);
      for (std::size_t turn = 0; turn < 4; ++turn) result[done + turn * ratio.to + m] = four[turn];
    }
  }
  for (std::uint64_t m = 0; done + m < result.size(); ++m) {
    const std::uint64_t moved = m * ratio.from;
    result[done + m] = bank.apply(moved % ratio.to, &x[start + moved / ratio.to]);
  }
}

/// Each output between four neighbouring rows: the cubic through them, as in KernelTable.
void between_phases(std::span<const double> samples, double from_rate, double to_rate, std::size_t phases,
                    const Bank& bank, std::vector<double>& result) {
  const std::vector<double> x =
      between_silence(samples, bank, static_cast<double>(result.size()) * from_rate / to_rate);
  for (std::size_t m = 0; m < result.size(); ++m) {
    const double center = static_cast<double>(m) * from_rate / to_rate;
    const auto at = static_cast<std::size_t>(center);
    const double place = (center - static_cast<double>(at)) * static_cast<double>(phases);
    const auto row = static_cast<std::size_t>(place);
    const double t = place - static_cast<double>(row);
    double v[4];
    for (std::size_t r = 0; r < 4; ++r) v[r] = bank.apply(row + r, &x[at]);
    const double slope = v[2] - v[1] / 2 - v[0] / 3 - v[3] / 6;
    const double bend = (v[0] + v[2]) / 2 - v[1];
    const double twist = (v[3] - v[0]) / 6 + (v[1] - v[2]) / 2;
    result[m] = v[1] + t * (slope + t * (bend + t * twist));
  }
}

/// Each output by itself: for a few, and where a bank would be too large.
void one_by_one(std::span<const double> samples, double from_rate, double to_rate, const KernelTable& kernel,
                double scale, std::vector<double>& result) {
  const double reach = half_width / scale;
  const auto size = static_cast<double>(samples.size());
  for (std::size_t m = 0; m < result.size(); ++m) {
    const double center = static_cast<double>(m) * from_rate / to_rate;
    const auto first = static_cast<std::size_t>(std::max(0.0, std::ceil(center - reach)));
    const auto last = static_cast<std::size_t>(std::min(size, std::floor(center + reach) + 1));
    double sum = 0;
    for (std::size_t j = first; j < last; ++j) {
      sum += samples[j] * kernel((static_cast<double>(j) - center) * scale);
    }
    result[m] = sum * scale;
  }
}

}  // namespace

std::size_t resampled_size(std::size_t size, double from_rate, double to_rate) {
  check_sample_rate(from_rate);
  check_sample_rate(to_rate);
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

std::vector<double> resample(std::span<const double> samples, double from_rate, double to_rate,
                             std::size_t most) {
  check_finite(samples);
  const std::size_t size = std::min(most, resampled_size(samples.size(), from_rate, to_rate));
  if (from_rate == to_rate) {
    const auto kept = samples.first(std::min(most, samples.size()));
    return {kept.begin(), kept.end()};
  }

  std::vector<double> result(size);
  static const KernelTable table;
  const double scale =
      std::min(1.0, to_rate / from_rate);  // samples of the lower rate per sample of the recording
  const double row = 2 * (half_width / scale + 8);
  const double work = static_cast<double>(size) * std::min(row, static_cast<double>(samples.size()));
  const auto is_worth_it = [&](double rows) { return rows * row <= std::min(largest_bank, 2 * work); };

  const std::optional<Ratio> ratio = whole_ratio(from_rate, to_rate);
  const double phases = std::max(16.0, std::ceil(KernelTable::per_sample * scale));
  if (ratio && is_worth_it(static_cast<double>(ratio->to))) {
    const auto rows = static_cast<std::size_t>(ratio->to);
    by_phases(samples, *ratio, Bank(table, scale, rows, 0, rows), result);
  } else if (is_worth_it(phases + 3)) {
    const auto count = static_cast<std::size_t>(phases);
    between_phases(samples, from_rate, to_rate, count, Bank(table, scale, count, 1, count + 3), result);
  } else {
    one_by_one(samples, from_rate, to_rate, table, scale, result);
  }
  return result;
}

}  // namespace retrograd
