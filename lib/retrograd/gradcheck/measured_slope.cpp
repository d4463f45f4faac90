#include <retrograd/gradcheck/measured_slope.hpp>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <vector>

namespace retrograd {

namespace {

constexpr double rounding = std::numeric_limits<double>::epsilon();
// The first step is 4e-6 of the size, 2^-18 or so; the largest 2^-4 of it, the smallest 2^-42.
constexpr double first_step = 4e-6;
constexpr int largest = -14, smallest = 24;

// A slope, and how far off it may be.
struct Slope {
  double value = 0.0;
  double uncertainty = std::numeric_limits<double>::infinity();
  // Of the slope or of what it is compared with, the larger one.
  double relative_to(double expected) const {
    return uncertainty / std::max({std::abs(value), std::abs(expected), std::numeric_limits<double>::min()});
  }
  bool exists() const { return std::isfinite(value) && uncertainty < infinite; }

 private:
  static constexpr double infinite = std::numeric_limits<double>::infinity();
};

// From the slopes over the steps h, h/2 and h/4 to one side, off by c1*h + c2*h^2 + ...
Slope extrapolate_one_side(double a, double b, double c, double noise) {
  const double coarse = 2.0 * b - a, fine = 2.0 * c - b;
  const double best = (4.0 * fine - coarse) / 3.0;
  return {best, std::abs(best - fine) + 4.0 * noise};
}

// The same to both sides, off by c2*h^2 + c4*h^4 + ...
Slope extrapolate_both_sides(double a, double b, double c, double noise) {
  const double coarse = (4.0 * b - a) / 3.0, fine = (4.0 * c - b) / 3.0;
  const double best = (16.0 * fine - coarse) / 15.0;
  return {best, std::abs(best - fine) + 2.0 * noise};
}

// What three neighbouring steps say.
struct Rung {
  Slope slope;
  bool at_kink = false;
};

class Ladder {
 public:
  Ladder(const std::function<std::optional<LossValue>(double)>& loss_at, double size, double expected)
      : loss_at_(loss_at), size_(size), expected_(expected), middle_(*loss_at(0.0)) {
    noise_ = 4.0 * rounding * middle_.magnitude;
  }

  // Of the steps 2^-k, 2^-k-1 and 2^-k-2 of the first one.
  Rung rung(int k) {
    const double h = step(k) / 4.0, noise = noise_ / h;
    const Sides a = sides(k), b = sides(k + 1), c = sides(k + 2);
    const auto one_side = [&](std::optional<double> Sides::*side) {
      return a.*side && b.*side && c.*side ? extrapolate_one_side(*(a.*side), *(b.*side), *(c.*side), noise)
                                           : Slope();
    };
    const Slope right = one_side(&Sides::right), left = one_side(&Sides::left);
    if (!right.exists() || !left.exists()) return {right.exists() ? right : left};
    const auto mean = [](const Sides& s) { return 0.5 * (*s.right + *s.left); };
    Rung found{extrapolate_both_sides(mean(a), mean(b), mean(c), noise)};
    found.at_kink = std::abs(right.value - left.value) > 10.0 * (right.uncertainty + left.uncertainty);
    if (found.at_kink)
      for (const Slope& side : {right, left})
        if (std::abs(side.value - expected_) < std::abs(found.slope.value - expected_)) found.slope = side;
    return found;
  }

  // What the loss's own rounding is, from values so close together that nothing else is left of them: third differences.
  void measure_noise() {
    double f[6];
    for (int i = 0; i < 6; ++i) {
      const std::optional<LossValue> loss = loss_at_(std::ldexp(size_, -42) * (i - 2));
      if (!loss) return;
      f[i] = loss->value;
    }
    for (int i = 0; i < 3; ++i) {
      const double third = f[i + 3] - 3.0 * f[i + 2] + 3.0 * f[i + 1] - f[i];
      if (std::isfinite(third)) noise_ = std::max(noise_, std::abs(third) / 2.0);
    }
  }

  double magnitude() const { return middle_.magnitude; }
  /// Whether the loss's rounding is most of what makes a rung uncertain.
  bool rounding_hurts(int k) { return 8.0 * noise_ / step(k) > 0.5 * rung(k).slope.uncertainty; }

 private:
  struct Sides {
    std::optional<double> right, left;  // the slopes
  };

  double step(int k) const { return std::ldexp(first_step * size_, -k); }
  const Sides& sides(int k) {
    const auto [at, is_new] = sides_.try_emplace(k);
    if (is_new) {
      const double h = step(k);
      if (const auto loss = loss_at_(h)) at->second.right = (loss->value - middle_.value) / h;
      if (const auto loss = loss_at_(-h)) at->second.left = (middle_.value - loss->value) / h;
    }
    return at->second;
  }

