// Turns a tiled stage into steps over scratch slots: liveness decides which slot a value gets.
#include <retrograd/tape/plan.hpp>

#include <algorithm>
#include <array>

namespace retrograd {

namespace {

using OperandPlace = TileOperand::Place;

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
  TileOperand new_slot() { return {OperandPlace::slot, next_slot_++}; }

  // Where the value of `n` is read, and written where this stage computes it.
  TileOperand value(int n) {
    if (node(n).stored) return {OperandPlace::value, n};
    for (std::size_t i = 0; i < rows_kept_.size(); ++i)
      if (rows_kept_[i] == n) return {OperandPlace::row_adjoint, static_cast<int>(i)};
    int& slot = value_slot_[static_cast<std::size_t>(n)];
    if (slot < 0) slot = new_slot().index;
    return {OperandPlace::slot, slot};
  }

  TileStep forward_step(int n) {
    TileStep step;
    step.node = n;
    step.operands.push_back(node(n).type->kind == NodeKind::reduction ? operand({}) : operand(value(n)));
    for (std::size_t i = 0; i < node(n).inputs.size(); ++i) step.operands.push_back(operand(input(n, i)));
    return step;
  }

  bool reads_history(int n, std::size_t i) const { return i == 0 && node(n).type->reach != nullptr; }
  // Where node `n` reads its input `i`.
  TileOperand input(int n, std::size_t i) {
    const int x = node(n).inputs[i];
    return reads_history(n, i) ? TileOperand{OperandPlace::history, x} : value(x);
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
  void emit_forward(int n) {
    if (node(n).type->reach != nullptr && !plan_.reads_loop(n, 0)) remember(node(n).inputs[0], n);
    emit_in_loop_of(n, forward_step(n));
    if (node(n).loop < 0) return;
    const std::vector<int>& nodes = plan_.stages[static_cast<std::size_t>(stage_)].nodes;
    if (std::ranges::any_of(nodes, [&](int reader) {
          return node(reader).loop == node(n).loop && node(reader).type->reach != nullptr &&
                 node(reader).inputs[0] == n && plan_.reads_loop(reader, 0);
        }))
      remember(n, n);
  }
  void remember(int x, int reader) {
    if (std::ranges::find(remembered_, x) != remembered_.end()) return;
    if (plan_.keeps_whole(x) && (!in_stage(x) || !node(x).signal)) return;
    remembered_.push_back(x);
    TileStep step;
    step.kind = TileStep::Kind::remember;
    step.node = x;
    step.operands = {operand({OperandPlace::history, x}), operand(value(x))};
    emit_in_loop_of(reader, std::move(step));
  }

  // The rows of `n` are kept for a chunk of time.
  void keep_rows(int n) {
    if (node(n).stored || !in_stage(n) || std::ranges::find(rows_kept_, n) != rows_kept_.end()) return;
    rows_kept_.push_back(n);
    program.row_adjoints.push_back(n);
    program.row_adjoint_accumulates.push_back(false);
  }

  // Replaces the unlimited slots by as few as liveness allows.
  TileProgram finish() {
    if (joins_fusions_) join_fusions();
    std::vector<std::size_t> last_use(static_cast<std::size_t>(next_slot_), 0);
    for (std::size_t s = 0; s < program.steps.size(); ++s)
      for (const int o : program.steps[s].operands)
        if (slot_of(o) >= 0) last_use[static_cast<std::size_t>(slot_of(o))] = s;

    constexpr auto freed = static_cast<std::size_t>(-1);
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
        free_slots.push_back(place[static_cast<std::size_t>(slot)]);
        last_use[static_cast<std::size_t>(slot)] = freed;  // a step may name it twice
      }
    }
    for (TileOperand& o : program.operands) {
      if (o.place != OperandPlace::slot) continue;
      const int slot = place[static_cast<std::size_t>(o.index)];
      o = slot < 0 ? TileOperand{} : TileOperand{OperandPlace::slot, slot};
    }
    return std::move(program);
  }

  TileProgram program;

