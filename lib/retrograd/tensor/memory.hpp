// Memory for samples: aligned for any SIMD level where there are enough to fill a vector, and in huge pages where it is large
// enough and the system has them. Otherwise every tile lies in a page of its own, to be looked up: a minute of two
// operators took a fifth longer.
#pragma once

#include <cstddef>
#include <memory>
#include <new>

namespace retrograd {

namespace cuda {
class Gpu;
}

struct FreeSamples {
  std::align_val_t alignment{};
  cuda::Gpu* gpu = nullptr;  ///< where the memory is; null: here
  void operator()(void* data) const;
};
using SampleMemory = std::unique_ptr<void, FreeSamples>;

/// `bytes` of zeros. Throws OutOfMemoryError, which says how many, where they are not there.
SampleMemory allocate_samples(std::size_t bytes);
/// `bytes` with anything in them.
SampleMemory allocate_samples_on(cuda::Gpu& gpu, std::size_t bytes);

}  // namespace retrograd