  const std::function<std::optional<LossValue>(double)>& loss_at_;
  double size_, expected_;
  LossValue middle_;
  double noise_;  // of one loss
  std::map<int, Sides> sides_;
};

// `neighbour`: what the steps next to those of `found` say. `nothing`: a slope that small is none.
Agreement compare(const Rung& found, const Rung* neighbour, double expected, double tolerance,
                  double nothing) {
  const Slope& slope = found.slope;
  if (!std::isfinite(expected)) return Agreement::disagrees;
  if (!slope.exists()) return Agreement::cannot_tell;
  const double difference = std::abs(slope.value - expected), relative = slope.relative_to(expected);
  // The loss does not change at all, over steps that are long enough to see it.
  if (difference == 0.0 && slope.uncertainty <= nothing) return Agreement::agrees;
  const double allowed = tolerance * std::max(std::abs(slope.value), std::abs(expected));
  // As good as the differences are, where they would show an error of a ten-thousandth.
  if (difference <= std::max(allowed, slope.uncertainty) && relative <= 1e-4) return Agreement::agrees;
  const bool is_sure = neighbour != nullptr && relative <= 0.02 &&
                       std::abs(neighbour->slope.value - slope.value) <=
                           2.0 * (neighbour->slope.uncertainty + slope.uncertainty);
  if (difference > allowed && difference > 4.0 * slope.uncertainty && is_sure) return Agreement::disagrees;
  return Agreement::cannot_tell;
}

}  // namespace

MeasuredSlope measure_slope(const std::function<std::optional<LossValue>(double)>& loss_at, double size,
                            double expected, double tolerance) {
  Ladder ladder(loss_at, size, expected);
  // Moved by its whole size along such a slope, the parameter would change the loss by a hundred-millionth.
  const double nothing = 1e-8 * ladder.magnitude() / size;
  const auto report = [&](const Rung& rung, const Rung* neighbour) {
    return MeasuredSlope{rung.slope.value, rung.slope.uncertainty, rung.at_kink,
                         compare(rung, neighbour, expected, tolerance, nothing)};
  };
  // Nearly always the first three steps settle it. Else larger ones are tried where rounding is what hurts, smaller ones
  // where it is not, then the others.
  std::map<int, Rung> rungs;
  const auto settles = [&](int k) {
    const Rung& rung = rungs.try_emplace(k, ladder.rung(k)).first->second;
    return compare(rung, nullptr, expected, tolerance, nothing) == Agreement::agrees &&
           (rung.slope.value == expected || rung.slope.relative_to(expected) <= 10.0 * tolerance);
  };
  if (settles(0)) return report(rungs.at(0), nullptr);
  ladder.measure_noise();
  rungs.clear();
  const int first = ladder.rounding_hurts(0) ? -1 : 1;
  for (const int direction : {first, -first})
    for (int k = 0; k >= largest && k <= smallest; k += 2 * direction)
      if (settles(k)) return report(rungs.at(k), nullptr);

  // A slope is what small steps say. Of those that contradict no smaller one the best is taken, and its neighbour that is
  // worth more has to confirm it before a gradient is called wrong.
  for (int k = largest; k <= smallest; ++k) rungs.try_emplace(k, ladder.rung(k));
  const auto contradict = [](const Slope& a, const Slope& b) {
    return std::abs(a.value - b.value) > 4.0 * (a.uncertainty + b.uncertainty);
  };
  std::vector<const Rung*> sound;  // from the smallest steps on
  std::size_t best = 0;
  for (auto at = rungs.rbegin(); at != rungs.rend(); ++at) {
    const Rung& rung = at->second;
    if (!rung.slope.exists()) continue;
    if (std::ranges::any_of(sound, [&](const Rung* other) { return contradict(rung.slope, other->slope); }))
      continue;
    sound.push_back(&rung);
    if (rung.slope.relative_to(expected) < sound[best]->slope.relative_to(expected)) best = sound.size() - 1;
  }
  if (sound.empty()) return report(rungs.at(0), nullptr);
  const Rung* neighbour = nullptr;
  for (const std::size_t i : {best - 1, best + 1})
    if (i < sound.size() &&
        (neighbour == nullptr || sound[i]->slope.uncertainty < neighbour->slope.uncertainty))
      neighbour = sound[i];
  const MeasuredSlope found = report(*sound[best], neighbour);
  if (found.agreement != Agreement::cannot_tell) return found;
  // Where both are 0 as far as the loss goes, no step has a figure that is worth something.
  for (const Rung* rung : sound)
    if (const double u = rung->slope.uncertainty;
        u <= 0.01 * nothing && std::abs(expected) <= u && std::abs(rung->slope.value) <= u)
      return {rung->slope.value, u, rung->at_kink, Agreement::agrees};
  return found;
}

}  // namespace retrograd
