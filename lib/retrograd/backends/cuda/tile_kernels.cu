#include <retrograd/backends/cuda/tile_kernels.hpp>

#include <retrograd/backends/cuda/device_kernels.cuh>

namespace retrograd::cuda {

std::span<const DeviceKernel> device_tile_kernels() { return device_kernels(TileKernels()); }

}  // namespace retrograd::cuda
