// How a tiled stage becomes steps over scratch slots: which operand each step names, and how few slots they need.
#pragma once

#include <retrograd/tape/plan.hpp>

#include <algorithm>
#include <array>
#include <vector>

namespace retrograd {

/// Collects the steps of one program of a stage; finish() gives it.
class ProgramBuilder {
 public:
  ProgramBuilder(const Plan& plan, int stage, bool joins_fusions)
      : plan_(plan), stage_(stage), joins_fusions_(joins_fusions), value_slot_(plan.nodes.size(), -1) {}

  const PlanNode& node(int n) const { return plan_.nodes[static_cast<std::size_t>(n)]; }
  // Whether the stage's steps compute it, sample by sample.
  bool in_stage(int n) const {
    return node(n).stage == stage_ && node(n).type->kind != NodeKind::reduction &&
           node(n).type->kind != NodeKind::over_rows;
  }

  int operand(TileOperand wanted) {
    std::vector<int>& known = operand_index_[static_cast<std::size_t>(wanted.place)];
    const auto index = static_cast<std::size_t>(wanted.index);
    if (index >= known.size()) known.resize(index + 1, -1);
    if (known[index] < 0) {
      known[index] = static_cast<int>(program.operands.size());
      program.operands.push_back(wanted);
    }
    return known[index];
  }
  TileOperand new_slot() { return {TileOperand::Place::slot, next_slot_++}; }

  // Where the value of `n` is read, and written where this stage computes it.
  TileOperand value(int n) {
    if (node(n).stored) return {TileOperand::Place::value, n};
    for (std::size_t i = 0; i < rows_kept_.size(); ++i)
      if (rows_kept_[i] == n) return {TileOperand::Place::row_adjoint, static_cast<int>(i)};
    int& slot = value_slot_[static_cast<std::size_t>(n)];
    if (slot < 0) slot = new_slot().index;
    return {TileOperand::Place::slot, slot};
  }

  TileStep forward_step(int n);

  bool reads_history(int n, std::size_t i) const { return i == 0 && node(n).type->reach != nullptr; }
  // Where node `n` reads its input `i`.
  TileOperand input(int n, std::size_t i) {
    const int x = node(n).inputs[i];
    return reads_history(n, i) ? TileOperand{TileOperand::Place::history, x} : value(x);
  }

  void emit(TileStep step) { program.steps.push_back(std::move(step)); }
  // As a part of node `n`'s loop, where it is in one that goes so many samples at a time.
  void emit_in_loop_of(int n, TileStep step) {
    step.samples_at_a_time = plan_.samples_at_a_time(n);
    if (step.samples_at_a_time > 0) step.loop = node(n).loop;
    emit(std::move(step));
  }
  // The forward step of `n`; before it, its tile joins the history that it reads, and is not yet part of. What its loop
  // reads joins that when it is there.
  void emit_forward(int n);
  void remember(int x, int reader);

  // The rows of `n` are kept for a chunk of time.
  void keep_rows(int n);

  // Replaces the unlimited slots by as few as liveness allows.
  TileProgram finish();

  TileProgram program;

 private:
  int slot_of(int operand) const {
    const TileOperand& o = program.operands[static_cast<std::size_t>(operand)];
    return o.place == TileOperand::Place::slot ? o.index : -1;
  }

  // Who names a slot: how many steps, and the one of which it is the output or the output's adjoint.
  struct SlotUse {
    int steps = 0, owner = -1;
  };

  // The steps of a pattern's nodes, forwards [0] and adjoint [1]; -1 where there is none.
  struct FusedSteps {
    const Fusion* fusion = nullptr;
    int factor[2][Fusion::most_factors] = {};
    int root[2] = {-1, -1};
  };

  // Whether nobody but the root has a use for its factors, or for their adjoints; then `found` has the factors' steps
  // too.
  bool is_fused(FusedSteps& found, const std::vector<SlotUse>& uses) const;

  // Of an adjoint's operands {gy, y, x..., gx...}, the first gx.
  std::size_t first_target(int step) const {
    const TileStep& adjoint = program.steps[static_cast<std::size_t>(step)];
    return adjoint.operands.size() - adjoint.modes.size();
  }

  // Of a node that may be a root, whether those of its inputs are constant that must be.
  bool has_constant_inputs(int n) const;

  // Brings together the steps of each pattern. Its way back computes the factors itself.
  void join_fusions();

  const Plan& plan_;
  int stage_;
  bool joins_fusions_;
  int next_slot_ = 0;
  std::vector<int> value_slot_;
  std::vector<int> rows_kept_;
  std::vector<int> remembered_;                    // of this program
  std::array<std::vector<int>, 9> operand_index_;  // by place and index
};

}  // namespace retrograd
