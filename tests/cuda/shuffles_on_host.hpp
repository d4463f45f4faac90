// CUDA's words that device_block.cuh is written in, on the host, so that its own code is tested where there is no GPU:
// a shuffle is a meeting of the 32 lanes of a warp. To be included first.
#pragma once

#include <retrograd/backends/cuda/block.hpp>

#include <algorithm>
#include <array>

#include "lanes.hpp"

#define __device__
#define __shared__
#define __CUDA_ARCH__ 750

inline int min(int a, int b) { return std::min(a, b); }

namespace retrograd::cuda {

/// Of the kernel that is running.
struct HostLaunch {
  Lanes* lanes = nullptr;
  int block = 0, blocks = 1;
};
inline HostLaunch host_launch;

struct Index {
  unsigned x;
};
inline Index lane_index() { return {static_cast<unsigned>(Lanes::current())}; }
inline Index block_index() { return {static_cast<unsigned>(host_launch.block)}; }
inline Index block_count() { return {static_cast<unsigned>(host_launch.blocks)}; }
#define threadIdx lane_index()
#define blockIdx block_index()
#define gridDim block_count()

struct alignas(16) uint4 {
  unsigned x, y, z, w;
};
inline uint4 of_the_launch[4096 / sizeof(uint4)];

inline void __syncthreads() {
  host_launch.lanes->meet(Lanes::current(), threads, Operation::barrier, [] {});
}

/// What lane `from(lane)` of this lane's warp passed.
template <class X, class From>
X shuffled(X x, const From& from) {
  static std::array<std::array<X, threads>, 2> passed;
  static std::array<int, threads> turns{};
  const int lane = Lanes::current();
  std::array<X, threads>& values =
      passed[static_cast<std::size_t>(turns[static_cast<std::size_t>(lane)]++ % 2)];
  values[static_cast<std::size_t>(lane)] = x;
  host_launch.lanes->meet(lane, 32, Operation::shuffle, [] {});
  return values[static_cast<std::size_t>(lane / 32 * 32 + from(lane % 32))];
}
template <class X>
X __shfl_xor_sync(unsigned, X x, int step) {
  return shuffled(x, [=](int lane) { return lane ^ step; });
}
template <class X>
X __shfl_up_sync(unsigned, X x, int step) {
  return shuffled(x, [=](int lane) { return lane >= step ? lane - step : lane; });
}
template <class X>
X __shfl_down_sync(unsigned, X x, int step, int width) {
  return shuffled(x, [=](int lane) { return lane % width + step < width ? lane + step : lane; });
}
template <class X>
X __shfl_sync(unsigned, X x, int from, int width) {
  return shuffled(x, [=](int lane) { return lane / width * width + from; });
}

}  // namespace retrograd::cuda
