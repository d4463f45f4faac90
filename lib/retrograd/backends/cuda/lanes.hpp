// What a node's step on one tile sees on the device, and the loops over the samples that a thread has of it:
// thread, thread + 128, and so on. A tile begins at a multiple of 512, so that the lanes of sums are the threads.
#pragma once

#include <retrograd/backends/cuda/block.hpp>
#include <retrograd/backends/cuda/device_program.hpp>
#include <retrograd/nodes/tile.hpp>

namespace retrograd::cuda {

/// In a block's workspace, beside slots and states: what a step needs while it runs. Where a step has to put a sample
/// by (see needs_samples), a tile of those follows.
inline constexpr int work_bytes = 2048;

/// Whether the adjoint of a causal node adds up, over time, what a running sum or a varying phase gives sample by
/// sample in another order.
inline bool needs_samples(const TileStep& step, const NodeType& node) {
  return step.kind == TileStep::Kind::adjoint && node.kind == NodeKind::causal &&
         step.modes[step.modes.size() - 1] == AdjointMode::sum &&
         (step.modes.size() == 1 || step.modes[0] == AdjointMode::none);
}

/// Samples in tile `tile` of a row.
RETROGRAD_ANYWHERE int samples_in(const StageAt& stage, std::int64_t tile) {
  return static_cast<int>(std::min<std::int64_t>(stage.tile, stage.length - tile * stage.tile));
}

template <class Real, class BlockOf>
struct TileLanes {
  using Block = BlockOf;
  Block& block;
  const StepAt& step;
  const Operand* placed;  ///< the program's operands on this tile
  std::byte* work;        ///< work_bytes, for whoever runs
  const StageAt& stage;
  const SumsOverTime& sums;
  std::int64_t row;
  std::int64_t start;       ///< of the tile, a multiple of 512
  int count;                ///< samples in it
  std::byte* state;         ///< causal: at the tile's start; forward leaves it at the tile's end
  std::byte* carry;         ///< causal, adjoint
  std::uint64_t increment;  ///< of an oscillator whose frequency is constant over time

  template <class N>
  RETROGRAD_INLINE const N& node() const {
    return *static_cast<const N*>(step.node);
  }
  RETROGRAD_INLINE const Operand& operand(int i) const { return placed[step.operand[i]]; }
  RETROGRAD_INLINE Input<Real> input(int i) const {
    const Operand& of = operand(i);
    return {static_cast<const Real*>(of.data), of.step, of.constant};
  }
  RETROGRAD_INLINE Real* samples() const { return reinterpret_cast<Real*>(work + work_bytes); }
  RETROGRAD_INLINE Real* output(int i) const { return static_cast<Real*>(operand(i).data); }
  RETROGRAD_INLINE int sum_tiles() const { return (count + math::sum_tile - 1) / math::sum_tile; }

