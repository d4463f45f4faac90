#include <retrograd/backends/cuda/least_rows_kernel.hpp>

#include <retrograd/backends/cuda/device_kernels.cuh>

namespace retrograd::cuda {

std::span<const DeviceKernel> device_least_rows_kernels() { return device_kernels(LeastRowsKernels()); }

}  // namespace retrograd::cuda
