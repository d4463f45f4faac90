#include <retrograd/optimizers/moves.hpp>
#include <retrograd/optimizers/parameter_space.hpp>

#include <algorithm>

namespace retrograd {

namespace {

using namespace moves;

double log_within_reach(double x) { return std::clamp(math::log(x), -most_free, most_free); }

// Of a distance to a bound.
double log_of_distance(double distance) { return log_within_reach(distance > 0.0 ? distance : step_inside); }

}  // namespace

double to_free(const Domain& domain, double value) {
  if (!is_bounded_below(domain) && !is_bounded_above(domain)) return value;
  if (!is_bounded_below(domain)) return log_of_distance(domain.high - value);
  if (!is_bounded_above(domain)) return log_of_distance(value - domain.low);
  double part = (value - domain.low) / (domain.high - domain.low);
  if (part <= 0.0) part = step_inside;
  if (part >= 1.0) part = 1.0 - step_inside;
  return log_within_reach(part / (1.0 - part));
}

double from_free(const Domain& domain, double free) { return moves::from_free(domain, free); }

double slope_at(const Domain& domain, double free) { return moves::slope_at(domain, free); }

}  // namespace retrograd
