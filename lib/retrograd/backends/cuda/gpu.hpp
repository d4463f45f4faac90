// What the CUDA backend needs of a GPU. The CUDA runtime's is runtime.cu; a test's runs the same kernels on the host.
#pragma once

#include <cstddef>
#include <iterator>
#include <memory>
#include <string>
#include <type_traits>

namespace retrograd::cuda {

struct Parts;

/// Work is done in the order in which it was asked for. Errors are a DeviceError that says what was asked for and what
/// there was; the GPU stays usable where it can.
class Gpu {
 public:
  virtual ~Gpu() = default;

  /// For people: "NVIDIA H100, compute capability 9.0, 80 GB".
  virtual std::string describe() const = 0;
  virtual int multiprocessors() const = 0;
  /// Of shared memory, that a block may have at most.
  virtual std::size_t shared_bytes() const = 0;

  /// Memory on the device, aligned to 256 bytes; what was released is given out again.
  virtual void* allocate(std::size_t bytes) = 0;
  virtual void release(void* memory) = 0;

  virtual void to_device(void* to, const void* from, std::size_t bytes) = 0;
  /// Waits until all that was asked for is done.
  virtual void to_host(void* to, const void* from, std::size_t bytes) = 0;
  virtual void copy(void* to, const void* from, std::size_t bytes) = 0;  ///< on the device
  virtual void zero(void* memory, std::size_t bytes) = 0;

  /// What is made here for tapes and optimisers: parts.hpp.
  virtual const Parts& parts() const;

  /// Runs kernel `index` of the list in kernels.hpp; see launch() there.
  virtual void launch(int index, int blocks, std::size_t shared_bytes, const void* arguments,
                      std::size_t argument_bytes) = 0;
};

struct ReleaseOnDevice {
  Gpu* gpu = nullptr;
  void operator()(void* memory) const { gpu->release(memory); }
};

/// Memory on a GPU.
class DeviceMemory {
 public:
  DeviceMemory() = default;
  DeviceMemory(Gpu& gpu, std::size_t bytes) : bytes_(bytes) {
    if (bytes > 0) data_ = {gpu.allocate(bytes), ReleaseOnDevice{&gpu}};
  }
  void* data() const { return data_.get(); }
  template <class X>
  X* as() const {
    return static_cast<X*>(data());
  }
  std::size_t bytes() const { return bytes_; }

 private:
  std::unique_ptr<void, ReleaseOnDevice> data_;
  std::size_t bytes_ = 0;
};

/// `values` on the device.
template <class Values>
DeviceMemory on_device(Gpu& gpu, const Values& values) {
  static_assert(std::is_trivially_copyable_v<std::remove_cvref_t<decltype(*std::data(values))>>);
  const std::size_t bytes = std::size(values) * sizeof(*std::data(values));
  DeviceMemory memory(gpu, bytes);
  if (bytes > 0) gpu.to_device(memory.data(), std::data(values), bytes);
  return memory;
}

/// The first CUDA device of this machine. DeviceError where there is none: it says what is missing.
Gpu& first_gpu();

}  // namespace retrograd::cuda
