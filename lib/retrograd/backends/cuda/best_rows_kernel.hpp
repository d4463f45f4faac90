// The best rows of a fit, kept where they are.
#pragma once

#include <retrograd/backends/cuda/kernel_list.hpp>

namespace retrograd::cuda {

/// A thread for each row: where its loss is the least so far, it is kept with the row's parameters.
struct KeepBestRows {
  static constexpr const char* name = "keep_best_rows";
  struct Arguments {
    const double* losses;
    std::int64_t rows;
    const double* const* values;  ///< [parameter]: [row]
    int parameters;
    double* best_losses;  ///< [row]
    double* best_values;  ///< [parameter][row]
  };
  template <class Block>
  RETROGRAD_ANYWHERE static void run(Block& block, const Arguments& a) {
    const std::int64_t row = block.index() * std::int64_t{threads} + block.thread();
    if (row >= a.rows || !(a.losses[row] < a.best_losses[row])) return;
    a.best_losses[row] = a.losses[row];
    for (int p = 0; p < a.parameters; ++p) a.best_values[p * a.rows + row] = a.values[p][row];
  }
};

using FitKernels = KernelList<KeepBestRows>;

}  // namespace retrograd::cuda
