#include <retrograd/backends/cuda/constant_kernels.hpp>

#include <retrograd/backends/cuda/device_kernels.cuh>

namespace retrograd::cuda {

std::span<const DeviceKernel> device_constant_kernels() { return device_kernels(ConstantKernels()); }

}  // namespace retrograd::cuda
