#include <retrograd/tensor/errors.hpp>
#include <retrograd/tensor/memory.hpp>
#include <retrograd/tensor/on_gpu.hpp>

#include <cstring>
#include <string>

#ifdef __linux__
#include <sys/mman.h>
#endif

namespace retrograd {

void FreeSamples::operator()(void* data) const {
  if (gpu != nullptr)
    on_gpu::release(*gpu, data);
  else
    ::operator delete(data, alignment);
}

SampleMemory allocate_samples_on(cuda::Gpu& gpu, std::size_t bytes) {
  return SampleMemory(on_gpu::allocate(gpu, bytes), {{}, &gpu});
}

namespace {

[[noreturn]] void refuse(std::size_t bytes) {
  raise<OutOfMemoryError>("no memory for " + std::to_string(bytes) + " bytes of samples");
}

void* allocate(std::size_t bytes, std::align_val_t alignment) {
  // No address space is larger. (A memory checker would end the process rather than throw.)
  constexpr std::size_t most = std::size_t{1} << (sizeof(std::size_t) > 4 ? 47 : 31);
  if (bytes > most) refuse(bytes);
  void* memory = ::operator new(bytes, alignment, std::nothrow);
  if (memory == nullptr) refuse(bytes);
  return memory;
}

}  // namespace

SampleMemory allocate_samples(std::size_t bytes) {
  constexpr std::size_t cache_line = 64, huge_page = std::size_t{2} << 20;
  const bool is_large = bytes >= 2 * huge_page;
  // What does not fill a cache line has no use for one of its own: a tape keeps hundreds of single numbers.
  const std::align_val_t alignment{is_large              ? huge_page
                                   : bytes >= cache_line ? cache_line
                                                         : __STDCPP_DEFAULT_NEW_ALIGNMENT__};
  SampleMemory memory(allocate(bytes, alignment), {alignment, nullptr});
#ifdef __linux__
  // The whole pages alone, so that no more than was asked for is ever resident. A system without huge pages
  // refuses, and nothing is lost.
  if (is_large) madvise(memory.get(), bytes / huge_page * huge_page, MADV_HUGEPAGE);
#endif
  std::memset(memory.get(), 0, bytes);
  return memory;
}

}  // namespace retrograd
