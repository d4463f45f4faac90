// Memory for samples: aligned for any SIMD level, and in huge pages where it is large enough and the system
// has them. A tile lies in a page of its own otherwise, and finding the page takes as long as an oscillator.
#pragma once

#include <cstddef>
#include <memory>
#include <new>

namespace retrograd {

struct FreeSamples {
  std::align_val_t alignment{};
  void operator()(void* data) const { ::operator delete(data, alignment); }
};
using SampleMemory = std::unique_ptr<void, FreeSamples>;

/// `bytes` of zeros.
SampleMemory allocate_samples(std::size_t bytes);

}  // namespace retrograd
