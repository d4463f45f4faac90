// What a plan's stages have in common on every backend: how they are made, and prepared for the way back from a value.
#pragma once

#include <retrograd/backends/stage_runner.hpp>
#include <retrograd/tape/plan.hpp>

#include <memory>
#include <span>
#include <vector>

namespace retrograd {

/// The stages of the backend that `context` is of, in the order they run.
template <class StageContext>
inline std::vector<std::unique_ptr<StageRunner>> make_stages(const Plan& plan, const StageContext& context) {
  std::vector<std::unique_ptr<StageRunner>> stages;
  for (int stage = 0; stage < static_cast<int>(plan.stages.size()); ++stage) {
    switch (plan.stages[static_cast<std::size_t>(stage)].kind) {
      case StageKind::constants:
        stages.push_back(make_constant_stage(context, stage));
        break;
      case StageKind::tiled:
        stages.push_back(make_tiled_stage(context, stage));
        break;
      case StageKind::whole:
        stages.push_back(make_whole_stage(context, stage));
        break;
    }
  }
  return stages;
}

struct PreparedRewind {
  std::vector<int> stages;   ///< what each stage's rewind() is given
  std::vector<int> to_zero;  ///< nodes whose adjoints are only added to
};

/// From the value of node `y`. `storage` has the stored adjoints: adjoint() makes one where there is none.
template <class Storage>
inline PreparedRewind prepare_rewind(const Plan& plan, std::span<const std::unique_ptr<StageRunner>> stages,
                                     Storage& storage, int y) {
  PreparedRewind rewind;
  std::vector<bool> has_adjoint(plan.nodes.size(), false);
  has_adjoint[static_cast<std::size_t>(y)] = true;
  storage.adjoint(y);
  rewind.stages.resize(stages.size());
  for (std::size_t stage = stages.size(); stage-- > 0;)
    rewind.stages[stage] = stages[stage]->prepare_rewind(has_adjoint);
  for (int n = 0; n < static_cast<int>(plan.nodes.size()); ++n) {
    const PlanNode& node = plan.nodes[static_cast<std::size_t>(n)];
    const bool is_leaf = node.type->kind == NodeKind::leaf;
    if (is_leaf && node.trainable) storage.adjoint(n);
    if (n != y && storage.has_adjoint(n) &&
        (!node.signal || (is_leaf && !has_adjoint[static_cast<std::size_t>(n)])))
      rewind.to_zero.push_back(n);
  }
  return rewind;
}

}  // namespace retrograd
