// Every kernel of the backend, and how one is launched. runtime.cu makes a __global__ function of each.
#pragma once

#include <retrograd/backends/cuda/constant_kernels.hpp>
#include <retrograd/backends/cuda/gpu.hpp>
#include <retrograd/backends/cuda/kernel_list.hpp>
#include <retrograd/backends/cuda/least_rows_kernel.hpp>
#include <retrograd/backends/cuda/optimizer_kernels.hpp>
#include <retrograd/backends/cuda/tile_kernels.hpp>
#include <retrograd/backends/cuda/whole_kernels.hpp>

#include <limits>

namespace retrograd::cuda {

using AllKernels =
    JoinedLists<TileKernels, ConstantKernels, WholeKernels, LeastRowsKernels, OptimizerKernels>::type;

/// Runs `Body` on `blocks` blocks of 128 threads.
template <class Body>
void launch(Gpu& gpu, std::int64_t blocks, std::size_t shared_bytes,
            const typename Body::Arguments& arguments) {
  static_assert(std::is_trivially_copyable_v<typename Body::Arguments>);
  if (blocks > std::numeric_limits<int>::max())
    raise<DeviceError>(std::string("kernel '") + Body::name + "' was asked for on " + std::to_string(blocks) +
                       " blocks; a GPU runs up to 2^31 - 1");
  if (blocks > 0)
    gpu.launch(AllKernels::index_of<Body>(), static_cast<int>(blocks), shared_bytes, &arguments,
               sizeof(arguments));
}

}  // namespace retrograd::cuda
