// The pitch of a recording, as an FM patch wants it.
#include <retrograd/audio/pitch.hpp>

#include <algorithm>
#include <cmath>
#include <complex>
#include <cstddef>
#include <numbers>
#include <optional>
#include <vector>

#include <retrograd/audio/fourier.hpp>
#include <retrograd/audio/recording.hpp>

namespace retrograd {
namespace {

constexpr std::size_t most_frames = 24;                         // for an octave of lags
constexpr std::size_t longest_analysis = std::size_t{1} << 17;  // samples
constexpr double most_from_partial =
    0.045;                                // that the mean of a moving pitch lies from the strongest partial's
constexpr double certain = 0.7;           // that there is a period at all, from this similarity on
constexpr double ambiguous = 0.45;        // the confidence where two periods explain the recording
constexpr double faintest_support = -45;  // decibels, against the strongest partial
constexpr double samples_per_highest_period = 8;  // so that a parabola finds the top of a peak
constexpr double steady_slack = 0.01, steady_slack_turns = 0.06;  // of the lag, and of the strongest partial
constexpr double bent_slack = 0.09, bent_slack_turns = 0.4;       // for a pitch that moves

/// The loudest stretch of the part, scaled to a peak of 1.
std::vector<double> loudest(std::span<const double> part) {
  const double peak = check_recording(part);
  const std::size_t size = std::min(part.size(), longest_analysis);
  double sum = 0, most = 0;
  std::size_t start = 0;
  for (std::size_t i = 0; i < part.size(); ++i) {
    sum += (part[i] / peak) * (part[i] / peak);
    if (i >= size) sum -= (part[i - size] / peak) * (part[i - size] / peak);
    if (sum > most && i + 1 >= size) {
      most = sum;
      start = i + 1 - size;
    }
  }
  std::vector<double> x(part.begin() + static_cast<std::ptrdiff_t>(start),
                        part.begin() + static_cast<std::ptrdiff_t>(start + size));
  for (double& value : x) value /= peak;
  return x;
}

/// A sound between two frequencies, at a rate high enough to find the tops of its similarity.
struct Band {
  std::vector<double> samples;
  double rate;
};

std::size_t power_of_two(double at_least) {
  std::size_t size = 1;
  while (static_cast<double>(size) < at_least) size *= 2;
  return size;
}

/// What x holds from 20 Hz to `highest`, through its spectrum: fading out from there to 15 Hz, and from 0.9 of
/// highest on.
Band band_of(const std::vector<double>& x, double sample_rate, double highest) {
  const std::size_t bins = power_of_two(1.25 * static_cast<double>(x.size()));
  std::vector<std::complex<double>> spectrum(bins);
  std::copy(x.begin(), x.end(), spectrum.begin());
  fourier_transform(spectrum);

  const double bin = sample_rate / static_cast<double>(bins);
  const std::size_t size = power_of_two(samples_per_highest_period * highest / bin);
  std::vector<std::complex<double>> wanted(size);
  for (std::size_t k = 1; k < std::min(size, bins) / 2; ++k) {
    const double frequency = static_cast<double>(k) * bin;
    const double gain = std::min(std::clamp((frequency - 15) / 5, 0.0, 1.0),
                                 std::clamp((highest - frequency) / (0.1 * highest), 0.0, 1.0));
    wanted[k] = spectrum[k] * gain;
    wanted[size - k] = std::conj(wanted[k]);
  }
  for (auto& value : wanted) value = std::conj(value);  // so that the transform is the inverse one
  fourier_transform(wanted);
  Band band{{}, static_cast<double>(size) * bin};
  const auto length = static_cast<std::size_t>(static_cast<double>(x.size()) / sample_rate * band.rate);
  for (std::size_t i = 0; i < length; ++i) {
    band.samples.push_back(wanted[i].real() / static_cast<double>(bins));
  }
  return band;
}

/// How alike a frame x[start, start + width) and what follows it `lag` later are, for lags up to `longest`:
/// m(lag) = 2 sum x[j] x[j+lag], e(lag) = sum (x[j]^2 + x[j+lag]^2); their quotient is 1 for a period.
struct Similarity {
  std::vector<double> product, energy;
  double value(std::size_t lag) const { return energy[lag] > 0 ? product[lag] / energy[lag] : 0; }
};

Similarity similarity(const std::vector<double>& x, std::size_t start, std::size_t width, std::size_t longest,
                      const FourierTransform& transform) {
  const std::size_t size = transform.size();
  // One transform for both: the frame in the real part, the frame and what follows it in the imaginary part.
  std::vector<std::complex<double>> both(size);
  for (std::size_t j = 0; j < width + longest; ++j) {
    both[j] = {j < width ? x[start + j] : 0.0, x[start + j]};
  }
  transform(both);
  std::vector<std::complex<double>> cross(size);
  for (std::size_t k = 0; k < size; ++k) {
    const std::complex<double> a = both[k], b = std::conj(both[(size - k) % size]);
    const std::complex<double> frame = (a + b) / 2.0, all = (a - b) / std::complex<double>(0, 2);
    cross[k] = std::conj(std::conj(frame) * all);
  }
  transform(cross);
  Similarity result;
  double first = 0, shifted = 0;
  for (std::size_t j = 0; j < width; ++j) first += x[start + j] * x[start + j];
  shifted = first;
  for (std::size_t lag = 0; lag < longest; ++lag) {
    result.product.push_back(2 * cross[lag].real() / static_cast<double>(size));
    result.energy.push_back(first + shifted);
    const double leaves = x[start + lag], enters = x[start + lag + width];
    shifted = std::max(0.0, shifted + enters * enters - leaves * leaves);
  }
  return result;
}

struct Top {
  double lag, value, energy;
};

/// The best lag within `slack` of `lag`, between the samples.
Top top_near(const Similarity& similar, double lag, double slack) {
  const auto last = static_cast<double>(similar.energy.size() - 2);
  const auto begin = static_cast<std::size_t>(std::clamp(std::floor(lag - slack), 1.0, last));
  const auto end = static_cast<std::size_t>(std::clamp(std::ceil(lag + slack), 1.0, last));
  std::size_t best = begin;
  for (std::size_t k = begin; k <= end; ++k) {
    if (similar.value(k) > similar.value(best)) best = k;
  }
  const double before = similar.value(best - 1), value = similar.value(best), after = similar.value(best + 1);
  const double bend = before - 2 * value + after;
  if (!(bend < 0) || before > value || after > value)
    return {static_cast<double>(best), value, similar.energy[best]};
  const double offset = (before - after) / (2 * bend);
  return {static_cast<double>(best) + offset, value - (before - after) * offset / 4, similar.energy[best]};
}

/// Whether the recording holds enough of the harmonics that a pitch of the strongest partial's n-th part would
/// have: of those below the 2n-th two, or n / 2 where that is more. A few partials as 8 to 13 to 21 have a period
/// too, but nobody hears or wants a note three octaves below the first.
bool is_supported(const std::vector<Partial>& partials, std::size_t n) {
  const double fundamental = partials.front().frequency / static_cast<double>(n);
  std::vector<bool> holds(2 * n, false);
  for (const Partial& partial : partials) {
    const double multiple = std::round(partial.frequency / fundamental);
    const double tolerance = std::clamp(0.012 * multiple, 0.04, 0.12);
    const bool is_close = std::abs(partial.frequency / fundamental - multiple) <= tolerance;
    if (is_close && multiple >= 1 && multiple < 2 * static_cast<double>(n)) {
      holds[static_cast<std::size_t>(multiple)] = true;
    }
  }
  return 2 * static_cast<std::size_t>(std::ranges::count(holds, true)) >= std::max<std::size_t>(4, n);
}

/// What one divisor n of the strongest partial makes of the recording.
struct Candidate {
  bool is_possible = false;
  double product = 0, energy = 0;            // at the lag n / partial
  double bent_product = 0, bent_energy = 0;  // at the best lag of each frame
  double frequency = 0, square = 0;          // the sums of energy times that lag's frequency, and its square

