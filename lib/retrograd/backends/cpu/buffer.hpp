// Raw memory, laid out in parts that are aligned for any SIMD level.
#pragma once

#include <retrograd/tensor/memory.hpp>

#include <cstddef>

namespace retrograd::cpu {

inline constexpr std::size_t alignment = 64;
constexpr std::size_t aligned(std::size_t bytes) { return (bytes + alignment - 1) / alignment * alignment; }

/// `bytes` of zeros.
class Buffer {
 public:
  Buffer() = default;
  explicit Buffer(std::size_t bytes) : bytes_(bytes) {
    if (bytes > 0) data_ = allocate_samples(bytes);
  }
  std::byte* data() const { return static_cast<std::byte*>(data_.get()); }
  std::size_t bytes() const { return bytes_; }

 private:
  SampleMemory data_;
  std::size_t bytes_ = 0;
};

/// Hands out aligned parts of one block; first used to count, then to place.
class Layout {
 public:
  std::size_t take(std::size_t bytes) {
    const std::size_t at = bytes_;
    bytes_ += aligned(bytes);
    return at;
  }
  std::size_t bytes() const { return bytes_; }

 private:
  std::size_t bytes_ = 0;
};

}  // namespace retrograd::cpu
