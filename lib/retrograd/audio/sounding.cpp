// What of a recording is its sound.
#include <retrograd/audio/sounding.hpp>

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>
#include <vector>

#include <retrograd/audio/recording.hpp>

namespace retrograd {
namespace {

// Times are in steps of 1 ms, levels are powers.
constexpr std::size_t fewest_steps = 20;     // of a recording in which a floor can be told from a sound
constexpr std::size_t reach = 4;             // steps averaged with each, on either side
constexpr std::size_t floor_window = 12;     // in which the floor is looked for
constexpr std::size_t shortest_floor = 20;   // that is believed
constexpr std::size_t drift_settles = 25;    // at the start, where its mean is over few samples
constexpr std::size_t loud_window = 50;      // in which the loudest moment is looked for
constexpr std::size_t slowest_rise = 200;    // from a floor that is not steady
constexpr std::size_t longest_gap = 10;      // within one event
constexpr std::size_t longest_click = 6;     // as an event, without what the averaging adds
constexpr std::size_t at_once = 4;           // an attack after a quieter announcement
constexpr std::size_t longest_preecho = 50;  // before the attack it belongs to
constexpr double drift_seconds = 0.05, first_drift_seconds = 0.00025;

double power_of(double decibels) { return std::pow(10, decibels / 10); }

/// Samples scaled to a peak of 1, each less the mean of the 50 ms before it.
std::vector<double> without_past_mean(std::vector<double> x, double sample_rate) {
  const auto width = std::max<std::size_t>(1, static_cast<std::size_t>(drift_seconds * sample_rate));
  const auto shortest = std::max<std::size_t>(1, static_cast<std::size_t>(first_drift_seconds * sample_rate));
  std::vector<double> sum(x.size() + 1, 0.0);
  for (std::size_t i = 0; i < x.size(); ++i) sum[i + 1] = sum[i] + x[i];
  double largest = 0;
  std::vector<double> y(x.size());
  for (std::size_t i = 0; i < x.size(); ++i) {
    const std::size_t last = std::min(std::max(i, shortest), x.size());
    const std::size_t first = last < width ? 0 : last - width;
    y[i] = x[i] - (sum[last] - sum[first]) / static_cast<double>(last - first);
    largest = std::max(largest, std::abs(y[i]));
  }
  return largest > 1e-9 ? y : x;  // nothing but an offset and rounding: it is all there is
}

std::vector<double> scaled(std::span<const double> samples) {
  const double peak = check_recording(samples);
  std::vector<double> x(samples.begin(), samples.end());
  for (double& value : x) value /= peak;
  return x;
}

std::size_t samples_per_step(double sample_rate) {
  return static_cast<std::size_t>(std::clamp(std::round(0.001 * sample_rate), 1.0, 1e9));
}

bool is_short(std::size_t size, double sample_rate) {
  return size / samples_per_step(sample_rate) < fewest_steps;
}

/// The recording in steps: its power in each, and averaged over each and its neighbours.
struct Steps {
  std::size_t width;
  std::vector<double> power, level;

