// Liveness decides which slot a value gets; patterns of nodes that run in one pass are brought together before that.
#include <retrograd/tape/program_builder.hpp>

namespace retrograd {

TileStep ProgramBuilder::forward_step(int n) {
  TileStep step;
  step.node = n;
  step.operands.push_back(node(n).type->kind == NodeKind::reduction ? operand({}) : operand(value(n)));
  for (std::size_t i = 0; i < node(n).inputs.size(); ++i) step.operands.push_back(operand(input(n, i)));
  return step;
}

void ProgramBuilder::emit_forward(int n) {
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

void ProgramBuilder::remember(int x, int reader) {
  if (std::ranges::find(remembered_, x) != remembered_.end()) return;
  if (plan_.keeps_whole(x) && (!in_stage(x) || !node(x).signal)) return;
  remembered_.push_back(x);
  TileStep step;
  step.kind = TileStep::Kind::remember;
  step.node = x;
  step.operands = {operand({TileOperand::Place::history, x}), operand(value(x))};
  emit_in_loop_of(reader, std::move(step));
}

void ProgramBuilder::keep_rows(int n) {
  if (node(n).stored || !in_stage(n) || std::ranges::find(rows_kept_, n) != rows_kept_.end()) return;
  rows_kept_.push_back(n);
  program.row_adjoints.push_back(n);
  program.row_adjoint_accumulates.push_back(false);
}

TileProgram ProgramBuilder::finish() {
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
    if (o.place != TileOperand::Place::slot) continue;
    const int slot = place[static_cast<std::size_t>(o.index)];
    o = slot < 0 ? TileOperand{} : TileOperand{TileOperand::Place::slot, slot};
  }
  return std::move(program);
}

bool ProgramBuilder::is_fused(FusedSteps& found, const std::vector<SlotUse>& uses) const {
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
    if (value < 0 || (adjoint >= 0 && (value_adjoint < 0 || value_adjoint > adjoint + found.fusion->factors)))
      return false;
    const FusionPlace& place = node(program.steps[static_cast<std::size_t>(value)].node).type->fusion_place;
    if (place.fusion != found.fusion || place.factor < 0) return false;
    found.factor[0][place.factor] = value;
    found.factor[1][place.factor] = value_adjoint;
  }
  return std::ranges::none_of(std::span(found.factor[0]).first(factors), [](int step) { return step < 0; });
}

bool ProgramBuilder::has_constant_inputs(int n) const {
  const PlanNode& root = node(n);
  for (std::size_t i = 0; i < root.inputs.size(); ++i)
    if ((root.type->fusion_place.fusion->constant_inputs >> i & 1u) != 0 && node(root.inputs[i]).signal)
      return false;
  return true;
}

void ProgramBuilder::join_fusions() {
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

}  // namespace retrograd