 private:
  int slot_of(int operand) const {
    const TileOperand& o = program.operands[static_cast<std::size_t>(operand)];
    return o.place == OperandPlace::slot ? o.index : -1;
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
  bool is_fused(FusedSteps& found, const std::vector<SlotUse>& uses) const {
    const auto [forward, adjoint] = found.root;
    const auto factors = static_cast<std::size_t>(found.fusion->factors);
    const auto owner = [&](int root, std::size_t operand, int users) {
      const int slot = slot_of(program.steps[static_cast<std::size_t>(root)].operands[operand]);
      const bool is_shared = slot < 0 || uses[static_cast<std::size_t>(slot)].steps != users;
      return is_shared ? -1 : uses[static_cast<std::size_t>(slot)].owner;
    };
    for (auto& way : found.factor) std::ranges::fill(way, -1);
    for (std::size_t i = 0; i < factors; ++i) {
      const int value = adjoint < 0 ? owner(forward, 1 + i, 2) : owner(adjoint, 2 + i, forward < 0 ? 2 : 3);
      const int value_adjoint = adjoint < 0 ? -1 : owner(adjoint, first_target(adjoint) + i, 2);
      // The steps in between, there would be additions to adjoints, stay where they are.
      if (value < 0 ||
          (adjoint >= 0 && (value_adjoint < 0 || value_adjoint > adjoint + found.fusion->factors)))
        return false;
      const FusionPlace& place = node(program.steps[static_cast<std::size_t>(value)].node).type->fusion_place;
      if (place.fusion != found.fusion || place.factor < 0) return false;
      found.factor[0][place.factor] = value;
      found.factor[1][place.factor] = value_adjoint;
    }
    return std::ranges::none_of(std::span(found.factor[0]).first(factors), [](int step) { return step < 0; });
  }

  // Of an adjoint's operands {gy, y, x..., gx...}, the first gx.
  std::size_t first_target(int step) const {
    const TileStep& adjoint = program.steps[static_cast<std::size_t>(step)];
    return adjoint.operands.size() - adjoint.modes.size();
  }

  // Of a node that may be a root, whether those of its inputs are constant that must be.
  bool has_constant_inputs(int n) const {
    const PlanNode& root = node(n);
    for (std::size_t i = 0; i < root.inputs.size(); ++i)
      if ((root.type->fusion_place.fusion->constant_inputs >> i & 1u) != 0 && node(root.inputs[i]).signal)
        return false;
    return true;
  }

  // Brings together the steps of each pattern. Its way back computes the factors itself.
  void join_fusions() {
    std::vector<SlotUse> uses(static_cast<std::size_t>(next_slot_));
    std::vector<FusedSteps> fused;
    std::vector<int> fused_at(plan_.nodes.size(), -1);  // by root
    for (std::size_t s = 0; s < program.steps.size(); ++s) {
      const TileStep& step = program.steps[s];
      const bool is_forward = step.kind == TileStep::Kind::forward,
                 is_adjoint = step.kind == TileStep::Kind::adjoint;
      for (const int o : step.operands)
        if (slot_of(o) >= 0) ++uses[static_cast<std::size_t>(slot_of(o))].steps;
      if (!is_forward && !is_adjoint) continue;
      if (const int output = slot_of(step.operands[0]); output >= 0)
        uses[static_cast<std::size_t>(output)].owner = static_cast<int>(s);
      const FusionPlace& place = node(step.node).type->fusion_place;
      if (place.fusion == nullptr || place.factor >= 0 || step.loop >= 0 || !has_constant_inputs(step.node))
        continue;
      int& index = fused_at[static_cast<std::size_t>(step.node)];
      if (index < 0) {
        index = static_cast<int>(fused.size());
        fused.push_back({.fusion = place.fusion});
      }
      fused[static_cast<std::size_t>(index)].root[is_adjoint ? 1 : 0] = static_cast<int>(s);
    }
    std::erase_if(fused, [&](FusedSteps& found) { return !is_fused(found, uses); });
    if (fused.empty()) return;

    std::vector<const FusedSteps*> joined_at(program.steps.size(), nullptr);
    std::vector<char> is_moved(program.steps.size(), 0);
    for (const FusedSteps& steps : fused)
      for (const int way : {0, 1}) {
        if (steps.root[way] >= 0) joined_at[static_cast<std::size_t>(steps.root[way])] = &steps;
        for (const int factor : steps.factor[way])
          if (factor >= 0) is_moved[static_cast<std::size_t>(factor)] = 1;
      }
    std::vector<TileStep> steps;
    steps.reserve(program.steps.size());
    for (std::size_t s = 0; s < program.steps.size(); ++s) {
      if (is_moved[s]) continue;
      if (joined_at[s] == nullptr) {
        steps.push_back(std::move(program.steps[s]));
        continue;
      }
      const bool is_adjoint = program.steps[s].kind == TileStep::Kind::adjoint;
      const FusedSteps& joined = *joined_at[s];
      const auto factors = static_cast<std::size_t>(joined.fusion->factors);
      const std::size_t targets = is_adjoint ? first_target(static_cast<int>(s)) : 0;
      for (std::size_t i = 0; i < factors; ++i) {
        steps.push_back(program.steps[static_cast<std::size_t>(joined.factor[is_adjoint ? 1 : 0][i])]);
        steps.back().operands[0] = operand({});
      }
      steps[steps.size() - factors].fusion = joined.fusion;
      steps.push_back(std::move(program.steps[s]));
      for (std::size_t i = 0; i < factors; ++i) {
        steps.back().operands[(is_adjoint ? 2 : 1) + i] = operand({});
        if (is_adjoint) steps.back().operands[targets + i] = operand({});
      }
    }
    program.steps = std::move(steps);
  }

  const Plan& plan_;
  int stage_;
  bool joins_fusions_;
  int next_slot_ = 0;
  std::vector<int> value_slot_;
  std::vector<int> rows_kept_;
  std::vector<int> remembered_;                    // of this program
  std::array<std::vector<int>, 9> operand_index_;  // by place and index
};

constexpr unsigned bit(std::size_t i) { return 1u << std::min<std::size_t>(i, 31); }

}  // namespace

