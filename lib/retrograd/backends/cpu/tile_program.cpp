#include <retrograd/backends/cpu/tile_program.hpp>
#include <retrograd/nodes/fusions.hpp>

#include <algorithm>

namespace retrograd::cpu {

using Place = TileOperand::Place;

StageStates::StageStates(const Plan& plan, int stage, ElementType type, bool is_live)
    : offset(plan.nodes.size(), -1), latched(plan.nodes.size(), -1), reduction_of(plan.nodes.size(), -1) {
  const auto take = [&](std::size_t wanted) {
    const auto at = static_cast<std::ptrdiff_t>(bytes);
    bytes += (wanted + 15) / 16 * 16;
    return at;
  };
  for (const int n : plan.stages[static_cast<std::size_t>(stage)].nodes) {
    const NodeType& node = *plan.nodes[static_cast<std::size_t>(n)].type;
    if (node.keeps_state) {
      // Sixteen bytes a node, packed, unless a user's own state needs more.
      const Kernels::PerType& kernels = find_kernels(node).of(type);
      offset[static_cast<std::size_t>(n)] = take(kernels.state_bytes);
      if (is_live && kernels.latched_bytes > 0)
        latched[static_cast<std::size_t>(n)] = take(kernels.latched_bytes);
    }
    if (node.kind == NodeKind::reduction) {
      reduction_of[static_cast<std::size_t>(n)] = static_cast<int>(reductions.size());
      reductions.push_back(n);
    }
  }
}

void StageStates::start(const Plan& plan, int stage, ElementType type, std::byte* states) const {
  for (const int n : plan.stages[static_cast<std::size_t>(stage)].nodes) {
    const auto at = static_cast<std::size_t>(n);
    if (offset[at] < 0) continue;
    const Kernels::PerType& kernels = find_kernels(*plan.nodes[at].type).of(type);
    kernels.start_state(states + offset[at]);
    if (latched[at] >= 0) kernels.start_latched(states + latched[at]);
  }
}

namespace {

// Asks for samples `first` to `last - 1` of a stored signal before they are needed, into the second cache.
template <class Real>
void prefetch(const Real* samples, std::size_t first, std::size_t last, bool is_written) {
  constexpr std::size_t line = alignment / sizeof(Real);
  for (std::size_t i = (first + line - 1) / line * line; i < last; i += line)
    if (is_written)
      __builtin_prefetch(samples + i, 1, 2);
    else
      __builtin_prefetch(samples + i, 0, 2);
}

// Whether a causal node's adjoint leaves something to the tile before.
bool carries(const TileStep& step, unsigned carries_for) {
  if (carries_for == 0) return true;
  for (std::size_t i = 0; i < step.modes.size(); ++i)
    if ((carries_for >> i & 1u) != 0 && step.modes[i] == AdjointMode::overwrite) return true;
  return false;
}

// Of each row sum, whether something is added to its tiles.
std::vector<bool> sums_over_tiles(const TileProgram& program, const Plan& plan) {
  std::vector<bool> is_over_tiles(program.row_sums.size(), false);
  for (const TileStep& step : program.steps) {
    if (std::ranges::find(step.modes, AdjointMode::sum) == step.modes.end()) continue;
    const NodeType& node = *plan.nodes[static_cast<std::size_t>(step.node)].type;
    const unsigned to_total = step.kind == TileStep::Kind::copy ? 0 : find_kernels(node).f32.adds_to_total;
    for (std::size_t i = 0; i < step.modes.size(); ++i) {
      if (step.modes[i] != AdjointMode::sum || (to_total >> i & 1u) != 0) continue;
      const int target = step.operands[step.operands.size() - step.modes.size() + i];
      const TileOperand& operand = program.operands[static_cast<std::size_t>(target)];
      is_over_tiles[static_cast<std::size_t>(operand.index)] = true;
    }
  }
  return is_over_tiles;
}

}  // namespace

template <class Real>
BoundProgram<Real>::BoundProgram(TileProgram program, const Plan& plan, int stage, Storage& storage,
                                 const StageStates& states, const StageHistories& histories, int tile,
                                 Real* const* row_adjoints, std::int64_t chunk, bool has_ramps)
    : program_(std::move(program)),
      length_(plan.stages[static_cast<std::size_t>(stage)].shape.length()),
      chunk_(chunk),
      tile_(tile),
      reductions_(states.reductions.size()) {
  const std::size_t tile_bytes = static_cast<std::size_t>(tile) * sizeof(Real);
  operands_at_ = layout_.take(program_.operands.size() * sizeof(Operand));
  zeros_at_ = layout_.take(math::block * sizeof(Real));
  const std::size_t slots_at = layout_.take(static_cast<std::size_t>(program_.slots) * aligned(tile_bytes));
  states_at_ = layout_.take(states.bytes);
  sums_at_ = layout_.take(program_.row_sums.size() * sizeof(math::SumOverTime<Real>));
  sum_tiles_ = static_cast<std::size_t>((length_ + math::sum_tile - 1) / math::sum_tile);
  for (const bool is_over_tiles : sums_over_tiles(program_, plan))
    tile_sums_at_.push_back(is_over_tiles ? std::optional(layout_.take(sum_tiles_ * sizeof(double)))
                                          : std::nullopt);
  reductions_at_ = layout_.take(reductions_ * sizeof(ReductionRow<Real>));
  reduction_sums_at_ = layout_.take(reductions_ * sum_tiles_ * sizeof(double));

  bindings_.reserve(program_.operands.size());
  for (const TileOperand& operand : program_.operands) {
    Binding binding;
    switch (operand.place) {
      case Place::none:
        binding.scratch = zeros_at_;
        break;
      case Place::slot:
        binding.scratch = slots_at + static_cast<std::size_t>(operand.index) * aligned(tile_bytes);
        break;
      case Place::value:
      case Place::adjoint:
      case Place::spread:
        binding = bind_stored(operand.index, operand.place, plan, stage, storage, has_ramps, tile_bytes);
        break;
      case Place::row_adjoint:
        binding.row_adjoint = row_adjoints + operand.index;
        break;
      case Place::row_sum:
        binding.scratch =
            sums_at_ + static_cast<std::size_t>(operand.index) * sizeof(math::SumOverTime<Real>);
        break;
      case Place::history:
      case Place::history_adjoint:
        binding = bind_history(operand, plan, stage, storage, histories);
        histories_.push_back(bindings_.size());
        break;
    }
    binding.place = operand.place;
    if (binding.is_stored_signal()) stored_signals_.push_back(bindings_.size());
    if (binding.is_stored_signal() || binding.row_adjoint != nullptr) signals_.push_back(bindings_.size());
    bindings_.push_back(binding);
  }

  const auto level = static_cast<std::size_t>(math::simd_level());
  copy_ = math::Kernel<Copy, Real>::at(math::simd_level());
  steps_.reserve(program_.steps.size());
  for (const TileStep& step : program_.steps) {
    const PlanNode& node = plan.nodes[static_cast<std::size_t>(step.node)];
    const auto n = static_cast<std::size_t>(step.node);
    const bool is_forward = step.kind == TileStep::Kind::forward || step.kind == TileStep::Kind::advance ||
                            step.kind == TileStep::Kind::remember;
    is_backwards_ = is_backwards_ || !is_forward;
    Step bound{nullptr,          nullptr,           node.data, step.operands.data(),   step.modes.data(),
               states.offset[n], states.latched[n], -1,        states.reduction_of[n], is_forward};
    if (step.kind == TileStep::Kind::copy) {
      bound.kernel = copy_;
    } else if (step.kind == TileStep::Kind::remember) {
      bound.kernel = math::Kernel<Remember, Real>::at(math::simd_level());
    } else if (step.kind == TileStep::Kind::recall) {
      bound.kernel = math::Kernel<Recall, Real>::at(math::simd_level());
    } else {
      const Kernels::PerType& kernels = find_kernels(*node.type).of(element_type_of<Real>);
      bound.kernel = step.kind == TileStep::Kind::forward   ? kernels.forward[level]
                     : step.kind == TileStep::Kind::advance ? kernels.advance[level]
                                                            : kernels.adjoint[level];
      if (step.fusion == &operator_fusion)
        bound.operator_kernel =
            is_forward ? kernels.operator_forward[level] : kernels.operator_adjoint[level];
      if (!is_forward && node.type->reach != nullptr) {
        groups_are_independent_ = false;
      } else if (!is_forward && node.type->kind == NodeKind::causal) {
        bound.carry = static_cast<std::ptrdiff_t>(carry_offset_.size());
        carry_offset_.push_back(layout_.take(kernels.carry_bytes));
        start_carry_.push_back(kernels.start_carry);
        if (kernels.join != nullptr) {
          joins_.push_back({steps_.size(), carry_offset_.back(), group_bytes_, kernels.start_group,
                            kernels.take_group, kernels.join});
          group_bytes_ += aligned(kernels.group_bytes);
        } else if (carries(step, kernels.carries_for)) {
          groups_are_independent_ = false;
        }
      }
    }
    const std::size_t targets = is_forward ? 0 : step.operands.size() - step.modes.size();
    for (std::size_t i = targets; i < (is_forward ? 1 : step.operands.size()); ++i)
      bindings_[static_cast<std::size_t>(step.operands[i])].is_written = true;
    bound.loop = step.loop;
    if (bound.state >= 0) bound.state_bytes = find_kernels(*node.type).of(element_type_of<Real>).state_bytes;
    steps_.push_back(bound);
  }
  for (std::size_t s = 0; s < steps_.size(); ++s)
    if (steps_[s].loop >= 0 && (parts_.empty() || s >= parts_.back().last)) parts_.push_back(find_parts(s));
  if (!parts_.empty()) {
    int least = tile;
    for (const Parts& parts : parts_) least = std::min(least, parts.samples);
    states_bytes_ = states.bytes;
    if (is_backwards_)
      part_states_at_ = layout_.take(static_cast<std::size_t>((tile + least - 1) / least) * states.bytes);
    parts_at_ = layout_.take(bindings_.size() * sizeof(Operand));
    lanes_at_ = layout_.take(bindings_.size() * math::block * sizeof(Real));
  }
  asked_by_operators_ = std::min(
      stored_signals_.size(), static_cast<std::size_t>(std::ranges::count_if(
                                  steps_, [](const Step& step) { return step.operator_kernel != nullptr; })));
  group_at_ = layout_.take(group_bytes_);
  later_groups_at_ = layout_.take(group_bytes_);
  for (Step& step : steps_)
    if (step.carry >= 0)
      step.carry = static_cast<std::ptrdiff_t>(carry_offset_[static_cast<std::size_t>(step.carry)]);
}

template <class Real>
typename BoundProgram<Real>::Workspace BoundProgram<Real>::make_workspace() const {
  Workspace workspace;
  workspace.memory_ = Buffer(layout_.bytes());
  std::byte* base = workspace.memory_.data();
  workspace.operands_ = reinterpret_cast<Operand*>(base + operands_at_);
  workspace.states_ = base + states_at_;
  workspace.carries_ = base;
  workspace.group_ = base + group_at_;
  workspace.later_groups_ = base + later_groups_at_;
  workspace.sums_ = reinterpret_cast<math::SumOverTime<Real>*>(base + sums_at_);
  for (std::size_t i = 0; i < tile_sums_at_.size(); ++i) {
    if (!tile_sums_at_[i]) continue;
    workspace.sums_[i].tile_sums = reinterpret_cast<double*>(base + *tile_sums_at_[i]);
    workspace.sums_[i].tiles = static_cast<std::int64_t>(sum_tiles_);
  }
  workspace.reductions_ = reinterpret_cast<ReductionRow<Real>*>(base + reductions_at_);
  auto* reduction_sums = reinterpret_cast<double*>(base + reduction_sums_at_);
  for (std::size_t i = 0; i < reductions_; ++i)
    workspace.reductions_[i].tile_sums = reduction_sums + i * sum_tiles_;
  for (std::size_t o = 0; o < bindings_.size(); ++o) {
    const Binding& binding = bindings_[o];
    if (binding.is_history()) continue;
    const bool repeats = binding.place == Place::none || binding.numbers != nullptr;
    workspace.operands_[o] = {base + binding.scratch, repeats ? 0 : math::block, 0.0};
  }
  return workspace;
}

template <class Real>
void BoundProgram<Real>::begin_row(Workspace& workspace, std::int64_t row) const {
  for (std::size_t o = 0; o < bindings_.size(); ++o) {
    const Binding& binding = bindings_[o];
    const bool is_spread = binding.place == Place::spread;
    if (!binding.is_constant() && !is_spread) continue;
    Operand& operand = workspace.operands_[o];
    operand.constant = binding.numbers[row_of(binding, row)];
    operand.step = is_spread ? math::block : 0;
    std::fill_n(static_cast<Real*>(operand.data), is_spread ? tile_ : math::block,
                static_cast<Real>(operand.constant));
  }
}

template <class Real>
void BoundProgram<Real>::read_constants(std::int64_t row, double* values) const {
  for (const Binding& binding : bindings_)
    if (binding.numbers != nullptr && !binding.is_history())
      *values++ = binding.numbers[row_of(binding, row)];
}

template <class Real>
void BoundProgram<Real>::place_constants(Workspace& workspace, const double* from, const double* to,
                                         std::int64_t offset, std::int64_t period, int count) const {
  for (std::size_t o = 0; o < bindings_.size(); ++o) {
    if (!bindings_[o].is_constant()) continue;
    const double begin = *from++, end = *to++, slope = (end - begin) / static_cast<double>(period);
    Operand& operand = workspace.operands_[o];
    Real* samples = static_cast<Real*>(operand.data);
    operand.constant = end;  // what is latched does not depend on the tile
    operand.step = slope == 0.0 ? 0 : math::block;
    if (slope == 0.0) {
      std::fill_n(samples, math::block, static_cast<Real>(begin));
      continue;
    }
    const int whole_blocks = (count + math::block - 1) / math::block * math::block;
    for (int i = 0; i < whole_blocks; ++i)
      samples[i] = static_cast<Real>(begin + slope * static_cast<double>(offset + i));
  }
}

template <class Real>
void BoundProgram<Real>::begin_adjoint(Workspace& workspace) const {
  for (std::size_t i = 0; i < start_carry_.size(); ++i)
    start_carry_[i](workspace.carries_ + carry_offset_[i]);
  for (const Join& join : joins_) join.start(workspace.later_groups_ + join.group);
  for (std::size_t i = 0; i < program_.row_sums.size(); ++i) workspace.sums_[i].start();
  for (const std::size_t o : histories_)
    if (const Binding& binding = bindings_[o]; binding.place == Place::history_adjoint)
      std::fill_n(reinterpret_cast<Real*>(workspace.memory_.data() + binding.scratch), binding.ring,
                  Real(0.0));
}

template <class Real>
void BoundProgram<Real>::begin_group(Workspace& workspace, Workspace& row) const {
  for (std::size_t i = 0; i < start_carry_.size(); ++i)
    start_carry_[i](workspace.carries_ + carry_offset_[i]);
  for (std::size_t i = 0; i < program_.row_sums.size(); ++i) workspace.sums_[i].start_part_of(row.sums_[i]);
}

template <class Real>
void BoundProgram<Real>::take_group(Workspace& workspace, std::byte* group) const {
  for (const Join& join : joins_) join.take(workspace.carries_ + join.carry, group + join.group);
}

template <class Real>
void BoundProgram<Real>::join_group(Workspace& workspace, const std::byte* group) const {
  TileCall call;
  call.operands = workspace.operands_;
  for (const Join& join : joins_) {
    call.node = steps_[join.step].node;
    call.index = steps_[join.step].index;
    call.modes = steps_[join.step].modes;
    call.carry = workspace.later_groups_ + join.group;
    call.group = group + join.group;
    join.join(call);
  }
}

template <class Real>
Real* BoundProgram<Real>::signal_at(const Binding& binding, std::int64_t row, std::int64_t start,
                                    const BufferStarts& buffers) const {
  if (binding.row_adjoint != nullptr)
    return *binding.row_adjoint + row * chunk_ + (start - buffers.row_adjoints);
  Real* samples = binding.adjoint != nullptr ? static_cast<Real*>(*binding.adjoint) : binding.samples;
  return samples + row_of(binding, row) * length_ + (start - buffers.signals);
}

template <class Real>
TileCall BoundProgram<Real>::call_of(const Workspace& workspace, const Step& step, std::int64_t start,
                                     int count, const std::byte* states, std::int64_t history_begin) const {
  std::byte* step_states = step.is_forward ? workspace.states_ : const_cast<std::byte*>(states);
  TileCall call;
  call.node = step.node;
  call.operands = workspace.operands_;
  call.index = step.index;
  call.modes = step.modes;
  call.start = start;
  call.count = count;
  call.is_last = start + count == length_;
  call.state = step.state < 0 ? nullptr : step_states + step.state;
  call.latched = step.latched < 0 ? nullptr : step_states + step.latched;
  call.carry = step.carry < 0 ? nullptr : workspace.memory_.data() + step.carry;
  call.row = step.reduction < 0 ? nullptr : &workspace.reductions_[step.reduction];
  call.copy = copy_;
  call.history_begin = history_begin;
  return call;
}

template <class Real>
void BoundProgram<Real>::run_tile(Workspace& workspace, std::int64_t row, std::int64_t start, int count,
                                  const std::byte* states, const BufferStarts& buffers) const {
  // Loops run over whole blocks of 16. A tile that ends within a block works on copies of the stored signals,
  // so that nothing beyond the row is touched.
  const bool is_ragged = count % math::block != 0;
  std::byte* base = workspace.memory_.data();
  for (const std::size_t o : signals_) {
    const Binding& binding = bindings_[o];
    Real* samples = signal_at(binding, row, start, buffers);
    if (is_ragged && binding.is_stored_signal()) {
      Real* copy = reinterpret_cast<Real*>(base + binding.scratch);
      std::copy_n(samples, count, copy);
      std::fill(copy + count, copy + (count + math::block - 1) / math::block * math::block, Real(0.0));
      samples = copy;
    }
    workspace.operands_[o].data = samples;
  }

  place_histories(workspace, row);

  // The next tile is asked for while this one is computed (see NextTile): an operator asks for one signal, the rest
  // is asked for a part with each step.
  const std::int64_t next = is_backwards_ ? start - count : start + count;
  const bool has_next = next >= 0 && next + count <= length_;
  std::size_t asked = 0;
  const auto next_for_operator = [&](const TileCall& product) -> NextTile {
    if constexpr (element_type_of<Real> == ElementType::f32)
      if (has_next && asked < asked_by_operators_)
        return {signal_at(bindings_[stored_signals_[asked++]], row, next, buffers)};
    return {static_cast<const float*>(product.operand(0).data)};
  };
  const auto ask_for_next = [&](std::size_t first_step, std::size_t last_step) {
    const auto part = [&](std::size_t i) { return static_cast<std::size_t>(count) * i / steps_.size(); };
    for (std::size_t i = asked_by_operators_; i < stored_signals_.size(); ++i) {
      const Binding& binding = bindings_[stored_signals_[i]];
      prefetch(signal_at(binding, row, next, buffers), part(first_step), part(last_step), binding.is_written);
    }
  };
  int gate_without_edge = -1;
  const auto call_of = [&](const Step& step) {
    TileCall call = this->call_of(workspace, step, start, count, states, buffers.history);
    call.gate_without_edge = &gate_without_edge;
    return call;
  };
  auto parts = parts_.begin();
  for (std::size_t s = 0; s < steps_.size();) {
    const Step* step = &steps_[s];
    if (step->loop >= 0) {
      run_parts(workspace, *parts, start, count, states, buffers.history);
      s = parts++->last;
      continue;
    }
    const std::size_t steps = step->operator_kernel == nullptr ? 1 : 3;
    if (has_next) ask_for_next(s, s + steps);
    if (steps == 1) {
      step->kernel(call_of(*step));
    } else {
      const TileCall product = call_of(step[2]);
      step->operator_kernel({call_of(step[0]), call_of(step[1]), product, next_for_operator(product)});
    }
    s += steps;
  }

  if (!is_ragged) return;
  for (const std::size_t o : stored_signals_)
    if (const Binding& binding = bindings_[o]; binding.is_written)
      std::copy_n(reinterpret_cast<const Real*>(base + binding.scratch), count,
                  signal_at(binding, row, start, buffers));
}

template class BoundProgram<float>;
template class BoundProgram<double>;

}  // namespace retrograd::cpu
