// The gradient check of nodes: is the adjoint the transpose of the derivative?
//
// Each node is recorded as users record it, on an f64 tape, on random inputs of its `check()`, over many
// shapes, broadcasts and lengths around the tiles' boundaries, and checked in two ways:
//
// (a) The dot-product test. J u comes from the node's forward on dual numbers (gradcheck/checked_node.hpp),
// J' v
//     from the tape; <v, J u> must be <J' v, u> to 1e-12 of the sum of the terms' magnitudes (the larger of
//     the two). The values must be the tape's, to 1e-10. Inputs to which the node passes no gradient must get
//     exactly 0.
// (b) Central differences, on small cases, of every element of every input: to 1e-7 of the sum of the terms'
//     magnitudes. The step is the cube root of the rounding unit times max(1, |x|), where truncation and
//     rounding balance; inputs stay ten steps away from kinks.
#pragma once

#include <retrograd/gradcheck/checked_node.hpp>

#include <functional>
#include <string>
#include <vector>

namespace retrograd {

inline constexpr double dot_product_tolerance = 1e-12;
inline constexpr double difference_tolerance = 1e-7;

/// What the check of one node found. The worst figures are relative, as the tolerances are.
struct NodeReport {
  std::string node;
  int dot_product_cases = 0;
  double worst_dot_product = 0.0;
  int difference_cases = 0;  ///< elements of inputs that were moved
  double worst_difference = 0.0;
  bool passed = false;
  std::string
      failure;  ///< the first case that failed: what, shapes, tile, seed, element; empty where none did
};

inline constexpr int default_gradcheck_seeds = 32;

/// Where the node runs that is checked.
struct CheckedOn {
  Device device = Device::cpu;
  cuda::Gpu* gpu = nullptr;  ///< null: the machine's first
};

/// The library's nodes by name, in the order of nodes/all.hpp.
std::vector<std::string> checkable_nodes();

/// Checks one node. DomainError for a name that is none, naming the nearest and all there are.
NodeReport check_node(const std::string& name, int seeds = default_gradcheck_seeds, const CheckedOn& on = {});

/// Checks every node of the library; `each` is called as each report is there. Returns whether all passed.
bool check_all(const std::function<void(const NodeReport&)>& each, int seeds = default_gradcheck_seeds);

/// Checks a node by its description: what the two above and the next one do.
NodeReport check_node(const gradcheck::CheckedNode& node, int seeds = default_gradcheck_seeds,
                      const CheckedOn& on = {});

/// Checks a user's own node in the same way; it needs `static Check check()`.
template <class N>
NodeReport check_own_node(int seeds = default_gradcheck_seeds) {
  return check_node(gradcheck::checked_node<N>, seeds);
}

}  // namespace retrograd
