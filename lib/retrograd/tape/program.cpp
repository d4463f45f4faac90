// Turns a tiled stage into steps over scratch slots: liveness decides which slot a value gets.
#include <retrograd/tape/plan.hpp>

#include <algorithm>
#include <map>

namespace retrograd {

namespace {

using Place = TileOperand::Place;

class ProgramBuilder {
 public:
  ProgramBuilder(const Plan& plan, int stage)
      : plan_(plan), stage_(stage), value_slot_(plan.nodes.size(), -1) {}

  const PlanNode& node(int n) const { return plan_.nodes[static_cast<std::size_t>(n)]; }
  bool in_stage(int n) const { return node(n).stage == stage_ && node(n).type->kind != NodeKind::reduction; }

  int operand(TileOperand wanted) {
    const auto [entry, is_new] = operand_index_.try_emplace({static_cast<int>(wanted.place), wanted.index},
                                                            static_cast<int>(program.operands.size()));
    if (is_new) program.operands.push_back(wanted);
    return entry->second;
  }
  TileOperand new_slot() { return {Place::slot, next_slot_++}; }

  // Where the value of `n` is read, and written where this stage computes it.
  TileOperand value(int n) {
    if (node(n).stored) return {Place::value, n};
    int& slot = value_slot_[static_cast<std::size_t>(n)];
    if (slot < 0) slot = new_slot().index;
    return {Place::slot, slot};
  }

  TileStep forward_step(int n) {
    TileStep step;
    step.node = n;
    step.operands.push_back(node(n).type->kind == NodeKind::reduction ? operand({}) : operand(value(n)));
    for (const int input : node(n).inputs) step.operands.push_back(operand(value(input)));
    return step;
  }

  // Replaces the unlimited slots by as few as liveness allows.
  TileProgram finish() {
    std::vector<std::size_t> last_use(static_cast<std::size_t>(next_slot_), 0);
    const auto slot_of = [&](int operand) -> int {
      const TileOperand& o = program.operands[static_cast<std::size_t>(operand)];
      return o.place == Place::slot ? o.index : -1;
    };
    for (std::size_t s = 0; s < program.steps.size(); ++s)
      for (const int o : program.steps[s].operands)
        if (slot_of(o) >= 0) last_use[static_cast<std::size_t>(slot_of(o))] = s;

    std::vector<int> place(static_cast<std::size_t>(next_slot_), -1);
    std::vector<int> free_slots;
    for (std::size_t s = 0; s < program.steps.size(); ++s) {
      for (const int o : program.steps[s].operands) {
        const int slot = slot_of(o);
        if (slot < 0 || place[static_cast<std::size_t>(slot)] >= 0) continue;
        if (free_slots.empty()) free_slots.push_back(program.slots++);
        place[static_cast<std::size_t>(slot)] = free_slots.back();
        free_slots.pop_back();
      }
      for (const int o : program.steps[s].operands) {
        const int slot = slot_of(o);
        if (slot < 0 || last_use[static_cast<std::size_t>(slot)] != s) continue;
        const int freed = place[static_cast<std::size_t>(slot)];
        if (std::find(free_slots.begin(), free_slots.end(), freed) == free_slots.end())
          free_slots.push_back(freed);
      }
    }
    for (TileOperand& o : program.operands)
      if (o.place == Place::slot) o.index = place[static_cast<std::size_t>(o.index)];
    return std::move(program);
  }

  TileProgram program;

