#include <retrograd/backends/cuda/whole_kernels.hpp>

#include <retrograd/backends/cuda/device_kernels.cuh>

namespace retrograd::cuda {

std::span<const DeviceKernel> device_whole_kernels() { return device_kernels(WholeKernels()); }

}  // namespace retrograd::cuda
