// The library's nodes as the gradient check knows them: the program's and the tests', not a host's.
#pragma once

#include <retrograd/gradcheck/checked_node.hpp>

namespace retrograd::gradcheck {

/// In the order of nodes/all.hpp.
std::span<const CheckedNode> checked_nodes();

/// The same where all nodes on the way are the library's, or `own`.
inline DualTensor evaluate_on_duals(Var y, std::span<const Direction> directions,
                                    std::span<const CheckedNode> own = {}) {
  return evaluate_on_duals(y, directions, KnownNodes{own, checked_nodes()});
}

}  // namespace retrograd::gradcheck
