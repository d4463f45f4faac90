// The gradient check of the library's nodes (gradcheck/own_node_check.hpp), by their names.
#pragma once

#include <retrograd/gradcheck/library_nodes.hpp>
#include <retrograd/gradcheck/own_node_check.hpp>

#include <functional>
#include <string>
#include <vector>

namespace retrograd {

/// The library's nodes by name, in the order of nodes/all.hpp.
std::vector<std::string> checkable_nodes();

/// Checks one node. DomainError for a name that is none, naming the nearest and all there are.
NodeReport check_node(const std::string& name, int seeds = default_gradcheck_seeds, const CheckedOn& on = {});

/// Checks every node of the library; `each` is called as each report is there. Returns whether all passed.
bool check_all(const std::function<void(const NodeReport&)>& each, int seeds = default_gradcheck_seeds);

/// Checks a node by its description.
NodeReport check_node(const gradcheck::CheckedNode& node, int seeds = default_gradcheck_seeds,
                      const CheckedOn& on = {});

}  // namespace retrograd
