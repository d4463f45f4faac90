// What one step does to one element: from its gradient in free space to its new value. The same on a GPU.
#pragma once

#include <retrograd/math/functions.hpp>
#include <retrograd/optimizers/parameter_space.hpp>

#include <algorithm>
#include <cmath>
#include <limits>

namespace retrograd::moves {

inline constexpr double most_free = 460;  // exp of it is 1e200: steps end before the numbers do

RETROGRAD_ANYWHERE bool is_bounded_below(const Domain& domain) {
  return domain.low > -std::numeric_limits<double>::infinity();
}
RETROGRAD_ANYWHERE bool is_bounded_above(const Domain& domain) {
  return domain.high < std::numeric_limits<double>::infinity();
}
RETROGRAD_ANYWHERE double within(double x, double low, double high) {
  return x < low ? low : high < x ? high : x;
}

RETROGRAD_ANYWHERE double log_within_reach(double x) { return within(math::log(x), -most_free, most_free); }

// Of a distance to a bound.
RETROGRAD_ANYWHERE double log_of_distance(double distance) {
  return log_within_reach(distance > 0.0 ? distance : step_inside);
}

/// See parameter_space.hpp, for this and the next two.
RETROGRAD_ANYWHERE double to_free(const Domain& domain, double value) {
  if (!is_bounded_below(domain) && !is_bounded_above(domain)) return value;
  if (!is_bounded_below(domain)) return log_of_distance(domain.high - value);
  if (!is_bounded_above(domain)) return log_of_distance(value - domain.low);
  double part = (value - domain.low) / (domain.high - domain.low);
  if (part <= 0.0) part = step_inside;
  if (part >= 1.0) part = 1.0 - step_inside;
  return log_within_reach(part / (1.0 - part));
}

RETROGRAD_ANYWHERE double from_free(const Domain& domain, double free) {
  if (!is_bounded_below(domain) && !is_bounded_above(domain)) return free;
  free = within(free, -most_free, most_free);
  if (!is_bounded_below(domain)) return domain.high - math::exp(free);
  if (!is_bounded_above(domain)) return domain.low + math::exp(free);
  const double value = domain.low + (domain.high - domain.low) * math::sigmoid(free);
  return within(value, domain.low, domain.high);
}

RETROGRAD_ANYWHERE double slope_at(const Domain& domain, double free) {
  if (!is_bounded_below(domain) && !is_bounded_above(domain)) return 1.0;
  free = within(free, -most_free, most_free);
  if (!is_bounded_below(domain)) return -math::exp(free);
  if (!is_bounded_above(domain)) return math::exp(free);
  const double part = math::sigmoid(free);
  return (domain.high - domain.low) * part * (1.0 - part);
}

/// The float nearest to `value` that does not leave the domain.
RETROGRAD_ANYWHERE float rounded_inside(const Domain& domain, double value) {
  const auto nearest = static_cast<float>(value);
  const auto as_double = static_cast<double>(nearest);
  const bool is_inside = (domain.low_is_open ? as_double > domain.low : as_double >= domain.low) &&
                         as_double <= domain.high && as_double - as_double == 0.0;
  if (is_inside) return nearest;
  const float inwards = std::numeric_limits<float>::infinity();
  return nextafterf(nearest, as_double > value ? -inwards : inwards);
}

/// The value of a free coordinate, in the parameter's type.
RETROGRAD_ANYWHERE void value_of_free(const Domain& domain, double free, float& value) {
  value = rounded_inside(domain, moves::from_free(domain, free));
}
RETROGRAD_ANYWHERE void value_of_free(const Domain& domain, double free, double& value) {
  value = moves::from_free(domain, free);
}

/// The free coordinate of `value`. It is `free`, of which a float is but a rounding, unless somebody has set another
/// value since that was made of it.
template <class T>
RETROGRAD_ANYWHERE double present_free(const Domain& domain, double free, T value) {
  T made;
  value_of_free(domain, free, made);
  return made == value ? free : moves::to_free(domain, static_cast<double>(value));
}

/// A gradient of this norm is scaled by so much.
RETROGRAD_ANYWHERE double clipping(double norm, double clip) { return norm > clip ? clip / norm : 1.0; }

RETROGRAD_ANYWHERE bool is_finite(double x) { return x - x == 0.0; }

/// Gradient descent with momentum: what is subtracted from the free coordinate.
struct SgdMove {
  double momentum;
  RETROGRAD_ANYWHERE double operator()(double g, double learning_rate, double& velocity, double&) const {
    velocity = momentum * velocity + g;
    return learning_rate * velocity;
  }
};

/// Adam. The moments began at zero: the weights are what they have by now.
struct AdamMove {
  double beta1, beta2, epsilon, first_weight, second_weight;
  RETROGRAD_ANYWHERE double operator()(double g, double learning_rate, double& first, double& second) const {
    first = beta1 * first + (1.0 - beta1) * g;
    second = beta2 * second + (1.0 - beta2) * g * g;
    return learning_rate * (first / first_weight) / (std::sqrt(second / second_weight) + epsilon);
  }
};

}  // namespace retrograd::moves
