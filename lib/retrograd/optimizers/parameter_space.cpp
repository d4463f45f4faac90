#include <retrograd/math/functions.hpp>
#include <retrograd/optimizers/parameter_space.hpp>

#include <algorithm>
#include <limits>

namespace retrograd {

namespace {

constexpr double most_free = 460;  // exp of it is 1e200: steps end before the numbers do

bool is_bounded_below(const Domain& domain) { return domain.low > -std::numeric_limits<double>::infinity(); }
bool is_bounded_above(const Domain& domain) { return domain.high < std::numeric_limits<double>::infinity(); }

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

double from_free(const Domain& domain, double free) {
  if (!is_bounded_below(domain) && !is_bounded_above(domain)) return free;
  free = std::clamp(free, -most_free, most_free);
  if (!is_bounded_below(domain)) return domain.high - math::exp(free);
  if (!is_bounded_above(domain)) return domain.low + math::exp(free);
  const double value = domain.low + (domain.high - domain.low) * math::sigmoid(free);
  return std::clamp(value, domain.low, domain.high);
}

double slope_at(const Domain& domain, double free) {
  if (!is_bounded_below(domain) && !is_bounded_above(domain)) return 1.0;
  free = std::clamp(free, -most_free, most_free);
  if (!is_bounded_below(domain)) return -math::exp(free);
  if (!is_bounded_above(domain)) return math::exp(free);
  const double part = math::sigmoid(free);
  return (domain.high - domain.low) * part * (1.0 - part);
}

}  // namespace retrograd