  /// Where the sum of target i of an adjoint is kept: of each 512 samples of the row, and what comes beside them.
  RETROGRAD_INLINE std::int64_t sum_row(int target_operand) const {
    return reinterpret_cast<std::int64_t>(operand(target_operand).data) * stage.rows + row;
  }
  RETROGRAD_INLINE double* tiles_of_sum(int target_operand) const {
    return sums.tiles + sum_row(target_operand) * stage.sum_tiles + start / math::sum_tile;
  }
};

/// Calls `run(i)` for the thread's samples, from the first to the last.
template <class Lanes, class Run>
RETROGRAD_INLINE void for_each_sample(const Lanes& lanes, const Run& run) {
  const int thread = lanes.block.thread();
  if (lanes.count % math::sum_tile == 0) {
    for (int first = thread; first < lanes.count; first += math::sum_tile)
#if defined(__CUDACC__)
#pragma unroll
#endif
      for (int k = 0; k < math::sum_tile; k += threads) run(first + k);
  } else {
    for (int i = thread; i < lanes.count; i += threads) run(i);
  }
}

/// y[i] = value(i) for the thread's samples: four at a time are computed before they are stored, so that no store keeps
/// the next one's loads waiting.
template <class Real, class Lanes, class Value>
RETROGRAD_INLINE void put_samples(const Lanes& lanes, Real* y, const Value& value) {
  constexpr int groups = math::sum_tile / threads;
  const int thread = lanes.block.thread();
  if (lanes.count % math::sum_tile == 0) {
    for (int first = thread; first < lanes.count; first += math::sum_tile) {
      Real of_group[groups];
#if defined(__CUDACC__)
#pragma unroll
#endif
      for (int g = 0; g < groups; ++g) of_group[g] = value(first + g * threads);
#if defined(__CUDACC__)
#pragma unroll
#endif
      for (int g = 0; g < groups; ++g) y[first + g * threads] = of_group[g];
    }
  } else {
    for (int i = thread; i < lanes.count; i += threads) y[i] = value(i);
  }
}

/// Calls `run(i)` for the thread's samples in [first, last) of sum tile `tile`, from the last to the first.
template <class Lanes, class Run>
RETROGRAD_INLINE void for_each_sample_of_sum(const Lanes& lanes, int tile, int first, int last,
                                             const Run& run) {
  const int from = tile * math::sum_tile + lanes.block.thread();
#if defined(__CUDACC__)
#pragma unroll
#endif
  for (int k = math::sum_tile - threads; k >= 0; k -= threads) {
    const int i = from + k;
    if (i >= first && i < last) run(i);
  }
}

/// Puts the adjoints of a tile where the inputs' targets want them: `terms(i)` gives those of sample i, one for each.
/// `first`: which operand of the step is the first target; `first_mode`: which is its mode.
template <class Real, std::size_t Inputs, class Lanes, class Terms>
RETROGRAD_INLINE void give(const Lanes& lanes, int first_target, int first_mode, const Terms& terms) {
  AdjointMode mode[Inputs];
  Real* gx[Inputs];
  for (std::size_t j = 0; j < Inputs; ++j) {
    mode[j] = lanes.step.mode[static_cast<std::size_t>(first_mode) + j];
    gx[j] = mode[j] == AdjointMode::overwrite ? lanes.output(first_target + static_cast<int>(j)) : nullptr;
  }
  for (int tile = lanes.sum_tiles(); tile-- > 0;) {
    Real sum[Inputs];
    for (std::size_t j = 0; j < Inputs; ++j) sum[j] = Real(-0.0);
    for_each_sample_of_sum(lanes, tile, 0, lanes.count, [&](int i) {
      const std::array<Real, Inputs> term = terms(i);
      for (std::size_t j = 0; j < Inputs; ++j) {
        if (mode[j] == AdjointMode::sum)
          sum[j] = sum[j] + term[j];
        else if (mode[j] == AdjointMode::overwrite)
          gx[j][i] = term[j];
      }
    });
    for (std::size_t j = 0; j < Inputs; ++j) {
      if (mode[j] != AdjointMode::sum) continue;
      const Real of_tile = lanes.block.sum_of_lanes(sum[j]);
      if (lanes.block.thread() == 0)
        lanes.tiles_of_sum(first_target + static_cast<int>(j))[tile] = static_cast<double>(of_tile);
    }
  }
}

/// In place of math::running_sum_backwards: calls `put(i, sum)` for each sample, `sum` being that of x(m) for m >= i
/// (`Exclusive`: m > i) from the row's end. `later_tiles` is that of later tiles of 512 before, and after also this
/// one's; one double for the row, which the carry holds.
template <bool Exclusive, class Real, class Lanes, class X, class Put>
RETROGRAD_INLINE void running_sum_backwards(const Lanes& lanes, const X& x, const Put& put) {
  auto& block = lanes.block;
  constexpr int groups = math::sum_tile / threads, blocks = math::sum_tile / math::block;
  double& later_tiles = *reinterpret_cast<double*>(lanes.carry);
  Real* later_blocks = reinterpret_cast<Real*>(lanes.work);  // of the sum tile: the sum of all later blocks
  Real* of_block = later_blocks + blocks;
  block.barrier();
  for (int tile = lanes.sum_tiles(); tile-- > 0;) {
    Real within[groups];
    const int from = tile * math::sum_tile + block.thread();
#if defined(__CUDACC__)
#pragma unroll
#endif
    for (int g = 0; g < groups; ++g) {
      const int i = from + g * threads;
      Real all;
      within[g] = block.template add_later_of_16<Exclusive>(i < lanes.count ? x(i) : Real(0.0), all);
      if (i % math::block == 0) of_block[i % math::sum_tile / math::block] = all;
    }
    block.barrier();
    const double later = later_tiles;
    if (block.thread() == 0) {
      const int samples = lanes.count - tile * math::sum_tile;
      Real sums[blocks];  // all at once: one after the other each would wait for the last
#if defined(__CUDACC__)
#pragma unroll
#endif
      for (int b = 0; b < blocks; ++b) sums[b] = b * math::block < samples ? of_block[b] : Real(0.0);
      Real this_tile = Real(0.0);
#if defined(__CUDACC__)
#pragma unroll
#endif
      for (int b = blocks; b-- > 0;) {
        later_blocks[b] = this_tile;
        if (b * math::block < samples) this_tile = sums[b] + this_tile;
      }
      of_block[blocks] = this_tile;
    }
    block.barrier();
    if (block.thread() == 0) later_tiles = later + static_cast<double>(of_block[blocks]);
#if defined(__CUDACC__)
#pragma unroll
#endif
    for (int g = 0; g < groups; ++g) {
      const int i = from + g * threads;
      if (i < lanes.count)
        put(i, static_cast<Real>(
                   later + static_cast<double>(within[g] + later_blocks[i % math::sum_tile / math::block])));
    }
    block.barrier();
  }
}

}  // namespace retrograd::cuda
