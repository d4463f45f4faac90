// The block of block.hpp on the device: its lanes exchange values by shuffles inside their warp, and four totals
// through shared memory.
#pragma once

#include <retrograd/backends/cuda/block.hpp>

#include <type_traits>

namespace retrograd::cuda {

class DeviceBlock {
 public:
  static constexpr int lanes_of_warp = 32;
  static constexpr int warps = threads / lanes_of_warp;

  __device__ int thread() const { return static_cast<int>(threadIdx.x); }
  __device__ int index() const { return static_cast<int>(blockIdx.x); }
  __device__ int blocks() const { return static_cast<int>(gridDim.x); }
  __device__ std::byte* shared() const {
    extern __shared__ uint4 of_the_launch[];  // aligned to 16 bytes
    return reinterpret_cast<std::byte*>(of_the_launch);
  }
  __device__ void barrier() { __syncthreads(); }

  template <class Real>
  __device__ Real sum_of_lanes(Real x) {
    for (int step = lanes_of_warp / 2; step > 0; step /= 2) x = x + __shfl_xor_sync(all_lanes, x, step);
    const Real* sums = exchange(x, 0);
    return ((sums[0] + sums[1]) + sums[2]) + sums[3];
  }

  __device__ int least(int x) {
#if __CUDA_ARCH__ >= 800
    x = __reduce_min_sync(all_lanes, x);
#else
    for (int step = lanes_of_warp / 2; step > 0; step /= 2) x = ::min(x, __shfl_xor_sync(all_lanes, x, step));
#endif
    const int* found = exchange(x, 0);
    return ::min(::min(found[0], found[1]), ::min(found[2], found[3]));
  }

  __device__ std::uint64_t add_earlier(std::uint64_t x, std::uint64_t& all) {
    // What CUDA shuffles: of the same size as std::uint64_t, and on Linux another type.
    using Wide = unsigned long long;
    Wide sum = x;  // of the warp's lanes up to this one
    for (int step = 1; step < lanes_of_warp; step *= 2) {
      const Wide lower = __shfl_up_sync(all_lanes, sum, step);
      if (lane() >= step) sum += lower;
    }
    const Wide* sums = exchange(sum, lanes_of_warp - 1);
    Wide earlier = sum - x;
    Wide total = 0;
    for (int warp = 0; warp < warps; ++warp) {
      if (warp < thread() / lanes_of_warp) earlier += sums[warp];
      total += sums[warp];
    }
    all = total;
    return earlier;
  }

  template <bool Exclusive, class Real>
  __device__ Real add_later_of_16(Real x, Real& all) {
    // Where there is no later lane +0 is added, as in math::add_later_lanes: it makes a -0 a +0.
    const int last = math::block - 1 - lane() % math::block;  // lanes after this one
    for (int step = 1; step < math::block; step *= 2) {
      const Real later = __shfl_down_sync(all_lanes, x, step, math::block);
      x = x + (step <= last ? later : Real(0));
    }
    all = __shfl_sync(all_lanes, x, 0, math::block);
    if constexpr (Exclusive) {
      const Real later = __shfl_down_sync(all_lanes, x, 1, math::block);
      x = last > 0 ? later : Real(0);
    }
    return x;
  }

 private:
  static constexpr unsigned all_lanes = 0xFFFFFFFFu;

  __device__ int lane() const { return thread() % lanes_of_warp; }

  /// The values of lane `from` of every warp. They stay until the call after the next, since calls take turns
  /// between two places: who writes again to one has passed the other's barrier, and so has everybody who read.
  template <class X>
  __device__ const X* exchange(X x, int from) {
    static_assert(sizeof(X) <= sizeof(double));
    X* place = reinterpret_cast<X*>(places() + turn_ * warps);
    turn_ = 1 - turn_;
    if (lane() == from) place[thread() / lanes_of_warp] = x;
    __syncthreads();
    return place;
  }

  __device__ static double* places() {
    static __shared__ double memory[2 * warps];
    return memory;
  }

  int turn_ = 0;
};

}  // namespace retrograd::cuda
