#include <retrograd/backends/checks.hpp>

namespace retrograd {

std::vector<std::vector<ComputedInput>> computed_inputs(const Plan& plan) {
  std::vector<std::vector<ComputedInput>> before(plan.stages.size());
  for (const PlanNode& node : plan.nodes)
    for (const InputDomain& allowed : domains_of(*node.type, node.data)) {
      const int input = node.inputs[allowed.input];
      const PlanNode& source = plan.nodes[static_cast<std::size_t>(input)];
      if (!source.signal && source.type->kind != NodeKind::leaf)
        before[static_cast<std::size_t>(node.stage)].push_back({node.type, &allowed, input, source.type});
    }
  return before;
}

}  // namespace retrograd
