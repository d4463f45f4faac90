// Computed values that a node reads and that may not be any number. (Leaves were checked when they were set.)
#pragma once

#include <retrograd/tape/plan.hpp>

#include <vector>

namespace retrograd {

struct ComputedInput {
  const NodeType* node;
  const InputDomain* allowed;
  int input;               ///< plan node that computes it
  const NodeType* source;  ///< its type
};

/// Those to look at before each stage, and after the last.
std::vector<std::vector<ComputedInput>> computed_inputs(const Plan& plan);

}  // namespace retrograd
