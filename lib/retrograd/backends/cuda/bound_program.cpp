#include <retrograd/backends/cuda/bound_program.hpp>
#include <retrograd/backends/cuda/causal_lanes.hpp>

#include <algorithm>
#include <limits>

namespace retrograd::cuda {

using Place = TileOperand::Place;

int WorkspaceLayout::take(std::size_t bytes) {
  const std::size_t at = end;
  constexpr std::size_t most = std::numeric_limits<int>::max();
  if (bytes > most || at + (bytes + 15) / 16 * 16 > most)
    raise<DeviceError>("a stage needs more than " + std::to_string(most) +
                       " bytes of work space for each block on device cuda; the CPU plays it");
  end += (bytes + 15) / 16 * 16;
  return static_cast<int>(at);
}

StatesOf::StatesOf(const Plan& plan, int stage)
    : offset(plan.nodes.size(), -1), reduction_of(plan.nodes.size(), -1) {
  WorkspaceLayout layout;
  for (const int n : plan.stages[static_cast<std::size_t>(stage)].nodes) {
    const NodeType& node = *plan.nodes[static_cast<std::size_t>(n)].type;
    if (node.keeps_state) {
      offset[static_cast<std::size_t>(n)] = layout.take(static_cast<std::size_t>(memory_of(node).state));
    }
    if (node.kind == NodeKind::reduction) {
      reduction_of[static_cast<std::size_t>(n)] = static_cast<int>(reductions.size());
      reductions.push_back(n);
    }
  }
  bytes = static_cast<int>(layout.end);
}

OperandTables::OperandTables(Gpu& gpu, const Plan& plan, int stage, Storage& storage)
    : gpu_(gpu),
      plan_(plan),
      rows_(plan.stages[static_cast<std::size_t>(stage)].shape.with_length(1)),
      storage_(storage) {}

OperandAt OperandTables::stored(int n, bool is_adjoint) {
  const PlanNode& node = plan_.nodes[static_cast<std::size_t>(n)];
  OperandAt operand;
  operand.place = is_adjoint ? Place::adjoint : Place::value;
  operand.is_number = !node.signal;
  operand.data = is_adjoint ? storage_.adjoint(n) : storage_.value(n);
  if (node.shape.rows() == rows_.elements()) return operand;
  DeviceMemory& table = row_of_[n];
  if (table.data() == nullptr) {
    const RowMap map(node.shape.with_length(1), rows_);
    std::vector<std::int64_t> row_of;
    for (std::int64_t row = 0; row < rows_.elements(); ++row) row_of.push_back(map.source(row));
    table = on_device(gpu_, row_of);
  }
  operand.row_of = table.as<const std::int64_t>();
  return operand;
}

std::size_t OperandTables::bytes() const {
  std::size_t total = 0;
  for (const auto& [node, table] : row_of_) total += table.bytes();
  return total;
}

BoundProgram::BoundProgram(Gpu& gpu, TileProgram program, const Plan& plan, OperandTables& tables,
                           NodeFields& fields, const StatesOf& states, ElementType type, int tile,
                           std::int64_t most_tasks, std::span<void* const> row_adjoints)
    : program_(std::move(program)), most_blocks_(most_tasks) {
  WorkspaceLayout layout, carries;
  const auto take = [&](std::size_t bytes) { return layout.take(bytes); };
  const std::size_t sample_bytes = bytes_of(type), tile_bytes = static_cast<std::size_t>(tile) * sample_bytes,
                    lanes_bytes = math::block * sample_bytes;

  at_.operand_count = static_cast<int>(program_.operands.size());
  at_.placed = take(program_.operands.size() * sizeof(Operand));
  const int zeros = take(lanes_bytes);
  const int slots = take(static_cast<std::size_t>(program_.slots) * tile_bytes);
  std::vector<OperandAt> operands;
  for (const TileOperand& wanted : program_.operands) {
    OperandAt operand;
    operand.place = wanted.place;
    switch (wanted.place) {
      case Place::none:
        operand.scratch = static_cast<std::uint32_t>(zeros);
        break;
      case Place::slot:
        operand.scratch = static_cast<std::uint32_t>(static_cast<std::size_t>(slots) +
                                                     static_cast<std::size_t>(wanted.index) * tile_bytes);
        break;
      case Place::value:
      case Place::adjoint:
        operand = tables.stored(wanted.index, wanted.place == Place::adjoint);
        if (operand.is_number) operand.scratch = static_cast<std::uint32_t>(take(lanes_bytes));
        break;
      case Place::row_adjoint:
        operand.data = row_adjoints[static_cast<std::size_t>(wanted.index)];
        break;
      case Place::row_sum:  // its number
        operand.data = reinterpret_cast<void*>(static_cast<std::intptr_t>(wanted.index));
        break;
      case Place::history:
      case Place::history_adjoint:
      case Place::spread:  // refused before: see CudaPlan
        break;
    }
    operands.push_back(operand);
  }

  std::vector<StepAt> steps;
  int tiles_of_work = 0;
  for (const TileStep& step : program_.steps) {
    const PlanNode& node = plan.nodes[static_cast<std::size_t>(step.node)];
    const auto n = static_cast<std::size_t>(step.node);
    StepAt at;
    at.kind = step.kind;
    std::copy(step.operands.begin(), step.operands.end(), at.operand);
    std::copy(step.modes.begin(), step.modes.end(), at.mode);
    at.state = states.offset[n];
    at.reduction = states.reduction_of[n];
    if (step.kind != TileStep::Kind::copy) {
      at.opcode = opcode_of(*node.type);
      at.node = fields.of(node);
      tiles_of_work = std::max(tiles_of_work, needs_samples(step, *node.type) ? 1 : 0);
    }
    if (step.kind == TileStep::Kind::adjoint && node.type->kind == NodeKind::causal) {
      const CausalMemory memory = memory_of(*node.type);
      at.carry = carries.take(static_cast<std::size_t>(memory.carry));
      tiles_of_work = std::max(tiles_of_work, memory.adjoint_tiles);
      const bool is_joined = movement_of(node).moves == Moves::by_gate;
      if (is_joined) joins_.push_back({static_cast<int>(steps.size()), at.carry});
      // Of an oscillator only the adjoint of a frequency that varies is a running sum.
      if (!is_joined && (movement_of(node).moves == Moves::by_values || at.mode[0] == AdjointMode::overwrite))
        groups_are_independent_ = false;
    }
    steps.push_back(at);
  }
  at_.step_count = static_cast<int>(steps.size());
  at_.increments = take(steps.size() * sizeof(std::uint64_t));
  at_.states = take(static_cast<std::size_t>(states.bytes));
  at_.states_at_start = take(static_cast<std::size_t>(states.bytes));
  at_.work = take(work_bytes + static_cast<std::size_t>(tiles_of_work) * tile_bytes);
  at_.workspace_bytes = layout.end;
  carry_bytes_ = static_cast<int>(carries.end);

  operands_ = on_device(gpu, operands);
  steps_ = on_device(gpu, steps);
  at_.operands = operands_.as<const OperandAt>();
  at_.steps = steps_.as<const StepAt>();
  if (layout.end > gpu.shared_bytes()) {
    most_blocks_ = std::min<std::int64_t>(most_tasks, 2 * gpu.multiprocessors());
    workspaces_ = DeviceMemory(gpu, static_cast<std::size_t>(most_blocks_) * layout.end);
    at_.workspaces = workspaces_.as<std::byte>();
  }
}

std::size_t BoundProgram::bytes() const { return operands_.bytes() + steps_.bytes() + workspaces_.bytes(); }

int BoundProgram::blocks(std::int64_t tasks) const { return static_cast<int>(std::min(tasks, most_blocks_)); }

}  // namespace retrograd::cuda
