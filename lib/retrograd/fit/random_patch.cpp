#include <retrograd/fit/random_patch.hpp>

#include <algorithm>
#include <cmath>
#include <span>

namespace retrograd {

namespace {

// SplitMix64 (Steele, Lea and Flood, 2014): the same numbers on every platform, unlike the standard
// distributions.
class Random {
 public:
  Random(std::uint64_t seed, int index)
      : state_(seed * 0x9E3779B97F4A7C15ull + static_cast<std::uint64_t>(index) + 1) {
    next();
  }
  double uniform(double low, double high) {
    return low + (high - low) * (static_cast<double>(next() >> 11) * 0x1p-53);
  }
  double log_uniform(double low, double high) { return low * std::pow(high / low, uniform(0.0, 1.0)); }
  double one_of(std::span<const double> values) {
    return values[std::min(values.size() - 1,
                           static_cast<std::size_t>(uniform(0.0, static_cast<double>(values.size()))))];
  }

 private:
  std::uint64_t next() {
    std::uint64_t z = (state_ += 0x9E3779B97F4A7C15ull);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
    return z ^ (z >> 31);
  }
  std::uint64_t state_;
};

double peak_of(const FitTarget& target) {
  double peak = 0.0;
  for (const double sample : target.samples) peak = std::max(peak, std::abs(sample));
  return peak;
}

double duration_of(const FitTarget& target) {
  return static_cast<double>(target.samples.size()) / target.sample_rate;
}

// From where the gate rises to the recording's end.
double time_from_gate(const FitTarget& target) { return duration_of(target) - target.gate.on; }

// From where the gate rises to the first 10 ms that are nearly as loud as the loudest, 2 dB below: no attack that the
// recording could have lasts longer.
double rise_of(const FitTarget& target) {
  const auto step = static_cast<std::size_t>(std::max(1.0, std::round(0.01 * target.sample_rate)));
  std::vector<double> energy;
  for (std::size_t i = 0; i < target.samples.size(); ++i) {
    if (i % step == 0) energy.push_back(0.0);
    energy.back() += target.samples[i] * target.samples[i];
  }
  const double loud = std::pow(10.0, -0.2) * *std::ranges::max_element(energy);
  const auto first = std::ranges::find_if(energy, [&](double x) { return x >= loud; });
  const auto end = static_cast<double>(static_cast<std::size_t>(first - energy.begin() + 1) * step);
  return end / target.sample_rate - target.gate.on;
}

// The gains of what is heard add up to the recording's peak: operators seldom peak together, but then an
// envelope seldom is at one.
void scale_to_peak(Patch& patch, double peak) {
  double sum = 0.0;
  for (const int i : audible_operators(patch)) sum += patch.fm.operators[static_cast<std::size_t>(i)].gain;
  if (sum == 0.0) return;
  for (const int i : audible_operators(patch))
    patch.fm.operators[static_cast<std::size_t>(i)].gain *= peak / sum;
}

}  // namespace

Patch tuned_to(const FitTarget& target, const Patch& initial) {
  Patch patch = initial;
  patch.sample_rate = target.sample_rate;
  patch.duration = duration_of(target);
  patch.note.frequency = target.frequency;
  patch.note.gate = {target.gate};
  scale_to_peak(patch, peak_of(target));
  return patch;
}

Patch random_patch(const FitTarget& target, const Patch& initial, std::uint64_t seed, int index) {
  // What is heard mostly carries the pitch itself; modulators also go below it, and far above it, where bells
  // have them.
  static constexpr double heard_ratios[] = {1, 1, 1, 1, 2, 2, 3, 4};
  static constexpr double modulator_ratios[] = {0.5, 1, 1, 1, 2, 2, 3, 3, 4, 5, 6, 7, 9};
  // At least 30 ms, so that the operators of a sound that begins at once need not all begin at once.
  constexpr double shortest_attack = 0.0005, usual_attack = 0.03;
  const double longest_attack = std::max(usual_attack, rise_of(target));
  const double longest = std::max(0.02, time_from_gate(target));
  Random random(seed, index);
  Patch patch = tuned_to(target, initial);
  const std::vector<int> heard = audible_operators(patch);
  for (std::size_t i = 0; i < patch.fm.operators.size(); ++i) {
    const bool is_heard = std::ranges::find(heard, static_cast<int>(i)) != heard.end();
    FMOperator& one = patch.fm.operators[i];
    one.ratio = random.one_of(is_heard ? std::span<const double>(heard_ratios) : modulator_ratios);
    if (!is_heard) one.ratio *= random.uniform(0.995, 1.005);
    one.gain = is_heard ? random.log_uniform(0.1, 1.0) : random.log_uniform(0.1, 4.0);
    one.envelope.attack = random.log_uniform(shortest_attack, longest_attack);
    one.envelope.decay = random.log_uniform(0.01, longest);
    one.envelope.sustain = random.uniform(0.0, 0.7);
    one.envelope.release = random.log_uniform(0.01, longest);
  }
  if (!heard.empty()) {
    // One of them has the pitch, so that no draw misses it.
    patch.fm.operators[static_cast<std::size_t>(heard.front())].ratio = 1.0;
    scale_to_peak(patch, peak_of(target) * random.uniform(0.7, 1.5));
  }
  return patch;
}

}  // namespace retrograd
