// A GPU behind the CUDA runtime.
#include <retrograd/backends/cuda/block.hpp>
#include <retrograd/backends/cuda/device_kernels.hpp>
#include <retrograd/backends/cuda/gpu.hpp>
#include <retrograd/backends/cuda/kernels.hpp>
#include <retrograd/tensor/errors.hpp>

#include <cuda_runtime_api.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <map>
#include <mutex>
#include <unordered_map>
#include <utility>
#include <vector>

namespace retrograd::cuda {
namespace {

/// 7.5: the oldest that this code is written for.
constexpr int least_major = 7, least_minor = 5;

std::string version(int major, int minor) { return std::to_string(major) + "." + std::to_string(minor); }
/// CUDA's own form: 13000 is 13.0.
std::string version(int packed) { return version(packed / 1000, packed % 1000 / 10); }

std::string megabytes(std::size_t bytes) {
  char text[32];
  std::snprintf(text, sizeof(text), "%.1f MB", static_cast<double>(bytes) / 1e6);
  return text;
}

std::string description(cudaError_t error) {
  return std::string(cudaGetErrorString(error)) + " (" + cudaGetErrorName(error) + ")";
}

/// Why `device cuda` cannot be had.
[[noreturn]] void raise_unavailable(const std::string& why) {
  raise<DeviceError>("device cuda is not available: " + why);
}

int count_devices() {
  int count = 0;
  const cudaError_t error = cudaGetDeviceCount(&count);
  (void)cudaGetLastError();  // it is told once, here
  if (error == cudaErrorInsufficientDriver) {
    int driver = 0;
    (void)cudaDriverGetVersion(&driver);
    (void)cudaGetLastError();
    if (driver == 0)
      raise_unavailable(
          "this machine has no NVIDIA driver (libcuda.so.1 was not found); it needs one that supports CUDA " +
          version(CUDART_VERSION) + ", and an NVIDIA GPU");
    raise_unavailable("the NVIDIA driver of this machine supports CUDA " + version(driver) +
                      "; this build of retrograd needs one that supports CUDA " + version(CUDART_VERSION));
  }
  if (error == cudaErrorNoDevice || (error == cudaSuccess && count == 0))
    raise_unavailable(
        "the NVIDIA driver finds no GPU on this machine; where there is one, see that CUDA_VISIBLE_DEVICES "
        "does "
        "not hide it");
  if (error != cudaSuccess) raise_unavailable("the NVIDIA driver says: " + description(error));
  return count;
}

cudaDeviceProp properties_of(int device) {
  cudaDeviceProp properties{};
  const cudaError_t error = cudaGetDeviceProperties(&properties, device);
  (void)cudaGetLastError();
  if (error != cudaSuccess)
    raise_unavailable("asked for the properties of GPU " + std::to_string(device) +
                      ", the driver says: " + description(error));
  return properties;
}

bool is_new_enough(const cudaDeviceProp& device) {
  return std::pair(device.major, device.minor) >= std::pair(least_major, least_minor);
}

/// The first device that is new enough.
std::pair<int, cudaDeviceProp> first_device() {
  const int count = count_devices();
  std::string found;
  for (int device = 0; device < count; ++device) {
    const cudaDeviceProp properties = properties_of(device);
    if (is_new_enough(properties)) return {device, properties};
    found += (device > 0 ? ", " : "") + std::string(properties.name) + " with " +
             version(properties.major, properties.minor);
  }
  raise_unavailable("it needs a GPU of compute capability " + version(least_major, least_minor) +
                    " or newer, and this machine has " + found);
}

/// The calling thread's current device, until the host's own is back.
class CurrentDevice {
 public:
  explicit CurrentDevice(int device) {
    if (cudaGetDevice(&before_) != cudaSuccess) before_ = device;
    if (before_ != device) (void)cudaSetDevice(device);
    is_changed_ = before_ != device;
  }
  ~CurrentDevice() {
    if (is_changed_) (void)cudaSetDevice(before_);
  }
  CurrentDevice(const CurrentDevice&) = delete;
  CurrentDevice& operator=(const CurrentDevice&) = delete;