TileProgram forward_program(const Plan& plan, int stage, bool joins_fusions) {
  ProgramBuilder builder(plan, stage, joins_fusions);
  builder.program.steps.reserve(plan.stages[static_cast<std::size_t>(stage)].nodes.size());
  for (const int n : plan.stages[static_cast<std::size_t>(stage)].nodes)
    if (builder.node(n).type->kind == NodeKind::over_rows) builder.keep_rows(builder.node(n).inputs[0]);
  for (const int n : plan.stages[static_cast<std::size_t>(stage)].nodes)
    if (builder.node(n).type->kind != NodeKind::over_rows)  // once all rows are there
      builder.emit_forward(n);
  return builder.finish();
}

TileProgram advance_program(const Plan& plan, int stage, bool joins_fusions) {
  ProgramBuilder builder(plan, stage, joins_fusions);
  const std::vector<int>& nodes = plan.stages[static_cast<std::size_t>(stage)].nodes;
  const auto at = [](int n) { return static_cast<std::size_t>(n); };
  std::vector<char> is_read(plan.nodes.size(), 0);
  const auto advances = [&](int n) { return plan.nodes[at(n)].type->advance_reads != 0 && !is_read[at(n)]; };
  for (auto n = nodes.rbegin(); n != nodes.rend(); ++n) {
    const PlanNode& node = plan.nodes[at(*n)];
    if (!is_read[at(*n)] && !node.type->keeps_state) continue;
    for (std::size_t i = 0; i < node.inputs.size(); ++i)
      if (!advances(*n) || (node.type->advance_reads & bit(i))) is_read[at(node.inputs[i])] = 1;
  }
  for (const int n : nodes) {
    const PlanNode& node = plan.nodes[at(n)];
    if (!is_read[at(n)] && !node.type->keeps_state) continue;
    if (!advances(n)) {
      builder.emit_forward(n);
      continue;
    }
    TileStep step;
    step.kind = TileStep::Kind::advance;
    step.node = n;
    step.operands.push_back(builder.operand({}));
    for (std::size_t i = 0; i < node.inputs.size(); ++i)
      step.operands.push_back(
          builder.operand(node.type->advance_reads & bit(i) ? builder.value(node.inputs[i]) : TileOperand{}));
    builder.program.steps.push_back(std::move(step));
  }
  return builder.finish();
}

