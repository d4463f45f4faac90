// A __global__ function for each body of a list.
#pragma once

#include <retrograd/backends/cuda/device_block.cuh>
#include <retrograd/backends/cuda/device_kernels.hpp>
#include <retrograd/backends/cuda/kernel_list.hpp>

#include <array>

namespace retrograd::cuda {

/// That one block at least must fit changes nothing by itself; without it ptxas 13.0 spilled rather than use more than
/// 32 registers.
template <class Body>
constexpr int blocks_together() {
  if constexpr (requires { Body::blocks_together; })
    return Body::blocks_together;
  else
    return 1;
}

template <class Body>
__global__ void __launch_bounds__(threads, blocks_together<Body>())
    kernel(const __grid_constant__ typename Body::Arguments arguments) {
  DeviceBlock block;
  Body::run(block, arguments);
}

template <class... Bodies>
std::span<const DeviceKernel> device_kernels(KernelList<Bodies...>) {
  static const std::array<DeviceKernel, sizeof...(Bodies)> kernels{DeviceKernel{
      Bodies::name, reinterpret_cast<const void*>(&kernel<Bodies>), sizeof(typename Bodies::Arguments)}...};
  return kernels;
}

}  // namespace retrograd::cuda
