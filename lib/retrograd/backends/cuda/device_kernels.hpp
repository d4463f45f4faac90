// The kernels as runtime.cu launches them. Each list of kernels.hpp is compiled in a file of its own, so that they
// compile beside one another.
#pragma once

#include <cstddef>
#include <span>

namespace retrograd::cuda {

struct DeviceKernel {
  const char* name;
  const void* function;        ///< what cudaLaunchKernel takes
  std::size_t argument_bytes;  ///< of the one argument
};

std::span<const DeviceKernel> device_tile_kernels();
std::span<const DeviceKernel> device_constant_kernels();
std::span<const DeviceKernel> device_whole_kernels();
std::span<const DeviceKernel> device_least_rows_kernels();
std::span<const DeviceKernel> device_optimizer_kernels();

}  // namespace retrograd::cuda
