// Reductions over time: whole nodes that a tiled stage can feed tile by tile, so that their input need not be
// stored.
#pragma once

#include <retrograd/nodes/node.hpp>
#include <retrograd/nodes/tile.hpp>

namespace retrograd {

/// What a reduction keeps of one row while its tiles pass.
template <class Real>
struct ReductionRow {
  alignas(64) Real pending[math::sum_tile];  ///< samples of a sum tile that spans several execution tiles
  double* tile_sums = nullptr;               ///< one for each 512 samples of the row
  double value = 0.0;
  std::int64_t index = 0;  ///< of the sample that decided the value
};

struct Reduction : NodeDefaults {
  static constexpr NodeKind kind = NodeKind::reduction;
  static constexpr int inputs = 1;
};

/// Records a reduction of `x` over time: the same batch axes, length 1.
template <class N>
Var reduction(const N& node, Var x) {
  const std::array inputs{x};
  TapeState* tape = common_tape(inputs, N::name);
  if (!x.is_signal()) return x;  // one value is its own sum and maximum
  return record_node(tape, node_type<N>, NodeData::of(node), inputs, x.shape().with_length(1), false);
}

}  // namespace retrograd
