// What a kernel's body sees of its thread block. A body is a template over its Block, so that one source runs on the
// device (device_block.cuh) and on a host, one thread for each lane (tests/cuda/emulated_block.hpp):
//
//     int thread() const;           // 0 to threads - 1: the lane w of math/ordered_sum.hpp
//     int index() const;            // of the block in the grid
//     int blocks() const;           // how many there are in the grid
//     std::byte* shared() const;    // what the launch asked for, aligned to 16 bytes
//     void barrier();
//
//     // Of one value for each thread; every thread gets the result. Each has barriers inside: all threads call it.
//     template <class Real> Real sum_of_lanes(Real x);               // the tree of math::combine_lanes
//     int least(int x);
//     std::uint64_t add_earlier(std::uint64_t x, std::uint64_t& all);  // those of lower threads; `all` of them
//
//     // math::add_later_lanes over each 16 threads: the sum of x from this thread on (Exclusive: after it) to the
//     // last of its sixteen; `all` is the sixteen's.
//     template <bool Exclusive, class Real> Real add_later_of_16(Real x, Real& all);
//
// What one thread writes and another reads has a barrier in between; what every thread does with its own samples
// (thread, thread + 128, ...) needs none.
#pragma once

#include <retrograd/math/ordered_sum.hpp>

#include <cstddef>
#include <cstdint>

/// A function that the device calls, so that its registers are not those of who calls it.
#if defined(__CUDACC__)
#define RETROGRAD_OUT_OF_LINE __host__ __device__ __noinline__
#else
#define RETROGRAD_OUT_OF_LINE
#endif

namespace retrograd::cuda {

/// In every block: one for each lane of a sum.
inline constexpr int threads = math::sum_lanes;

/// math::ordered_sum by a whole block: `value(i)` for i < count, `work` with room for a double for each 512 of them.
/// Every thread gets the sum.
template <class Block, class Value>
RETROGRAD_ANYWHERE double ordered_sum(Block& block, std::int64_t count, double* work, const Value& value) {
  if (count == 0) return 0.0;
  if (count == 1) return value(std::int64_t{0}) + 0.0;
  const auto sum_tile = [&](std::int64_t tile, const auto& term) {
    const std::int64_t first = tile * math::sum_tile;
    double lane = -0.0;
    for (int group = math::sum_tile / threads; group-- > 0;) {
      const std::int64_t i = first + group * threads + block.thread();
      if (i < count) lane = lane + term(i);
    }
    return block.sum_of_lanes(lane);
  };
  std::int64_t tiles = (count + math::sum_tile - 1) / math::sum_tile;
  if (tiles == 1) return sum_tile(0, value) + 0.0;
  for (std::int64_t tile = 0; tile < tiles; ++tile) {
    const double sum = sum_tile(tile, value);
    if (block.thread() == 0) work[tile] = sum;
  }
  block.barrier();
  while (true) {
    count = tiles;
    tiles = (count + math::sum_tile - 1) / math::sum_tile;
    for (std::int64_t tile = 0; tile < tiles; ++tile) {
      const double sum = sum_tile(tile, [&](std::int64_t i) { return work[i]; });
      if (tiles == 1) return sum + 0.0;
      block.barrier();  // no thread reads what is overwritten
      if (block.thread() == 0) work[tile] = sum;
    }
    block.barrier();
  }
}

}  // namespace retrograd::cuda
