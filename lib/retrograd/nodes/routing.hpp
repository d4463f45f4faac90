// The routing of an FM synth: which operator modulates the phase of which.
//
// A routing is data: a list of routes [modulator, carrier], operators counted from 0. It must be acyclic, so
// that the operators can be computed one after the other, modulators first. Operators that modulate nobody
// are heard.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace retrograd {

/// Operator `modulator` is added to the phase of operator `carrier`.
struct Route {
  int modulator = 0;  ///< counted from 0
  int carrier = 0;    ///< counted from 0
  bool operator==(const Route&) const = default;
};

/// What is wrong with a routing, and the position in the list of the route to blame.
struct RoutingProblem {
  std::size_t route = 0;  ///< in the list
  std::string message;    ///< what is wrong and what would be right
};

/// The first problem of a routing over `operators` operators, or nothing if there is none: an index that is
/// negative or out of range, an operator that modulates itself, a route given twice, and only then a cycle,
/// which the message names from its lowest operator on ("0 -> 1 -> 0") and for which the cycle's last route
/// is to blame.
std::optional<RoutingProblem> find_routing_problem(std::span<const Route> routes, int operators);

/// Throws RoutingError for the problem found above, or when there are fewer operators than one.
void check_routing(std::span<const Route> routes, int operators);

/// Every operator once, modulators before their carriers; of those that are ready, the lowest index goes
/// first. Throws what check_routing throws.
std::vector<int> order_of_operators(std::span<const Route> routes, int operators);

/// The operators that modulate nobody, in ascending order; never empty. Throws what check_routing throws.
std::vector<int> audible_operators(std::span<const Route> routes, int operators);

}  // namespace retrograd