 private:
  int before_ = 0;
  bool is_changed_ = false;
};

// In the order of the list, whose positions launch() gives.
static_assert(std::is_same_v<AllKernels, JoinedLists<TileKernels, ConstantKernels, WholeKernels,
                                                     LeastRowsKernels, OptimizerKernels>::type>);
std::vector<DeviceKernel> all_kernels() {
  std::vector<DeviceKernel> all;
  for (const auto& list : {device_tile_kernels(), device_constant_kernels(), device_whole_kernels(),
                           device_least_rows_kernels(), device_optimizer_kernels()})
    all.insert(all.end(), list.begin(), list.end());
  return all;
}

/// Memory that was released, by size. All work is on one stream: what is given out again is used after what used it
/// before.
class Cache {
 public:
  /// At most an eighth more than asked for, so that few sizes serve.
  static std::size_t rounded(std::size_t bytes) {
    std::size_t step = 256;
    while (step * 16 <= bytes) step *= 2;
    return (bytes + step - 1) / step * step;
  }

  /// Null: there is none of that size.
  void* take(std::size_t size) {
    const auto found = by_size_.find(size);
    if (found == by_size_.end() || found->second.unused.empty()) return nullptr;
    void* memory = found->second.unused.back();
    found->second.unused.pop_back();
    return memory;
  }
  /// New memory, as `add` got it, for which `release` has room from now on; nothing is kept where that throws.
  template <class Allocate>
  void* add(std::size_t size, const Allocate& allocate) {
    Bucket& bucket = by_size_[size];
    bucket.unused.reserve(bucket.memories + 1);
    sizes_.reserve(sizes_.size() + 1);
    const auto [entry, is_new] = sizes_.emplace(nullptr, size);  // before there is anything to lose
    void* memory = allocate();
    if (memory != nullptr) {
      auto node = sizes_.extract(entry);
      node.key() = memory;
      sizes_.insert(std::move(node));
      ++bucket.memories;
    } else {
      sizes_.erase(entry);
    }
    return memory;
  }
  void put_back(void* memory) noexcept {
    by_size_.find(sizes_.find(memory)->second)->second.unused.push_back(memory);
  }

  void free_unused() noexcept {
    for (auto& [size, bucket] : by_size_) {
      for (void* memory : bucket.unused) {
        sizes_.erase(memory);
        (void)cudaFree(memory);
      }
      bucket.memories -= bucket.unused.size();
      bucket.unused.clear();
    }
  }
  std::size_t bytes_in_use() const {
    std::size_t bytes = 0;
    for (const auto& [size, bucket] : by_size_) bytes += size * (bucket.memories - bucket.unused.size());
    return bytes;
  }

 private:
  struct Bucket {
    std::vector<void*> unused;
    std::size_t memories = 0;  ///< used and unused
  };
  std::map<std::size_t, Bucket> by_size_;
  std::unordered_map<void*, std::size_t> sizes_;
};

class CudaGpu final : public Gpu {
 public:
  explicit CudaGpu(const std::pair<int, cudaDeviceProp>& device)
      : device_(device.first),
        properties_(device.second),
        kernels_(all_kernels()),
        shared_(kernels_.size(), 0) {
    const CurrentDevice current(device_);
    if (!kernels_.empty()) {
      cudaFuncAttributes attributes;
      const cudaError_t error = cudaFuncGetAttributes(&attributes, kernels_.front().function);
      (void)cudaGetLastError();
      if (error != cudaSuccess)
        raise_unavailable("the kernels of this build (for " RETROGRAD_CUDA_ARCHS ") do not load on the " +
                          describe() + ": " + description(error) + "; build with -Dgpu_archs=" +
                          std::to_string(properties_.major * 10 + properties_.minor));
    }
    const cudaError_t error = cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking);
    (void)cudaGetLastError();
    if (error != cudaSuccess)
      raise_unavailable("the " + describe() + " gives no stream: " + description(error));
  }
  ~CudaGpu() override {
    // At the end of the process CUDA may be gone already, and says so; nobody is left to be told.
    const CurrentDevice current(device_);
    (void)cudaStreamSynchronize(stream_);
    cache_.free_unused();
    (void)cudaStreamDestroy(stream_);
    (void)cudaGetLastError();
  }
  CudaGpu(const CudaGpu&) = delete;
  CudaGpu& operator=(const CudaGpu&) = delete;

