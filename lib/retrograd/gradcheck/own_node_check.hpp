// The gradient check of a node: is the adjoint the transpose of the derivative?
//
// The node is recorded as users record it, on an f64 tape, on random inputs of its `check()`, over many
// shapes, broadcasts and lengths around the tiles' boundaries, and checked in two ways:
//
// (a) The dot-product test. J u comes from the node's forward on dual numbers (gradcheck/checked_node.hpp),
// J' v
//     from the tape; <v, J u> must be <J' v, u> to 1e-12 of the sum of the terms' magnitudes (the larger of
//     the two). The values must be the tape's, to 1e-10. Inputs to which the node passes no gradient must get
//     exactly 0.
// (b) Central differences, on small cases, of every element of every input: to 1e-7 of the sum of the terms'
//     magnitudes. The step is the cube root of the rounding unit times max(1, |x|), where truncation and
//     rounding balance; inputs stay ten steps away from kinks. Where they disagree, smaller steps say what they are worth:
//     a node that is too steep for differences does not fail for it.
#pragma once

#include <retrograd/gradcheck/checked_node.hpp>

#include <string>

namespace retrograd {

/// How far the dot-product test may be off, of the sum of its terms' magnitudes.
inline constexpr double dot_product_tolerance = 1e-12;
/// How far a gradient may be from central differences, relative in the same way.
inline constexpr double difference_tolerance = 1e-7;

/// What the check of one node found. The worst figures are relative, as the tolerances are.
struct NodeReport {
  std::string node;                ///< its name
  int dot_product_cases = 0;       ///< graphs that were drawn
  double worst_dot_product = 0.0;  ///< of those
  int difference_cases = 0;        ///< elements of inputs that were moved
  int unclear_differences = 0;     ///< of those: the differences of any step are worth too little to tell
  double worst_difference = 0.0;   ///< of those that could tell
  bool passed = false;             ///< every figure is within its tolerance
  std::string
      failure;  ///< the first case that failed: what, shapes, tile, seed, element; empty where none did
};

/// How many random cases of each kind are drawn.
inline constexpr int default_gradcheck_seeds = 32;

/// Where the node runs that is checked.
struct CheckedOn {
  Device device = Device::cpu;  ///< of the tapes it is recorded on
  cuda::Gpu* gpu = nullptr;     ///< null: the machine's first
};

/// Checks a node by its description. `library`: the library's nodes that it may be recorded with.
NodeReport check_node(const gradcheck::CheckedNode& node, std::span<const gradcheck::CheckedNode> library,
                      int seeds = default_gradcheck_seeds, const CheckedOn& on = {});

/// Those that any node is recorded with.
std::span<const gradcheck::CheckedNode> nodes_around_own();

/// Checks a user's own node: pointwise, causal or whole. It needs `static Check check()`, which says where its inputs are
/// drawn from: `static rg::Check check() { return {.inputs = {{-1.0, 1.0}, {0.0, 1.0}}}; }` of two inputs. Kinks are
/// named there: {-1.0, 1.0, {0.0}}. It takes seconds and no thread but the caller's.
template <class N>
NodeReport check_own_node(int seeds = default_gradcheck_seeds) {
  static_assert(gradcheck::Checkable<N>,
                "a node is checked on inputs that it names: static retrograd::Check check() { return "
                "{.inputs = {{-1.0, "
                "1.0}}}; }, a low and a high for each input");
  return check_node(gradcheck::checked_node<N>, nodes_around_own(), seeds);
}

}  // namespace retrograd
