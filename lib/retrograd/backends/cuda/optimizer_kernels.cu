#include <retrograd/backends/cuda/optimizer_kernels.hpp>

#include <retrograd/backends/cuda/device_kernels.cuh>

namespace retrograd::cuda {

std::span<const DeviceKernel> device_optimizer_kernels() { return device_kernels(OptimizerKernels()); }

}  // namespace retrograd::cuda
