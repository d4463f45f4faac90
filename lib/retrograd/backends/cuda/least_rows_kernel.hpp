// What rows of leaves had where a value of the row was the least so far; see LeastRowsOnDevice.
#pragma once

#include <retrograd/backends/cuda/kernel_list.hpp>

namespace retrograd::cuda {

/// A thread for each row: where its value is the least so far, it is kept, and what the row's leaves have.
struct KeepLeastRows {
  static constexpr const char* name = "keep_least_rows";
  struct Arguments {
    const double* values;
    std::int64_t rows;
    const double* const* leaves;  ///< [leaf]: [row]
    int leaf_count;
    double* least;      ///< [row]
    double* of_leaves;  ///< [leaf][row]
  };
  template <class Block>
  RETROGRAD_ANYWHERE static void run(Block& block, const Arguments& a) {
    const std::int64_t row = block.index() * std::int64_t{threads} + block.thread();
    if (row >= a.rows || !(a.values[row] < a.least[row])) return;
    a.least[row] = a.values[row];
    for (int l = 0; l < a.leaf_count; ++l) a.of_leaves[l * a.rows + row] = a.leaves[l][row];
  }
};

using LeastRowsKernels = KernelList<KeepLeastRows>;

}  // namespace retrograd::cuda
