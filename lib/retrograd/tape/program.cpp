// Which steps play a tiled stage, move its states alone, or take it back.
#include <retrograd/tape/program_builder.hpp>

namespace retrograd {

namespace {

using OperandPlace = TileOperand::Place;

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
