// For backends that add up rows once all of them are there.
#pragma once

#include <retrograd/tape/plan.hpp>

namespace retrograd {

/// `plan` with the rows that are summed stored at full length.
inline Plan with_mixed_rows_stored(Plan plan) {
  for (const PlanNode& node : plan.nodes)
    if (node.type->kind == NodeKind::over_rows)
      plan.nodes[static_cast<std::size_t>(node.inputs[0])].stored = true;
  return plan;
}

}  // namespace retrograd
