// What kernels over the elements of whole values share.
#pragma once

#include <retrograd/backends/cuda/block.hpp>

#include <algorithm>

namespace retrograd::cuda {

/// How many blocks for_each_element() does well with.
inline std::int64_t blocks_for(std::int64_t elements) {
  constexpr std::int64_t elements_of_block = 8 * threads, most_blocks = 1 << 16;
  return std::min((elements + elements_of_block - 1) / elements_of_block, most_blocks);
}

/// visit(i) for i < count, shared out over the threads of all blocks.
template <class Block, class Visit>
RETROGRAD_ANYWHERE void for_each_element(const Block& block, std::int64_t count, const Visit& visit) {
  const std::int64_t step = std::int64_t{block.blocks()} * threads;
  for (std::int64_t i = std::int64_t{block.index()} * threads + block.thread(); i < count; i += step)
    visit(i);
}

/// The rows of an output that repeat each row of an input, in order: those of input row r are rows[first[r]] to
/// rows[first[r + 1] - 1].
struct SharedRows {
  const std::int64_t* first;
  const std::int64_t* rows;

  template <class Visit>
  RETROGRAD_ANYWHERE void for_each(std::int64_t input_row, const Visit& visit) const {
    for (std::int64_t i = first[input_row]; i < first[input_row + 1]; ++i) visit(rows[i]);
  }
};

}  // namespace retrograd::cuda
