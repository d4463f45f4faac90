// Where a parameter's values may lie. Optimisers step in a space in which every step stays inside
// (optimizers/).
#pragma once

#include <retrograd/tensor/tensor.hpp>

#include <limits>
#include <string>

namespace retrograd {

/// The real numbers from `low` to `high`. A bound that is infinite is none. Open at a zero `low` of
/// `positive`, closed elsewhere.
struct Domain {
  double low = -std::numeric_limits<double>::infinity();  ///< the least value
  double high = std::numeric_limits<double>::infinity();  ///< the most
  bool low_is_open = false;                               ///< values lie above `low`

  /// Whether `value` lies inside. NaN and infinity lie nowhere.
  bool contains(double value) const {
    return (low_is_open ? value > low : value >= low) && value <= high && value - value == 0;
  }
  bool operator==(const Domain&) const = default;
};

/// All finite numbers.
inline constexpr Domain real{};
/// Finite numbers above 0.
inline constexpr Domain positive{0.0, std::numeric_limits<double>::infinity(), true};
/// 0 to 1, both included.
inline constexpr Domain unit_interval{0.0, 1.0, false};
/// `low` to `high`, both included.
constexpr Domain range(double low, double high) { return {low, high, false}; }

/// "positive", "in [0, 1]": for messages.
std::string to_string(const Domain& domain);

/// Whether `inner` lies inside.
bool contains(const Domain& domain, const Domain& inner);

/// Whether all of `values` lie inside.
bool contains(const Domain& domain, const TensorView& values);

/// Throws DomainError naming `what` and the first element of `values` that lies outside.
void check_domain(const Domain& domain, const TensorView& values, const std::string& what);

}  // namespace retrograd
