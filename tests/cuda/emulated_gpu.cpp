#include "emulated_gpu.hpp"

#include <retrograd/backends/cuda/kernels.hpp>
#include <retrograd/tensor/errors.hpp>

#include <numeric>

namespace retrograd::cuda {
namespace {

constexpr std::size_t alignment = 256, guard_bytes = 256;
constexpr std::byte poison{0xFF};  // NaN in floats and doubles, -1 in integers
constexpr std::byte guard{0xA5};

struct HostKernel {
  const char* name;
  std::size_t argument_bytes;
  void (*run)(HostBlock& block, const void* arguments);
};

template <class... Bodies>
std::vector<HostKernel> host_kernels(KernelList<Bodies...>) {
  return {HostKernel{Bodies::name, sizeof(typename Bodies::Arguments),
                     [](HostBlock& block, const void* arguments) {
                       Bodies::run(block, *static_cast<const typename Bodies::Arguments*>(arguments));
                     }}...};
}

const std::vector<HostKernel>& all_kernels() {
  static const std::vector<HostKernel> kernels = host_kernels(AllKernels());
  return kernels;
}

std::unique_ptr<Lanes> make_lanes(const EmulationOptions& options) {
  std::unique_ptr<Lanes> lanes = options.threads ? nullptr : Lanes::fibers(options.seed);
  return lanes ? std::move(lanes) : Lanes::threads();
}

}  // namespace

EmulatedGpu::EmulatedGpu(const EmulationOptions& options)
    : options_(options), lanes_(make_lanes(options)), random_(options.seed) {}

EmulatedGpu::~EmulatedGpu() {
  for (const auto& [address, bytes] : live_)
    ::operator delete(reinterpret_cast<std::byte*>(address) - guard_bytes, std::align_val_t(alignment));
}

std::string EmulatedGpu::describe() const { return std::string("this host, lanes are ") + lanes_->kind(); }

void* EmulatedGpu::allocate(std::size_t bytes) {
  if (counts_.live_bytes + bytes > options_.memory_bytes)
    raise<DeviceError>("out of memory on device cuda: " + std::to_string(bytes) +
                       " bytes were asked for, and " +
                       std::to_string(options_.memory_bytes - counts_.live_bytes) + " of " +
                       std::to_string(options_.memory_bytes) + " are free on " + describe());
  auto* memory =
      static_cast<std::byte*>(::operator new(bytes + 2 * guard_bytes, std::align_val_t(alignment)));
  std::fill_n(memory, guard_bytes, guard);
  std::fill_n(memory + guard_bytes, bytes, poison);
  std::fill_n(memory + guard_bytes + bytes, guard_bytes, guard);
  memory += guard_bytes;
  live_.emplace(reinterpret_cast<std::uintptr_t>(memory), bytes);
  ++counts_.allocations;
  ++counts_.live_allocations;
  counts_.live_bytes += bytes;
  counts_.most_bytes = std::max(counts_.most_bytes, counts_.live_bytes);
  return memory;
}

/// Sets right what it finds, so that it is told once.
void EmulatedGpu::check_guards(const std::string& what) {
  static const std::vector<std::byte> untouched(guard_bytes, guard);
  std::string problem;
  for (const auto& [address, bytes] : live_) {
    auto* memory = reinterpret_cast<std::byte*>(address);
    for (std::byte* place : {memory - guard_bytes, memory + bytes}) {
      if (std::memcmp(place, untouched.data(), guard_bytes) == 0) continue;
      problem = what + " wrote " + (place < memory ? "before" : "behind") + " an allocation of " +
                std::to_string(bytes) + " bytes";
      std::fill_n(place, guard_bytes, guard);
    }
  }
  if (!problem.empty()) throw MemoryError(problem);
}

void EmulatedGpu::release(void* memory) {
  const auto found = live_.find(reinterpret_cast<std::uintptr_t>(memory));
  if (found == live_.end()) throw MemoryError("released what is not allocated");
  auto* bytes = static_cast<std::byte*>(memory);
  const std::size_t size = found->second;
  live_.erase(found);
  --counts_.live_allocations;
  counts_.live_bytes -= size;
  std::fill_n(bytes, size, poison);
  ::operator delete(bytes - guard_bytes, std::align_val_t(alignment));
}

void EmulatedGpu::check(const void* memory, std::size_t bytes, const char* what) const {
  const auto address = reinterpret_cast<std::uintptr_t>(memory);
  auto found = live_.upper_bound(address);
  if (found == live_.begin() || address + bytes > (--found)->first + found->second)
    throw MemoryError(std::string(what) + " " + std::to_string(bytes) +
                      " bytes that do not lie in an allocation");
}

void EmulatedGpu::to_device(void* to, const void* from, std::size_t bytes) {
  check(to, bytes, "to_device writes");
  std::memcpy(to, from, bytes);
  ++counts_.copies_to_device;
  counts_.bytes_to_device += bytes;
}

void EmulatedGpu::to_host(void* to, const void* from, std::size_t bytes) {
  check(from, bytes, "to_host reads");
  std::memcpy(to, from, bytes);
  ++counts_.copies_to_host;
  counts_.bytes_to_host += bytes;
}

void EmulatedGpu::copy(void* to, const void* from, std::size_t bytes) {
  check(to, bytes, "copy writes");
  check(from, bytes, "copy reads");
  const auto a = reinterpret_cast<std::uintptr_t>(to), b = reinterpret_cast<std::uintptr_t>(from);
  if (a < b + bytes && b < a + bytes) throw MemoryError("copy between places that overlap");
  std::memcpy(to, from, bytes);
}

void EmulatedGpu::zero(void* memory, std::size_t bytes) {
  check(memory, bytes, "zero writes");
  std::memset(memory, 0, bytes);
}

void EmulatedGpu::launch(int index, int blocks, std::size_t shared_bytes, const void* arguments,
                         std::size_t argument_bytes) {
  const HostKernel& kernel = all_kernels().at(static_cast<std::size_t>(index));
  const std::string what =
      std::string("kernel '") + kernel.name + "' on " + std::to_string(blocks) + " blocks";
  if (shared_bytes > options_.shared_bytes)
    raise<DeviceError>(what + ": " + std::to_string(shared_bytes) +
                       " bytes of shared memory were asked for; " + describe() + " has " +
                       std::to_string(options_.shared_bytes));
  if (argument_bytes != kernel.argument_bytes)
    throw MemoryError(what + ": was given " + std::to_string(argument_bytes) +
                      " bytes of arguments, and takes " + std::to_string(kernel.argument_bytes));
  ++counts_.launches;
  counts_.blocks += blocks;
  launches_.emplace_back(kernel.name, blocks);

  run(what, blocks, shared_bytes, [&](HostBlock& block) { kernel.run(block, arguments); });
}

void EmulatedGpu::run(const std::string& what, int blocks, std::size_t shared_bytes,
                      const std::function<void(HostBlock&)>& body) {
  std::vector<int> order(static_cast<std::size_t>(blocks));
  std::iota(order.begin(), order.end(), 0);
  std::shuffle(order.begin(), order.end(), random_);
  // An allocation of its own, so that AddressSanitizer knows where it ends.
  const auto free_shared = [](std::byte* p) { ::operator delete(p, std::align_val_t(alignment)); };
  const std::unique_ptr<std::byte, decltype(free_shared)> shared(
      static_cast<std::byte*>(
          ::operator new(std::max<std::size_t>(shared_bytes, 1), std::align_val_t(alignment))),
      free_shared);
  BlockMemory memory;
  memory.shared = shared.get();
  memory.blocks = blocks;
  try {
    lanes_->run([&](int lane) {
      for (const int block : order) {
        lanes_->meet(lane, threads, Operation::next_block, [&] {
          memory.index = block;
          std::fill_n(memory.shared, shared_bytes, poison);
        });
        HostBlock host(*lanes_, memory, lane);
        body(host);
      }
    });
  } catch (const LanesError& error) {
    throw LanesError(what + ": " + error.what());
  }
  check_guards(what);
}

}  // namespace retrograd::cuda
