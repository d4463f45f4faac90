#include <retrograd/fit/levels.hpp>
#include <retrograd/fit/random_rack.hpp>
#include <retrograd/math/random.hpp>

#include <algorithm>
#include <cmath>
#include <span>
#include <utility>

namespace retrograd {

namespace {

// One draw's random numbers.
class DrawnNumbers {
 public:
  DrawnNumbers(std::uint64_t seed, int index)
      : random_(seed * 0x9E3779B97F4A7C15ull + static_cast<std::uint64_t>(index) + 1) {
    random_.bits();
  }
  double uniform(double low, double high) { return random_.uniform(low, high); }
  double log_uniform(double low, double high) { return low * std::pow(high / low, uniform(0.0, 1.0)); }
  double one_of(std::span<const double> values) {
    return values[std::min(values.size() - 1,
                           static_cast<std::size_t>(uniform(0.0, static_cast<double>(values.size()))))];
  }

 private:
  math::Random random_;
};

double loudness_of(const FitTarget& target) {
  double power = 0.0;
  for (const double sample : target.samples) power += sample * sample;
  return std::sqrt(power / static_cast<double>(target.samples.size()));
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

double drawn(DrawnNumbers& random, const ParameterSpec& spec, const Draw& draw, double now, double rise,
             double end) {
  double high = draw.high;
  if (draw.raised == Draw::Raised::to_rise) high = std::max(high, rise);
  if (draw.raised == Draw::Raised::to_end) high = std::max(high, end);
  double value = now;
  switch (draw.kind) {
    case Draw::Kind::keep:
      return now;
    case Draw::Kind::shown:
      value = spec.is_logarithmic ? random.log_uniform(spec.low_shown, spec.high_shown)
                                  : random.uniform(spec.low_shown, spec.high_shown);
      break;
    case Draw::Kind::uniform:
      value = random.uniform(draw.low, high);
      break;
    case Draw::Kind::logarithmic:
      value = random.log_uniform(draw.low, high);
      break;
    case Draw::Kind::one_of:
      value = random.one_of(draw.values);
      break;
  }
  return draw.spread == 0.0 ? value : value * random.uniform(1.0 - draw.spread, 1.0 + draw.spread);
}

// But for its frequency, which may be frozen.
Rack placed_at(const FitTarget& target, const Rack& initial) {
  Rack rack = initial;
  rack.sample_rate = target.sample_rate;
  rack.duration = duration_of(target);
  rack.note.gate = {target.gate};
  return rack;
}

}  // namespace

RackDraws::RackDraws(const FitTarget& target, const Rack& initial, std::span<const std::string> frozen)
    : placed_(placed_at(target, initial)),
      loudness_(loudness_of(target)),
      rise_(rise_of(target)),
      end_(time_from_gate(target)),
      frozen_(parameters_named(placed_, frozen)) {
  const std::vector<RackParameter> all = parameters(placed_);
  if (frozen_[0] == 0) all[0].value = target.frequency;
  for (const std::size_t level : heard_levels(placed_))
    if (frozen_[level] == 0) levels_.push_back(level);
}

Rack RackDraws::tuned() const {
  Rack rack = placed_;
  scale_to_loudness(rack, levels_, loudness_);
  return rack;
}

Rack RackDraws::draw(std::uint64_t seed, int index) const {
  DrawnNumbers random(seed, index);
  Rack rack = placed_;
  const std::vector<RackParameter> all = parameters(rack);
  bool has_the_pitch = false;
  for (std::size_t p = 0; p < all.size(); ++p) {
    const ParameterSpec& spec = all[p].spec;
    if (spec.role == Role::note_frequency || spec.role == Role::seed) continue;
    double value = drawn(random, spec, all[p].is_heard ? spec.when_heard : spec.when_modulating, all[p].value,
                         rise_, end_);
    // One of what is heard has the pitch itself, so that no draw misses it.
    if (all[p].is_heard && spec.role == Role::pitch_ratio && !std::exchange(has_the_pitch, true)) value = 1.0;
    if (frozen_[p] == 0 && spec.domain.contains(value)) all[p].value = value;
  }
  // What is too loud costs more than what is too quiet, wherever it has partials that the recording has not.
  scale_to_loudness(rack, levels_, loudness_ * random.uniform(0.5, 1.0));
  return rack;
}

}  // namespace retrograd
