// Where a tile program finds stored values and earlier samples.
#include <retrograd/backends/cpu/tile_program.hpp>

#include <algorithm>
#include <bit>

namespace retrograd::cpu {

using Place = TileOperand::Place;

StageHistories::StageHistories(const Plan& plan, int stage, ElementType type, int tile)
    : rings(plan.nodes.size()), adjoints(plan.nodes.size()) {
  const Stage& of_plan = plan.stages[static_cast<std::size_t>(stage)];
  // A tile is written, to the last block, before what lies before it is read; a stream plays a block of 16 again.
  const auto samples_for = [&](const PlanNode& node) {
    const std::int64_t reached = node.type->reach(node.data).most;
    const std::int64_t needed = plan.has_whole_signals ? std::min(reached, of_plan.shape.length()) : reached;
    return static_cast<std::int64_t>(
        std::bit_ceil(static_cast<std::uint64_t>(needed + tile + 2 * math::block)));
  };
  for (const int n : of_plan.nodes) {
    const PlanNode& node = plan.nodes[static_cast<std::size_t>(n)];
    if (node.type->reach == nullptr) continue;
    adjoints[static_cast<std::size_t>(n)].samples = samples_for(node);
    if (plan.keeps_whole(node.inputs[0])) continue;
    Ring& ring = rings[static_cast<std::size_t>(node.inputs[0])];
    ring.samples = std::max(ring.samples, samples_for(node));
  }
  for (Ring& ring : rings) {
    ring.at = bytes;
    bytes += aligned(static_cast<std::size_t>(ring.samples) * bytes_of(type));
  }
}

template <class Real>
typename BoundProgram<Real>::Binding BoundProgram<Real>::bind_stored(int n, Place place, const Plan& plan,
                                                                     int stage, Storage& storage,
                                                                     bool has_ramps, std::size_t tile_bytes) {
  const PlanNode& node = plan.nodes[static_cast<std::size_t>(n)];
  const Shape rows = node.shape.with_length(1);
  Binding binding;
  const auto known = std::ranges::find(row_maps_, rows, &std::pair<Shape, RowMap>::first);
  binding.rows = static_cast<std::size_t>(known - row_maps_.begin());
  if (known == row_maps_.end())
    row_maps_.emplace_back(rows,
                           RowMap(rows, plan.stages[static_cast<std::size_t>(stage)].shape.with_length(1)));
  binding.scratch = layout_.take(
      node.signal || has_ramps || place == Place::spread ? tile_bytes : math::block * sizeof(Real));
  const bool is_value = place != Place::adjoint;
  void* data = is_value ? storage.value_data(n) : storage.adjoint(n).data();
  if (!node.signal) {
    binding.numbers = static_cast<const double*>(data);
    if (place != Place::history && place != Place::spread) ++constants_;
  } else if (is_value) {
    binding.samples = static_cast<Real*>(data);
  } else {
    binding.adjoint = storage.adjoint_data(n);
  }
  return binding;
}

template <class Real>
typename BoundProgram<Real>::Binding BoundProgram<Real>::bind_history(const TileOperand& operand,
                                                                      const Plan& plan, int stage,
                                                                      Storage& storage,
                                                                      const StageHistories& histories) {
  const auto n = static_cast<std::size_t>(operand.index);
  Binding binding;
  if (operand.place == Place::history_adjoint) {
    binding.ring = histories.adjoints[n].samples;
    binding.scratch = layout_.take(static_cast<std::size_t>(binding.ring) * sizeof(Real));
  } else if (plan.keeps_whole(operand.index)) {
    binding = bind_stored(operand.index, operand.place, plan, stage, storage, false, 0);
  } else {
    binding.ring = histories.rings[n].samples;
    binding.scratch = histories.rings[n].at;
  }
  return binding;
}

template <class Real>
void BoundProgram<Real>::place_histories(Workspace& workspace, std::int64_t row) const {
  for (const std::size_t o : histories_) {
    const Binding& binding = bindings_[o];
    Operand& operand = workspace.operands_[o];
    if (binding.ring > 0) {
      std::byte* base = binding.place == Place::history ? workspace.rings_ : workspace.memory_.data();
      operand.data = base + binding.scratch;
      operand.step = static_cast<std::ptrdiff_t>(binding.ring) - 1;
    } else if (binding.numbers == nullptr) {
      operand.data = binding.samples + row_of(binding, row) * length_;
      operand.step = -1;
    } else {  // sixteen equal samples, over and over
      operand.data = workspace.memory_.data() + binding.scratch;
      operand.step = math::block - 1;
      std::fill_n(static_cast<Real*>(operand.data), math::block,
                  static_cast<Real>(binding.numbers[row_of(binding, row)]));
    }
  }
}

template BoundProgram<float>::Binding BoundProgram<float>::bind_stored(int, Place, const Plan&, int, Storage&,
                                                                       bool, std::size_t);
template BoundProgram<double>::Binding BoundProgram<double>::bind_stored(int, Place, const Plan&, int,
                                                                         Storage&, bool, std::size_t);
template BoundProgram<float>::Binding BoundProgram<float>::bind_history(const TileOperand&, const Plan&, int,
                                                                        Storage&, const StageHistories&);
template BoundProgram<double>::Binding BoundProgram<double>::bind_history(const TileOperand&, const Plan&,
                                                                          int, Storage&,
                                                                          const StageHistories&);
template void BoundProgram<float>::place_histories(Workspace&, std::int64_t) const;
template void BoundProgram<double>::place_histories(Workspace&, std::int64_t) const;

}  // namespace retrograd::cpu