 private:
  const Plan& plan_;
  int stage_;
  int next_slot_ = 0;
  std::vector<int> value_slot_;
  std::map<std::pair<int, int>, int> operand_index_;
};

constexpr unsigned bit(std::size_t i) { return 1u << std::min<std::size_t>(i, 31); }

}  // namespace

TileProgram forward_program(const Plan& plan, int stage) {
  ProgramBuilder builder(plan, stage);
  for (const int n : plan.stages[static_cast<std::size_t>(stage)].nodes)
    builder.program.steps.push_back(builder.forward_step(n));
  return builder.finish();
}

TileProgram backward_program(const Plan& plan, int stage, std::vector<bool>& has_adjoint) {
  ProgramBuilder builder(plan, stage);
  const std::vector<int>& nodes = plan.stages[static_cast<std::size_t>(stage)].nodes;
  const auto at = [](int n) { return static_cast<std::size_t>(n); };
  const auto takes_adjoint = [&](const PlanNode& node, std::size_t i) {
    return (node.type->differentiable & bit(i)) && plan.nodes[at(node.inputs[i])].trainable;
  };

  // Which nodes an adjoint reaches, and how many contributions each gets inside the stage.
  std::vector<char> reached(plan.nodes.size(), 0);
  std::vector<int> contributions(plan.nodes.size(), 0);
  for (auto n = nodes.rbegin(); n != nodes.rend(); ++n) {
    const PlanNode& node = plan.nodes[at(*n)];
    if (!node.trainable) continue;
    reached[at(*n)] |= has_adjoint[at(*n)];
    if (!reached[at(*n)]) continue;
    for (std::size_t i = 0; i < node.inputs.size(); ++i)
      if (takes_adjoint(node, i)) {
        reached[at(node.inputs[i])] = 1;
        ++contributions[at(node.inputs[i])];
      }
  }

  std::vector<TileOperand> adjoint(
      plan.nodes.size());                        // where each node's adjoint is; none until there is one
  std::vector<char> read(plan.nodes.size(), 0);  // values the adjoints read
  std::vector<TileStep> adjoint_steps;

  // The place of one more contribution to the adjoint of `v`, and what to do there.
  const auto contribution_to = [&](int v) -> std::pair<TileOperand, AdjointMode> {
    const PlanNode& node = plan.nodes[at(v)];
    TileOperand& target = adjoint[at(v)];
    if (builder.in_stage(v)) {
      if (target.place != Place::none) return {target, AdjointMode::accumulate};
      if (has_adjoint[at(v)]) return {target = {Place::adjoint, v}, AdjointMode::accumulate};
      return {target = builder.new_slot(), AdjointMode::overwrite};
    }
    if (!node.signal) {
      builder.program.row_sums.push_back(v);
      return {{Place::row_sum, static_cast<int>(builder.program.row_sums.size()) - 1}, AdjointMode::sum};
    }
    if (target.place != Place::none) return {target, AdjointMode::accumulate};
    const bool accumulates = has_adjoint[at(v)];
    has_adjoint[at(v)] = true;
    if (plan.same_rows(v, stage))
      return {target = {Place::adjoint, v}, accumulates ? AdjointMode::accumulate : AdjointMode::overwrite};
    builder.program.row_adjoints.push_back(v);
    builder.program.row_adjoint_accumulates.push_back(accumulates);
    target = {Place::row_adjoint, static_cast<int>(builder.program.row_adjoints.size()) - 1};
    return {target, AdjointMode::overwrite};
  };

  for (auto n = nodes.rbegin(); n != nodes.rend(); ++n) {
    if (!reached[at(*n)]) continue;
    const PlanNode& node = plan.nodes[at(*n)];
    TileOperand gy = adjoint[at(*n)];
    if (gy.place == Place::none) gy = {Place::adjoint, *n};

    const std::size_t first_step = adjoint_steps.size();
    TileStep all_inputs;  // of a causal node or a reduction
    all_inputs.kind = TileStep::Kind::adjoint;
    all_inputs.node = *n;
    std::vector<int> targets;
    for (std::size_t i = 0; i < node.inputs.size(); ++i) {
      const int v = node.inputs[i];
      if (!takes_adjoint(node, i)) {
        targets.push_back(builder.operand({}));
        all_inputs.modes.push_back(AdjointMode::none);
        continue;
      }
      const bool passes_through = (node.type->passes_through & bit(i)) && plan.nodes[at(v)].signal;
      if (passes_through && builder.in_stage(v) && contributions[at(v)] == 1 && !has_adjoint[at(v)]) {
        adjoint[at(v)] = gy;
        continue;
      }
      const auto [target, mode] = contribution_to(v);
      if (passes_through) {
        TileStep copy;
        copy.kind = TileStep::Kind::copy;
        copy.node = *n;
        copy.operands = {builder.operand(gy), builder.operand(target)};
        copy.modes = {mode};
        adjoint_steps.push_back(std::move(copy));
        continue;
      }
      targets.push_back(builder.operand(target));
      all_inputs.modes.push_back(mode);
      if (node.type->kind != NodeKind::pointwise) continue;
      TileStep one_input;
      one_input.kind = TileStep::Kind::adjoint;
      one_input.node = *n;
      one_input.input = static_cast<int>(i);
      one_input.operands = {targets.back()};
      one_input.modes = {mode};
      adjoint_steps.push_back(std::move(one_input));
    }
    const bool has_own_step = node.type->kind != NodeKind::pointwise && !all_inputs.modes.empty();
    if (has_own_step) {
      all_inputs.operands = targets;
      adjoint_steps.push_back(std::move(all_inputs));
    }
    // The operands in front of the targets: gy, y, x...
    for (std::size_t s = first_step; s < adjoint_steps.size(); ++s) {
      TileStep& step = adjoint_steps[s];
      if (step.kind != TileStep::Kind::adjoint) continue;
      std::vector<int> front{builder.operand(gy)};
      const auto reads = [&](int v, bool wanted) {
        if (wanted) read[at(v)] = 1;
        front.push_back(builder.operand(wanted ? builder.value(v) : TileOperand{}));
      };
      reads(*n, node.type->adjoint_reads_output);
      for (const int v : node.inputs) reads(v, node.type->adjoint_reads_inputs);
      step.operands.insert(step.operands.begin(), front.begin(), front.end());
    }
  }

  // Recompute what is read and not stored, and what that needs in turn.
  for (auto n = nodes.rbegin(); n != nodes.rend(); ++n)
    if (read[at(*n)] && !plan.nodes[at(*n)].stored)
      for (const int input : plan.nodes[at(*n)].inputs) read[at(input)] = 1;
  for (const int n : nodes)
    if (read[at(n)] && !plan.nodes[at(n)].stored) builder.program.steps.push_back(builder.forward_step(n));

  std::move(adjoint_steps.begin(), adjoint_steps.end(), std::back_inserter(builder.program.steps));
  return builder.finish();
}

}  // namespace retrograd