  double value() const { return energy > 0 ? std::clamp(product / energy, 0.0, 1.0) : 0; }
  double bent_value() const { return bent_energy > 0 ? std::clamp(bent_product / bent_energy, 0.0, 1.0) : 0; }
  double mean_frequency() const { return frequency / bent_energy; }
  /// How far the frames' frequencies lie from their mean, as a part of it.
  double spread() const {
    const double mean = mean_frequency();
    return std::sqrt(std::max(0.0, square / bent_energy / (mean * mean) - 1));
  }
};

/// The candidates of the divisors n that the partials support, with an empty one for each other n from 0 on.
std::vector<Candidate> candidates(const Band& band, const std::vector<Partial>& partials) {
  const double partial = partials.front().frequency;
  const std::vector<double>& x = band.samples;
  const double period = band.rate / partial;
  const double longest_lag = std::min(band.rate / lowest_partial, static_cast<double>(x.size()) / 3);
  const auto most_n = static_cast<std::size_t>(std::max(0.0, longest_lag / period));
  std::vector<Candidate> result(most_n + 1);
  for (std::size_t n = 1; n <= most_n; ++n) result[n].is_possible = n == 1 || is_supported(partials, n);
  for (std::size_t last_n = most_n; last_n > 0;) {  // an octave of lags at a time
    const std::size_t first_n = last_n / 2 + 1;
    const auto in_octave = std::span(result).subspan(first_n, last_n - first_n + 1);
    last_n = first_n - 1;
    if (std::ranges::none_of(in_octave, &Candidate::is_possible)) continue;
    const double turns = static_cast<double>(first_n + in_octave.size() - 1);
    const auto longest = static_cast<std::size_t>(std::ceil(turns * period * (1 + bent_slack))) + 3;
    const std::size_t width = std::min(2 * longest, x.size() - std::min(x.size(), longest + 1));
    if (width < longest / 2) return result;
    const std::size_t room = x.size() - longest - width;
    const std::size_t hops = std::min(most_frames - 1, (room + width / 2 - 1) / (width / 2));
    const FourierTransform transform(power_of_two(static_cast<double>(width + longest + 1)));
    for (std::size_t frame = 0; frame <= hops; ++frame) {
      const Similarity similar =
          similarity(x, hops == 0 ? 0 : room * frame / hops, width, longest, transform);
      for (std::size_t n = first_n; n < first_n + in_octave.size(); ++n) {
        if (!result[n].is_possible) continue;
        const double lag = static_cast<double>(n) * period;
        const Top steady = top_near(similar, lag, std::min(steady_slack * lag, steady_slack_turns * period));
        const Top bent = top_near(similar, lag, std::min(bent_slack * lag, bent_slack_turns * period));
        result[n].product += steady.value * steady.energy;
        result[n].energy += steady.energy;
        result[n].bent_product += bent.value * bent.energy;
        result[n].bent_energy += bent.energy;
        const double frequency = band.rate / bent.lag;
        result[n].frequency += bent.energy * frequency;
        result[n].square += bent.energy * frequency * frequency;
      }
    }
  }
  return result;
}

/// The partials without what the window makes of stronger ones beside them.
std::vector<Partial> without_side_lobes(const std::vector<Partial>& partials, double duration) {
  std::vector<Partial> kept;
  for (const Partial& partial : partials) {
    const bool is_side_lobe = std::ranges::any_of(kept, [&](const Partial& stronger) {
      return std::abs(stronger.frequency - partial.frequency) < 8 / duration &&
             stronger.level > partial.level + 25;
    });
    if (!is_side_lobe) kept.push_back(partial);
  }
  return kept;
}

}  // namespace

Pitch detect_pitch(std::span<const double> samples, double sample_rate) {
  const std::span<const double> part = loud_part(samples, sample_rate);
  const std::vector<Partial> partials =
      without_side_lobes(strong_partials(samples, sample_rate, faintest_support),
                         static_cast<double>(part.size()) / sample_rate);
  const double partial = partials.front().frequency;
  const double highest = std::min(sample_rate / 2, std::max(4 * partial, 16 * std::min(partial, 150.0)));
  const Band band = band_of(loudest(part), sample_rate, highest);
  const std::vector<Candidate> found = candidates(band, partials);
  if (found.size() < 2) return {partial, 0.0};

  std::vector<std::size_t> possible;
  for (std::size_t n = 1; n < found.size(); ++n) {
    if (found[n].is_possible) possible.push_back(n);
  }
  const auto best_of = [&](auto value) {
    return *std::ranges::max_element(possible, {}, [&](std::size_t n) { return value(n); });
  };
  const std::size_t best_bent = best_of([&](std::size_t n) { return found[n].bent_value(); });
  const double rest = 1 - found[best_bent].bent_value();
  const bool is_bent = rest <= 0.05 && rest < 0.5 * (1 - found[best_bent].value()) &&
                       std::abs(found[best_bent].mean_frequency() * static_cast<double>(best_bent) / partial -
                                1) <= most_from_partial;
  const auto value = [&](std::size_t n) { return is_bent ? found[n].bent_value() : found[n].value(); };
  const auto first_with = [&](double least) {
    return *std::ranges::find_if(possible, [&](std::size_t n) { return value(n) >= least; });
  };

  const double best = value(best_of(value));
  std::size_t n = best >= certain ? first_with(0.9 * best) : 1;
  double confidence = value(n);
  if (best >= certain) {
    const std::size_t longer = first_with(1 - std::max(3 * (1 - best), 0.004));
    const double left = 1 - value(n), left_by_longer = 1 - value(longer);
    if (longer > n && left >= 4 * left_by_longer && left_by_longer <= 0.3 / static_cast<double>(longer)) {
      n = longer;
      confidence = value(longer);
    } else if (longer > n) {
      confidence = std::min(confidence, ambiguous);
    }
  }
  const double of_partial = partial / static_cast<double>(n), of_frames = found[n].mean_frequency();
  // A stiff string's frames agree on another frequency than its strongest partial's; a vibrato's do not agree.
  const bool is_moving = std::abs(of_frames / of_partial - 1) > 0.0025 && found[n].spread() > 0.0025 &&
                         found[n].bent_value() > 0.98;
  return {is_bent || is_moving ? of_frames : of_partial, confidence};
}

}  // namespace retrograd
