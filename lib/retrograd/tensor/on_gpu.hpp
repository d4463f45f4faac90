// What a tensor needs of a GPU; backends/ has it.
#pragma once

#include <cstddef>

namespace retrograd {

namespace cuda {
class Gpu;
}

namespace on_gpu {

/// The machine's first. DeviceError where there is none.
cuda::Gpu& first();
void* allocate(cuda::Gpu& gpu, std::size_t bytes);
void release(cuda::Gpu& gpu, void* memory);
void to_device(cuda::Gpu& gpu, void* to, const void* from, std::size_t bytes);
void to_host(cuda::Gpu& gpu, void* to, const void* from, std::size_t bytes);
void copy(cuda::Gpu& gpu, void* to, const void* from, std::size_t bytes);

}  // namespace on_gpu

}  // namespace retrograd