TileProgram backward_program(const Plan& plan, int stage, bool joins_fusions,
                             std::vector<bool>& has_adjoint) {
  ProgramBuilder builder(plan, stage, joins_fusions);
  const std::vector<int>& nodes = plan.stages[static_cast<std::size_t>(stage)].nodes;
  builder.program.steps.reserve(2 * nodes.size());
  const auto at = [](int n) { return static_cast<std::size_t>(n); };
  const auto takes_adjoint = [&](const PlanNode& node, std::size_t i) {
    return node.type->has_adjoint(i) && plan.nodes[at(node.inputs[i])].trainable;
  };

  // Which nodes an adjoint reaches, and how many contributions each gets inside the stage.
  std::vector<char> reached(plan.nodes.size(), 0);
  std::vector<int> contributions(plan.nodes.size(), 0);
  for (bool goes_round = true; goes_round;) {
    goes_round = false;
    std::ranges::fill(contributions, 0);
    for (auto n = nodes.rbegin(); n != nodes.rend(); ++n) {
      const PlanNode& node = plan.nodes[at(*n)];
      if (!node.trainable) continue;
      reached[at(*n)] |= has_adjoint[at(*n)];
      if (!reached[at(*n)]) continue;
      for (std::size_t i = 0; i < node.inputs.size(); ++i)
        if (takes_adjoint(node, i)) {
          goes_round |= std::exchange(reached[at(node.inputs[i])], char{1}) == 0 && plan.reads_loop(*n, i);
          ++contributions[at(node.inputs[i])];
        }
    }
  }

  std::vector<TileOperand> adjoint(
      plan.nodes.size());  // where each node's adjoint is; none until there is one
  const auto copy = [&](int n, TileOperand from, TileOperand to, AdjointMode mode) {
    TileStep step;
    step.kind = TileStep::Kind::copy;
    step.node = n;
    step.operands = {builder.operand(from), builder.operand(to)};
    step.modes = {mode};
    return step;
  };
  const auto emit = [&](int n, TileStep step) { builder.emit_in_loop_of(n, std::move(step)); };

  // Recomputes a value that an adjoint reads, and what it needs in turn, just before the first adjoint that
  // reads it: so few values live at once.
  std::vector<char> is_there(plan.nodes.size(), 0);
  std::vector<int> to_visit;
  const auto recompute = [&](int v) {
    to_visit.assign(1, v);
    while (!to_visit.empty()) {
      const int next = to_visit.back();
      const PlanNode& node = plan.nodes[at(next)];
      if (is_there[at(next)] || node.stored || !builder.in_stage(next)) {
        to_visit.pop_back();
        continue;
      }
      const std::size_t waiting = to_visit.size();
      for (const int input : node.inputs)
        if (!is_there[at(input)] && !plan.nodes[at(input)].stored && builder.in_stage(input))
          to_visit.push_back(input);
      if (to_visit.size() > waiting) continue;
      to_visit.pop_back();
      is_there[at(next)] = 1;
      // A state is moved, and kept, where its adjoint begins.
      if (node.type->keeps_state)
        emit(next, builder.forward_step(next));
      else
        builder.emit(builder.forward_step(next));
    }
  };

  // The place of one more contribution to the adjoint of `v`, and what to do there.
  const auto contribution_to = [&](int v) -> std::pair<TileOperand, AdjointMode> {
    const PlanNode& node = plan.nodes[at(v)];
    TileOperand& target = adjoint[at(v)];
    if (builder.in_stage(v)) {
      if (target.place != OperandPlace::none) return {target, AdjointMode::accumulate};
      if (has_adjoint[at(v)]) return {target = {OperandPlace::adjoint, v}, AdjointMode::accumulate};
      return {target = builder.new_slot(), AdjointMode::overwrite};
    }
    if (!node.signal) {
      builder.program.row_sums.push_back(v);
      return {{OperandPlace::row_sum, static_cast<int>(builder.program.row_sums.size()) - 1},
              AdjointMode::sum};
    }
    if (target.place != OperandPlace::none) return {target, AdjointMode::accumulate};
    const bool accumulates = has_adjoint[at(v)];
    has_adjoint[at(v)] = true;
    if (plan.same_rows(v, stage))
      return {target = {OperandPlace::adjoint, v},
              accumulates ? AdjointMode::accumulate : AdjointMode::overwrite};
    builder.program.row_adjoints.push_back(v);
    builder.program.row_adjoint_accumulates.push_back(accumulates);
    target = {OperandPlace::row_adjoint, static_cast<int>(builder.program.row_adjoints.size()) - 1};
    return {target, AdjointMode::overwrite};
  };

  // What the adjoint of `n` reads, in the order of its operands: its output and its inputs' samples at hand.
  const auto for_each_read = [&](int n, const auto& visit) {
    const PlanNode& node = plan.nodes[at(n)];
    visit(n, node.type->adjoint_reads_output, std::size_t(0));
    for (std::size_t i = 0; i < node.inputs.size(); ++i)
      visit(node.inputs[i], node.type->adjoint_reads_inputs && !builder.reads_history(n, i), i);
  };

  // A loop that goes some samples at a time: what its adjoints read is computed before it, for the whole tile, and what
  // constants over time gain is added up behind it.
  std::vector<TileStep> behind_loop;
  const auto begin_loop = [&](std::vector<int>::const_reverse_iterator last) {
    const int loop = plan.nodes[at(*last)].loop;
    for (auto n = last; n != nodes.rend() && plan.nodes[at(*n)].loop == loop; ++n) {
      if (!reached[at(*n)]) continue;
      if (plan.samples_at_a_time(*n) == 0) continue;
      if (plan.nodes[at(*n)].type->keeps_state) recompute(*n);
      for_each_read(*n, [&](int v, bool is_read, std::size_t) {
        if (is_read) recompute(v);
      });
    }
    for (auto n = last; n != nodes.rend() && plan.nodes[at(*n)].loop == loop; ++n) {
      const PlanNode& node = plan.nodes[at(*n)];
      if (!reached[at(*n)] || node.type->reach == nullptr || !plan.reads_loop(*n, 0) ||
          !takes_adjoint(node, 0))
        continue;
      const auto [target, mode] = contribution_to(node.inputs[0]);
      TileStep recall = copy(*n, {OperandPlace::history_adjoint, *n}, target, mode);
      recall.kind = TileStep::Kind::recall;
      emit(*n, std::move(recall));
    }
  };

  int loop = -1;
  for (auto n = nodes.rbegin(); n != nodes.rend(); ++n) {
    const PlanNode& node = plan.nodes[at(*n)];
    if (std::exchange(loop, node.loop) != node.loop) {
      for (TileStep& step : behind_loop) builder.emit(std::move(step));
      behind_loop.clear();
      if (node.loop >= 0) begin_loop(n);
    }
    if (!reached[at(*n)]) continue;
    const bool is_in_parts = plan.samples_at_a_time(*n) > 0;
    TileOperand gy = adjoint[at(*n)];
    if (gy.place == OperandPlace::none) gy = {OperandPlace::adjoint, *n};

    TileStep step;
    step.kind = TileStep::Kind::adjoint;
    step.node = *n;
    ShortList<int, most_inputs> targets;
    std::vector<TileStep> additions;  // of terms to adjoints that are there already
    bool has_targets = false;
    for (std::size_t i = 0; i < node.inputs.size(); ++i) {
      const int v = node.inputs[i];
      const bool takes = takes_adjoint(node, i);
      const bool passes_through = takes && (node.type->passes_through & bit(i)) && plan.nodes[at(v)].signal;
      if (!takes || passes_through) {
        targets.push_back(builder.operand({}));
        step.modes.push_back(AdjointMode::none);
      }
      if (!takes) continue;
      if (passes_through && builder.in_stage(v) && contributions[at(v)] == 1 && !has_adjoint[at(v)]) {
        adjoint[at(v)] = gy;
        continue;
      }
      if (builder.reads_history(*n, i)) {
        // The tile's samples have gained all they will once this adjoint has run; in a loop, before.
        has_targets = true;
        const TileOperand gained{OperandPlace::history_adjoint, *n};
        targets.push_back(builder.operand(gained));
        step.modes.push_back(AdjointMode::overwrite);
        if (plan.reads_loop(*n, i)) continue;
        const auto [target, mode] = contribution_to(v);
        TileStep recall = copy(*n, gained, target, mode);
        recall.kind = TileStep::Kind::recall;
        additions.push_back(std::move(recall));
        continue;
      }
      const auto [target, mode] = contribution_to(v);
      if (passes_through) {
        emit(*n, copy(*n, gy, target, mode));
        continue;
      }
      has_targets = true;
      const bool is_added = mode == AdjointMode::accumulate || (mode == AdjointMode::sum && is_in_parts);
      if (!is_added) {
        targets.push_back(builder.operand(target));
        step.modes.push_back(mode);
        continue;
      }
      const TileOperand term = builder.new_slot();
      targets.push_back(builder.operand(term));
      step.modes.push_back(AdjointMode::overwrite);
      (mode == AdjointMode::sum ? behind_loop : additions).push_back(copy(*n, term, target, mode));
    }
    if (!has_targets) continue;
    // The operands in front of the targets: gy, y, x...
    step.operands.push_back(builder.operand(gy));
    bool is_output = true;
    for_each_read(*n, [&](int v, bool is_read, std::size_t i) {
      if (is_read) recompute(v);
      TileOperand place = is_read ? builder.value(v) : TileOperand{};
      if (!is_output && builder.reads_history(*n, i)) {
        // Of whose samples the slope of another input is made, if of anything.
        if (takes_adjoint(node, 1)) place = builder.input(*n, i);
      } else if (is_read && is_in_parts && !plan.nodes[at(v)].signal &&
                 node.type->kind == NodeKind::pointwise) {
        place = {OperandPlace::spread, v};
      }
      is_output = false;
      step.operands.push_back(builder.operand(place));
    });
    for (const int target : targets) step.operands.push_back(target);
    emit(*n, std::move(step));
    for (TileStep& addition : additions) emit(*n, std::move(addition));
  }
  for (TileStep& step : behind_loop) builder.emit(std::move(step));
  return builder.finish();
}

}  // namespace retrograd