  std::string describe() const override {
    return std::string(properties_.name) + ", compute capability " +
           version(properties_.major, properties_.minor) + ", " +
           std::to_string((properties_.totalGlobalMem + 500'000'000) / 1'000'000'000) + " GB";
  }
  int multiprocessors() const override { return properties_.multiProcessorCount; }
  std::size_t shared_bytes() const override { return properties_.sharedMemPerBlockOptin - reserved_bytes; }

  void* allocate(std::size_t bytes) override {
    const CurrentDevice current(device_);
    const std::lock_guard lock(mutex_);
    const std::size_t size = Cache::rounded(std::max<std::size_t>(bytes, 1));
    if (void* memory = cache_.take(size)) return memory;
    const auto allocate = [&]() -> void* {
      void* memory = nullptr;
      cudaError_t error = cudaMalloc(&memory, size);
      if (error == cudaErrorMemoryAllocation) {
        (void)cudaGetLastError();
        cache_.free_unused();
        error = cudaMalloc(&memory, size);
      }
      if (error == cudaSuccess) return memory;
      (void)cudaGetLastError();
      refusal_ = error;
      return nullptr;
    };
    void* memory = cache_.add(size, allocate);
    if (memory != nullptr) return memory;
    if (refusal_ != cudaErrorMemoryAllocation)
      fail("allocating " + std::to_string(bytes) + " bytes", refusal_);
    std::size_t free = 0, total = 0;
    (void)cudaMemGetInfo(&free, &total);
    (void)cudaGetLastError();
    raise<DeviceError>("out of memory on device cuda: " + std::to_string(bytes) + " bytes (" +
                       megabytes(bytes) + ") were asked for, and " + std::to_string(free) + " (" +
                       megabytes(free) + ") of " + std::to_string(total) + " (" + megabytes(total) +
                       ") are free on the " + describe() + "; " + megabytes(cache_.bytes_in_use()) +
                       " are in use by tapes of this process. Fewer rows or a shorter signal need less");
  }

  void release(void* memory) override {
    const std::lock_guard lock(mutex_);
    cache_.put_back(memory);
  }

  void to_device(void* to, const void* from, std::size_t bytes) override {
    // From memory that is not pinned: it has been read when this returns, and the driver stages it better than we.
    copy(to, from, bytes, cudaMemcpyHostToDevice, "to the device");
  }
  void to_host(void* to, const void* from, std::size_t bytes) override {
    copy(to, from, bytes, cudaMemcpyDeviceToHost, "to the host");
    const CurrentDevice current(device_);
    const cudaError_t error = cudaStreamSynchronize(stream_);
    if (error != cudaSuccess) fail("copying " + std::to_string(bytes) + " bytes to the host", error);
  }
  void copy(void* to, const void* from, std::size_t bytes) override {
    copy(to, from, bytes, cudaMemcpyDeviceToDevice, "on the device");
  }
  void zero(void* memory, std::size_t bytes) override {
    const CurrentDevice current(device_);
    const cudaError_t error = cudaMemsetAsync(memory, 0, bytes, stream_);
    if (error != cudaSuccess) fail("clearing " + std::to_string(bytes) + " bytes", error);
  }

  void launch(int index, int blocks, std::size_t shared_bytes, const void* arguments,
              std::size_t argument_bytes) override {
    const CurrentDevice current(device_);
    const DeviceKernel& kernel = kernels_.at(static_cast<std::size_t>(index));
    const auto what = [&] {
      return std::string("kernel '") + kernel.name + "' on " + std::to_string(blocks) +
             " blocks, each with " + std::to_string(shared_bytes) + " bytes of shared memory";
    };
    if (argument_bytes != kernel.argument_bytes)
      raise<DeviceError>(what() + ": was given " + std::to_string(argument_bytes) +
                         " bytes of arguments, and takes " + std::to_string(kernel.argument_bytes));
    allow_shared(index, shared_bytes, what);
    void* pointers[] = {const_cast<void*>(arguments)};  // which CUDA only reads
    const cudaError_t error =
        cudaLaunchKernel(kernel.function, dim3(static_cast<unsigned>(blocks)),
                         dim3(static_cast<unsigned>(threads)), pointers, shared_bytes, stream_);
    if (error != cudaSuccess) fail(what(), error);
    last_kernel_ = kernel.name;
  }

 private:
  static constexpr std::size_t reserved_bytes = 1024;  ///< for what a kernel declares itself

  void copy(void* to, const void* from, std::size_t bytes, cudaMemcpyKind kind, const char* where) {
    const CurrentDevice current(device_);
    const cudaError_t error = cudaMemcpyAsync(to, from, bytes, kind, stream_);
    if (error != cudaSuccess) fail("copying " + std::to_string(bytes) + " bytes " + where, error);
  }

  /// More than 48 KB of dynamic shared memory has to be asked for, once.
  template <class What>
  void allow_shared(int index, std::size_t bytes, const What& what) {
    constexpr std::size_t unasked = 48 * 1024 - reserved_bytes;
    if (bytes <= unasked) return;
    const std::lock_guard lock(mutex_);
    std::size_t& allowed = shared_[static_cast<std::size_t>(index)];
    if (bytes <= allowed) return;
    const cudaError_t error = cudaFuncSetAttribute(kernels_[static_cast<std::size_t>(index)].function,
                                                   cudaFuncAttributeMaxDynamicSharedMemorySize,
                                                   static_cast<int>(std::max(bytes, shared_bytes())));
    if (error != cudaSuccess) fail(what() + " of at most " + std::to_string(shared_bytes()), error);
    allowed = std::max(bytes, shared_bytes());
  }

  /// What CUDA reports may come from a kernel that was launched before.
  [[noreturn]] void fail(const std::string& what, cudaError_t error) {
    (void)cudaGetLastError();
    std::string message = "device cuda, the " + describe() + ": " + what + ": " + description(error);
    const cudaError_t state = cudaStreamQuery(stream_);
    (void)cudaGetLastError();
    if (state != cudaSuccess && state != cudaErrorNotReady) {
      if (const char* last = last_kernel_)
        message += std::string("; the last kernel before it was '") + last + "'";
      message +=
          "; from now on this process can do nothing more on the device, and all it can on device cpu. With "
          "CUDA_LAUNCH_BLOCKING=1 the kernel that is named is the one that failed";
    }
    raise<DeviceError>(message);
  }

  const int device_;
  const cudaDeviceProp properties_;
  const std::vector<DeviceKernel> kernels_;
  cudaStream_t stream_ = nullptr;

  std::mutex mutex_;  ///< tapes on several threads share a GPU
  Cache cache_;
  cudaError_t refusal_ = cudaSuccess;
  std::vector<std::size_t> shared_;  ///< the dynamic shared memory that was asked for, by kernel
  std::atomic<const char*> last_kernel_ = nullptr;  ///< for messages
};

}  // namespace

Gpu& first_gpu() {
  static std::mutex mutex;
  // Never destroyed: a tape may outlive whatever is destroyed when the program ends. Null when there is none, so that the
  // next call looks again.
  static CudaGpu* gpu = nullptr;
  const std::lock_guard lock(mutex);
  if (gpu == nullptr) gpu = new CudaGpu(first_device());
  return *gpu;
}

}  // namespace retrograd::cuda
