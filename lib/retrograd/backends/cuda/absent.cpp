// The GPU of a build without CUDA.
#include <retrograd/backends/cuda/gpu.hpp>
#include <retrograd/tensor/errors.hpp>

namespace retrograd::cuda {

Gpu& first_gpu() {
  raise<DeviceError>(
      "device cuda is not available: this build of retrograd has only cpu; build it with -Dcuda=enabled "
      "where nvcc "
      "(CUDA 12 or newer) is found");
}

}  // namespace retrograd::cuda