  Steps(const std::vector<double>& x, std::size_t step) : width(step), power((x.size() + step - 1) / step) {
    for (std::size_t i = 0; i < x.size(); ++i) power[i / step] += x[i] * x[i];
    for (std::size_t k = 0; k < power.size(); ++k) {
      power[k] /= static_cast<double>(std::min(step, x.size() - k * step));
    }
    for (std::size_t k = 0; k < power.size(); ++k) {
      const std::size_t first = k < reach ? 0 : k - reach, last = std::min(k + reach, power.size() - 1);
      double sum = 0;
      for (std::size_t j = first; j <= last; ++j) sum += power[j];
      level.push_back(sum / static_cast<double>(last - first + 1));
    }
  }
  std::size_t size() const { return power.size(); }
};

/// The loudest step of the loudest 50 ms. Root mean squares are added there, so that a click loses against a
/// quieter tone.
std::size_t loudest_step(const Steps& steps) {
  const std::size_t window = std::min(loud_window, steps.size());
  double sum = 0;
  for (std::size_t k = 0; k < window; ++k) sum += std::sqrt(steps.power[k]);
  double most = sum;
  std::size_t start = 0;
  for (std::size_t k = window; k < steps.size(); ++k) {
    sum += std::sqrt(steps.power[k]) - std::sqrt(steps.power[k - window]);
    if (sum > most) {
      most = sum;
      start = k - window + 1;
    }
  }
  const auto begin = steps.level.begin() + static_cast<std::ptrdiff_t>(start);
  return static_cast<std::size_t>(std::max_element(begin, begin + static_cast<std::ptrdiff_t>(window)) -
                                  steps.level.begin());
}

double median(std::span<const double> values) {
  std::vector<double> sorted(values.begin(), values.end());
  const auto middle = sorted.begin() + static_cast<std::ptrdiff_t>(sorted.size() / 2);
  std::ranges::nth_element(sorted, middle);
  return *middle;
}

/// The smallest median of a window's levels among the steps [0, end), or 0 where the half of them or more hold
/// nothing. Steps of digital silence before a floor are no floor.
double quietest(const Steps& steps, std::size_t end, double reference) {
  std::vector<double> levels;
  const std::size_t start = end < 3 * drift_settles ? 0 : drift_settles;
  for (std::size_t k = start; k < end; ++k) {
    if (steps.level[k] > 1e-10 * reference) levels.push_back(steps.level[k]);
  }
  if (levels.size() < floor_window || 2 * levels.size() < end - start) return 0;
  double least = reference;
  for (std::size_t k = 0; k + floor_window <= levels.size(); ++k) {
    least = std::min(least, median(std::span(levels).subspan(k, floor_window)));
  }
  return least;
}

/// How far the levels of the 0.2 s before `end` rise or fall, as a ratio of 1 or more between their halves;
/// infinite where they are too few to tell.
double unsteadiness(const Steps& steps, std::size_t end) {
  const std::size_t begin = end < slowest_rise ? 0 : end - slowest_rise, half = (end - begin) / 2;
  if (end - begin < shortest_floor) return std::numeric_limits<double>::infinity();
  const std::span<const double> levels = std::span(steps.level).subspan(begin, end - begin);
  const double early = median(levels.first(half)), late = median(levels.last(half));
  return std::max(early, late) / std::max(std::min(early, late), 1e-300);
}

/// The power of what is there before the attack that leads to step `loudest`; 0 where the recording begins in
/// its sound or in silence.
double floor_before(const Steps& steps, std::size_t loudest) {
  const double reference = steps.level[loudest];
  const double floor = quietest(steps, loudest, reference);
  if (floor > power_of(-24) * reference) return 0;
  std::size_t heard = loudest;
  while (heard > 0 && steps.level[heard] >= power_of(8) * floor) --heard;
  std::size_t left = heard;
  while (left > 0 && steps.level[left] >= power_of(3) * floor) --left;
  const double change = unsteadiness(steps, left);
  return change < power_of(heard - left <= slowest_rise ? 2 : 0.75) ? floor : 0;
}

struct Event {
  std::size_t begin, end;
};

/// The steps at `threshold` or above, as events without gaps of more than 10 ms.
std::vector<Event> events(const Steps& steps, double threshold) {
  std::vector<Event> found;
  for (std::size_t k = 0; k < steps.size(); ++k) {
    if (steps.level[k] < threshold) continue;
    if (!found.empty() && k - found.back().end <= longest_gap) {
      found.back().end = k + 1;
    } else {
      found.push_back({k, k + 1});
    }
  }
  return found;
}

/// Where the attack is that a codec has announced, or `first`.
std::size_t after_preecho(const Steps& steps, std::size_t first, double reference) {
  double before = 0;
  for (std::size_t k = first; k <= first + longest_preecho && k + 1 < steps.size(); ++k) {
    const double after = *std::max_element(
        steps.power.begin() + static_cast<std::ptrdiff_t>(k),
        steps.power.begin() + static_cast<std::ptrdiff_t>(std::min(k + at_once, steps.size())));
    const bool is_attack = after >= power_of(20) * before && after >= power_of(-20) * reference;
    if (is_attack && k >= first + reach) return k;
    before = std::max(before, steps.power[k]);
  }
  return first;
}

/// Where the sound in x, which has no drift, begins.
struct Beginning {
  std::size_t sample;
  bool leaves_out_others;  // events before it that are no part of it
};

Beginning first_sounding(const std::vector<double>& x, double sample_rate, bool looks_for_preecho) {
  const Steps steps(x, samples_per_step(sample_rate));
  const std::size_t loudest = loudest_step(steps);
  const double reference = steps.level[loudest];
  const double floor = floor_before(steps, loudest);
  const double threshold = std::max(power_of(-40) * reference, power_of(8) * floor);

  const std::vector<Event> found = events(steps, threshold);
  auto event = std::find_if(found.begin(), found.end(), [&](const Event& e) { return loudest < e.end; });
  const auto energy = [&](const Event& e) {
    double sum = 0;
    for (std::size_t k = e.begin; k < e.end; ++k) sum += std::max(steps.level[k] - floor, 0.0);
    return sum;
  };
  const double whole = energy(*event);
  bool leaves_out_others = false;
  for (auto earlier = event; earlier != found.begin();) {
    --earlier;
    const bool is_click = earlier->end - earlier->begin <= longest_click + 2 * reach + 1;
    if (energy(*earlier) >= (is_click ? 0.1 : 0.02) * whole) {
      event = earlier;
      leaves_out_others = false;
    } else {
      leaves_out_others = true;
    }
  }

  double peak = 0;
  const std::size_t last = std::min(event->end * steps.width, x.size());
  for (std::size_t i = event->begin * steps.width; i < last; ++i) peak = std::max(peak, std::abs(x[i]));
  const double least = std::max(0.01 * peak, 5 * std::sqrt(floor));
  std::size_t i = (event->begin - std::min(event->begin, reach + 1)) * steps.width;
  while (std::abs(x[i]) < least && i + 1 < last) ++i;
  if (std::abs(x[i]) < least) i = event->begin * steps.width;
  if (!looks_for_preecho || i < floor_window * steps.width)
    return {i, leaves_out_others};  // a recording may begin in an attack

  const std::size_t attack = after_preecho(steps, i / steps.width, reference);
  if (attack == i / steps.width) return {i, leaves_out_others};
  double quiet = 0;
  for (std::size_t j = i; j < (attack - 1) * steps.width; ++j) quiet = std::max(quiet, std::abs(x[j]));
  for (std::size_t j = (attack - 1) * steps.width; j < (attack + at_once) * steps.width && j < x.size();
       ++j) {
    if (std::abs(x[j]) > 2 * quiet) return {j, true};
  }
  return {attack * steps.width, true};
}

Beginning begin_of(std::vector<double> x, double sample_rate, bool looks_for_preecho) {
  const auto first = static_cast<std::size_t>(
      std::ranges::find_if(x, [](double value) { return std::abs(value) >= 0.01; }) - x.begin());
  if (is_short(x.size(), sample_rate)) return {first, false};
  Beginning begin =
      first_sounding(without_past_mean(std::move(x), sample_rate), sample_rate, looks_for_preecho);
  // What the first few milliseconds hold is too little to tell drift from the sound.
  if (static_cast<double>(begin.sample) < 0.005 * sample_rate) begin.sample = std::min(begin.sample, first);
  return begin;
}

}  // namespace

std::size_t sound_begin(std::span<const double> samples, double sample_rate) {
  check_sample_rate(sample_rate);
  return begin_of(scaled(samples), sample_rate, true).sample;
}

SoundEnd sound_end(std::span<const double> samples, double sample_rate) {
  check_sample_rate(sample_rate);
  std::vector<double> x = scaled(samples);
  std::reverse(x.begin(), x.end());
  const Beginning backwards = begin_of(std::move(x), sample_rate, false);
  return {samples.size() - backwards.sample, backwards.leaves_out_others};
}

}  // namespace retrograd
