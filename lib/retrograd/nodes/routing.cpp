// Checks and orders an FM routing. Nothing here recurses, so that a chain of any length is fine.
#include <retrograd/nodes/routing.hpp>
#include <retrograd/tensor/errors.hpp>

#include <algorithm>
#include <functional>
#include <queue>
#include <set>
#include <utility>

namespace retrograd {
namespace {

using Index = std::size_t;

std::string written(const Route& route) {
  return std::string("[") + std::to_string(route.modulator) + ", " + std::to_string(route.carrier) + "]";
}

// Operators in an order that has modulators first; those that a cycle holds back are left out.
// The indices must be in range.
std::vector<int> sorted(std::span<const Route> routes, int operators) {
  std::vector<std::vector<int>> carriers(static_cast<Index>(operators));
  std::vector<int> waits_for(static_cast<Index>(operators), 0);
  for (const Route& route : routes) {
    carriers[static_cast<Index>(route.modulator)].push_back(route.carrier);
    ++waits_for[static_cast<Index>(route.carrier)];
  }

  std::priority_queue<int, std::vector<int>, std::greater<int>> ready;
  for (int i = 0; i < operators; ++i) {
    if (waits_for[static_cast<Index>(i)] == 0) ready.push(i);
  }
  std::vector<int> order;
  while (!ready.empty()) {
    const int modulator = ready.top();
    ready.pop();
    order.push_back(modulator);
    for (const int carrier : carriers[static_cast<Index>(modulator)]) {
      if (--waits_for[static_cast<Index>(carrier)] == 0) ready.push(carrier);
    }
  }
  return order;
}

// One cycle among the operators that `order` leaves out, modulators first, from its lowest operator on. Each
// of them has a modulator that is left out too, so walking from modulator to modulator comes round.
std::vector<int> find_cycle(std::span<const Route> routes, int operators, const std::vector<int>& order) {
  std::vector<bool> left_out(static_cast<Index>(operators), true);
  for (const int i : order) left_out[static_cast<Index>(i)] = false;

  std::vector<int> modulator_of(static_cast<Index>(operators), -1);
  for (const Route& route : routes) {
    int& modulator = modulator_of[static_cast<Index>(route.carrier)];
    if (left_out[static_cast<Index>(route.modulator)] && modulator < 0) modulator = route.modulator;
  }

  std::vector<int> visit(static_cast<Index>(operators), -1);  // when the walk came by
  std::vector<int> walk;
  int at = static_cast<int>(std::find(left_out.begin(), left_out.end(), true) - left_out.begin());
  while (visit[static_cast<Index>(at)] < 0) {
    visit[static_cast<Index>(at)] = static_cast<int>(walk.size());
    walk.push_back(at);
    at = modulator_of[static_cast<Index>(at)];
  }
  std::vector<int> cycle(walk.begin() + visit[static_cast<Index>(at)], walk.end());
  std::reverse(cycle.begin(), cycle.end());
  std::rotate(cycle.begin(), std::min_element(cycle.begin(), cycle.end()), cycle.end());
  return cycle;
}

// "0 -> 1 -> 0"; of a long cycle only the beginning.
std::string written(const std::vector<int>& cycle) {
  constexpr Index shown = 16;
  std::string text;
  for (Index i = 0; i < std::min(cycle.size(), shown); ++i) text += std::to_string(cycle[i]) + " -> ";
  if (cycle.size() > shown) text += "... -> ";
  return text + std::to_string(cycle.front());
}

RoutingProblem describe_cycle(std::span<const Route> routes, int operators, const std::vector<int>& cycle) {
  std::vector<int> next(static_cast<Index>(operators), -1);
  for (Index i = 0; i < cycle.size(); ++i) next[static_cast<Index>(cycle[i])] = cycle[(i + 1) % cycle.size()];
  Index last = 0;
  for (Index i = 0; i < routes.size(); ++i) {
    if (next[static_cast<Index>(routes[i].modulator)] == routes[i].carrier) last = i;
  }
  return {last, "route " + written(routes[last]) + " closes the cycle " + written(cycle) +
                    "; leave one of its routes out (operators cannot feed back)"};
}

void check_operators(int operators) {
  if (operators >= 1) return;
  raise<RoutingError>("[routing] there are " + std::to_string(operators) +
                      " operators; an FM synth needs at least one");
}

}  // namespace

std::optional<RoutingProblem> find_routing_problem(std::span<const Route> routes, int operators) {
  std::set<std::pair<int, int>> seen;
  for (Index i = 0; i < routes.size(); ++i) {
    const Route& route = routes[i];
    const auto what = [&] { return "route " + written(route); };
    for (const int index : {route.modulator, route.carrier}) {
      if (index >= 0 && index < operators) continue;
      return RoutingProblem{i, what() + " names operator " + std::to_string(index) + "; there are " +
                                   std::to_string(operators) + ", counted from 0"};
    }
    if (route.modulator == route.carrier) {
      const std::string index = std::to_string(route.modulator);
      return RoutingProblem{i, what() + " is the cycle " + index + " -> " + index +
                                   "; an operator cannot modulate itself, leave the route out"};
    }
    if (!seen.insert({route.modulator, route.carrier}).second) {
      return RoutingProblem{
          i, what() + " is there twice; once is enough (a modulator's gain makes it stronger)"};
    }
  }
  const std::vector<int> order = sorted(routes, operators);
  if (order.size() == static_cast<Index>(operators)) return std::nullopt;
  return describe_cycle(routes, operators, find_cycle(routes, operators, order));
}

void check_routing(std::span<const Route> routes, int operators) {
  check_operators(operators);
  if (const auto problem = find_routing_problem(routes, operators)) {
    raise<RoutingError>("[routing] " + problem->message);
  }
}

std::vector<int> order_of_operators(std::span<const Route> routes, int operators) {
  check_routing(routes, operators);
  return sorted(routes, operators);
}

std::vector<int> audible_operators(std::span<const Route> routes, int operators) {
  check_routing(routes, operators);
  std::vector<bool> modulates(static_cast<Index>(operators), false);
  for (const Route& route : routes) modulates[static_cast<Index>(route.modulator)] = true;
  std::vector<int> audible;
  for (int i = 0; i < operators; ++i) {
    if (!modulates[static_cast<Index>(i)]) audible.push_back(i);
  }
  return audible;
}

}  // namespace retrograd
