// FM routings: modulators come before their carriers, and what cannot be ordered is refused by name.
#include <doctest/doctest.h>

#include <retrograd/racks/fm.hpp>
#include <retrograd/tensor/errors.hpp>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

using retrograd::audible_operators;
using retrograd::check_routing;
using retrograd::find_routing_problem;
using retrograd::order_of_operators;
using retrograd::Route;
using retrograd::RoutingError;

namespace {

using Routes = std::vector<Route>;
using Operators = std::vector<int>;

std::string message_of(const Routes& routes, int operators) {
  try {
    check_routing(routes, operators);
  } catch (const RoutingError& error) {
    return error.what();
  }
  return "accepted";
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("modulators come before their carriers, lowest index first") {
  CHECK(order_of_operators(Routes{}, 3) == Operators{0, 1, 2});
  CHECK(order_of_operators(Routes{{1, 0}}, 2) == Operators{1, 0});
  CHECK(order_of_operators(Routes{{1, 0}, {2, 1}, {4, 3}, {5, 4}}, 6) == Operators{2, 1, 0, 5, 4, 3});
  CHECK(order_of_operators(Routes{{0, 1}, {0, 2}, {1, 3}, {2, 3}}, 4) == Operators{0, 1, 2, 3});
  CHECK(order_of_operators(Routes{{3, 0}, {3, 1}}, 4) == Operators{2, 3, 0, 1});
}

TEST_CASE("the operators that modulate nobody are heard") {
  CHECK(audible_operators(Routes{}, 2) == Operators{0, 1});
  CHECK(audible_operators(Routes{{1, 0}}, 2) == Operators{0});
  CHECK(audible_operators(Routes{{1, 0}, {2, 1}, {4, 3}, {5, 4}}, 6) == Operators{0, 3});
}

TEST_CASE("a cycle is named from its lowest operator on, in the direction of modulation") {
  CHECK(contains(message_of({{0, 1}, {1, 0}}, 2), "route [1, 0] closes the cycle 0 -> 1 -> 0;"));
  CHECK(contains(message_of({{1, 0}, {0, 1}}, 2), "route [0, 1] closes the cycle 0 -> 1 -> 0;"));
  CHECK(contains(message_of({{3, 2}, {2, 1}, {1, 3}}, 4), "the cycle 1 -> 3 -> 2 -> 1;"));
  CHECK(contains(message_of({{2, 2}}, 3), "the cycle 2 -> 2;"));
}

TEST_CASE("operators that a cycle only feeds are not blamed for it") {
  // 0 and 1 hang below the cycle of 2 and 3, 4 above it.
  const std::string message = message_of({{1, 0}, {2, 1}, {2, 3}, {4, 3}, {3, 2}}, 5);
  CHECK(contains(message, "route [3, 2] closes the cycle 2 -> 3 -> 2;"));
}

TEST_CASE("the position of the route to blame is given") {
  const auto blamed = [](const Routes& routes) { return find_routing_problem(routes, 3).value().route; };
  CHECK(blamed({{1, 0}, {2, 1}, {2, 3}}) == 2);
  CHECK(blamed({{1, 0}, {2, 2}, {2, 0}}) == 1);
  CHECK(blamed({{1, 0}, {2, 1}, {1, 0}}) == 2);
  CHECK(blamed({{0, 1}, {1, 0}, {2, 1}}) == 1);
  CHECK_FALSE(find_routing_problem(Routes{{1, 0}, {2, 0}, {2, 1}}, 3));
}

TEST_CASE("an index out of range is refused with the number of operators") {
  CHECK(contains(message_of({{1, 0}, {2, 0}}, 2),
                 "route [2, 0] names operator 2; there are 2, counted from 0"));
  CHECK(contains(message_of({{0, -1}}, 2), "route [0, -1] names operator -1;"));
  CHECK(contains(message_of({{1, 0}, {1, 0}}, 2), "route [1, 0] is there twice"));
}

TEST_CASE("a synth without operators is refused") {
  for (const int operators : {0, -1}) {
    CHECK_THROWS_AS(check_routing(Routes{}, operators), RoutingError);
    CHECK_THROWS_AS(order_of_operators(Routes{}, operators), RoutingError);
    CHECK_THROWS_AS(audible_operators(Routes{}, operators), RoutingError);
  }
  CHECK_THROWS_AS(order_of_operators(Routes{{0, 1}, {1, 0}}, 2), RoutingError);
  CHECK_THROWS_AS(audible_operators(Routes{{0, 1}, {1, 0}}, 2), RoutingError);
}

TEST_CASE("a chain of a hundred thousand operators is ordered, and its cycle found") {
  const int operators = 100000;
  Routes chain;
  for (int i = 1; i < operators; ++i) chain.push_back({i, i - 1});
  const Operators order = order_of_operators(chain, operators);
  CHECK(order.front() == operators - 1);
  CHECK(order.back() == 0);
  chain.push_back({0, operators - 1});
  CHECK(find_routing_problem(chain, operators).value().route == chain.size() - 1);
}

TEST_CASE("random acyclic routings are ordered with every modulator first; one route back makes a cycle") {
  std::mt19937 random(1);
  for (int trial = 0; trial < 200; ++trial) {
    const int operators = 2 + static_cast<int>(random() % 9);
    Operators hidden(static_cast<std::size_t>(operators));
    for (int i = 0; i < operators; ++i) hidden[static_cast<std::size_t>(i)] = i;
    std::shuffle(hidden.begin(), hidden.end(), random);
    Routes routes;
    for (std::size_t a = 0; a < hidden.size(); ++a) {
      for (std::size_t b = a + 1; b < hidden.size(); ++b) {
        if (random() % 3 == 0) routes.push_back({hidden[a], hidden[b]});
      }
    }
    std::shuffle(routes.begin(), routes.end(), random);

    const Operators order = order_of_operators(routes, operators);
    Operators place(hidden.size(), -1);
    for (std::size_t i = 0; i < order.size(); ++i)
      place[static_cast<std::size_t>(order[i])] = static_cast<int>(i);
    CHECK(std::count(place.begin(), place.end(), -1) == 0);
    CHECK(std::all_of(routes.begin(), routes.end(), [&](const Route& route) {
      return place[static_cast<std::size_t>(route.modulator)] <
             place[static_cast<std::size_t>(route.carrier)];
    }));

    if (routes.empty()) continue;
    const Route back{routes[0].carrier, routes[0].modulator};
    routes.push_back(back);
    CHECK(contains(message_of(routes, operators), "closes the cycle"));
  }
}
