#include <retrograd/backends/cuda/best_rows_kernel.hpp>

#include <retrograd/backends/cuda/device_kernels.cuh>

namespace retrograd::cuda {

std::span<const DeviceKernel> device_fit_kernels() { return device_kernels(FitKernels()); }

}  // namespace retrograd::cuda
