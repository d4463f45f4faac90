// What comes after the tiles of a stage: the values of reductions, and the sums over time and over rows that adjoints are.
#pragma once

#include <retrograd/backends/cuda/kernel_list.hpp>
#include <retrograd/backends/cuda/pointwise_lanes.hpp>

namespace retrograd::cuda {

struct ReductionAt {
  bool is_maximum;
  double* value;  ///< [row]
};

/// The values of reductions from those of the tiles: a block for each reduction and row.
struct FinishReductions {
  static constexpr const char* name = "finish_reductions";
  static constexpr std::size_t shared_bytes = threads * sizeof(LargestOfTile);
  struct Arguments {
    StageAt stage;
    const ReductionAt* reductions;
    double* work;  ///< [reduction][row][work_per_sum]
    std::int64_t work_per_sum;
  };
  template <class Block>
  RETROGRAD_ANYWHERE static void run(Block& block, const Arguments& a) {
    const std::int64_t at = block.index(), row = at % a.stage.rows;
    const ReductionAt& reduction = a.reductions[at / a.stage.rows];
    if (!reduction.is_maximum) {
      const double* tiles = a.stage.reduced_tiles + at * a.stage.sum_tiles;
      const double sum = ordered_sum(block, a.stage.sum_tiles, a.work + at * a.work_per_sum,
                                     [&](std::int64_t i) { return tiles[i]; });
      if (block.thread() == 0) reduction.value[row] = sum;
      return;
    }
    LargestOfTile largest{0.0, -1};
    for (std::int64_t tile = block.thread(); tile < a.stage.tiles; tile += threads)
      OnLanes<MaximumOverTime>::take(largest, a.stage.largest_tiles[at * a.stage.tiles + tile]);
    largest =
        OnLanes<MaximumOverTime>::of_all(block, reinterpret_cast<LargestOfTile*>(block.shared()), largest);
    if (block.thread() != 0) return;
    reduction.value[row] = largest.value;
    a.stage.largest_index[at] = largest.index;
  }
};

/// The sum over each row's time: a block for each sum and row.
struct FinishSums {
  static constexpr const char* name = "finish_sums";
  struct Arguments {
    SumsOverTime sums;
    std::int64_t rows, sum_tiles;
    double* of_rows;  ///< [sum][row]
    double* work;     ///< [sum][row][work_per_sum]
    std::int64_t work_per_sum;
  };
  template <class Block>
  RETROGRAD_ANYWHERE static void run(Block& block, const Arguments& a) {
    const std::int64_t at = block.index();
    const double* tiles = a.sums.tiles + at * a.sum_tiles;
    const double sum = ordered_sum(block, a.sum_tiles, a.work + at * a.work_per_sum,
                                   [&](std::int64_t i) { return tiles[i]; });
    if (block.thread() == 0) a.of_rows[at] = a.sums.totals[at] + sum;
  }
};

/// One element of a number's adjoint, and which sums of which rows it gains, one sum after the other.
struct GainAt {
  double* adjoint;
  std::int64_t first_sum, sum_count;    ///< in `sums`
  std::int64_t first_user, user_count;  ///< in `users`: rows; first_user < 0: row user_count alone
};

/// Adds the sums of rows to the adjoints of the numbers that the rows share: a block for each element.
struct AddSums {
  static constexpr const char* name = "add_sums";
  struct Arguments {
    const GainAt* gains;
    const std::int32_t* sums;
    const std::int64_t* users;
    std::int64_t rows;
    const double* of_rows;  ///< [sum][row]
    double* work;           ///< [gain][work_per_sum]
    std::int64_t work_per_sum;
  };
  template <class Block>
  RETROGRAD_ANYWHERE static void run(Block& block, const Arguments& a) {
    const GainAt& gain = a.gains[block.index()];
    double adjoint = *gain.adjoint;
    for (std::int64_t s = 0; s < gain.sum_count; ++s) {
      const double* of_rows = a.of_rows + a.sums[gain.first_sum + s] * a.rows;
      adjoint += ordered_sum(block, gain.user_count, a.work + block.index() * a.work_per_sum,
                             [&](std::int64_t i) { return of_rows[a.users[gain.first_user + i]]; });
    }
    block.barrier();
    if (block.thread() == 0) *gain.adjoint = adjoint;
  }
};

/// The adjoint of a signal that rows share: those of its rows, of one chunk of time, in row order.
template <class Real>
struct AddRowAdjoints {
  static constexpr const char* name = "add_row_adjoints";
  struct Arguments {
    Real* adjoint;
    const Real* of_rows;        ///< [row][chunk]
    const std::int64_t* first;  ///< [source + 1], in `users`
    const std::int64_t* users;
    std::int64_t sources, length, from, to, chunk;
    bool accumulates;
  };
  template <class Block>
  RETROGRAD_ANYWHERE static void run(Block& block, const Arguments& a) {
    const std::int64_t count = a.to - a.from;
    for (std::int64_t i = block.index() * std::int64_t{threads} + block.thread(); i < a.sources * count;
         i += std::int64_t{threads} * block.blocks()) {
      const std::int64_t source = i / count, n = i % count;
      Real* gx = a.adjoint + source * a.length + a.from + n;
      for (std::int64_t user = a.first[source]; user < a.first[source + 1]; ++user) {
        const Real term = a.of_rows[a.users[user] * a.chunk + n];
        *gx = user == a.first[source] && !a.accumulates ? term : *gx + term;
      }
    }
  }
};

using SumKernels =
    KernelList<FinishReductions, FinishSums, AddSums, AddRowAdjoints<float>, AddRowAdjoints<double>>;

}  // namespace retrograd::cuda
