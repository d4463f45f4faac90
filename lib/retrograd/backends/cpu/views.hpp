// Where slice, stack, concat, reshape and broadcast_to move nothing: a run of a value's rows stays where it is, and what
// is joined is computed in its place.
#pragma once

#include <retrograd/tape/plan.hpp>

#include <cstdint>
#include <optional>
#include <vector>

namespace retrograd::cpu {

/// The one run of elements that an input gives to a node's value.
struct RunOfRows {
  std::int64_t from, to, count;
};

/// Of a node that joins or cuts signals, or shapes them anew: one for each input, `from` the input `to` the value.
/// Nothing where the node is another, or takes more than one run from an input.
std::optional<std::vector<RunOfRows>> runs_of_rows(const Plan& plan, const PlanNode& node);

/// `plan` with PlanNode::value_in and adjoint_in: a part of one value is a view of it, and the parts of a joined value
/// are views of that. An adjoint is one where no other reader adds to it: sums keep their order.
Plan with_views(Plan plan);

}  // namespace retrograd::cpu
