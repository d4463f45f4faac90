// A GPU that is this host: the same kernels, lane by lane, and memory that shows who reads what was never written.
#pragma once

#include <retrograd/backends/cuda/gpu.hpp>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "emulated_block.hpp"

namespace retrograd::cuda {

/// A use of memory that a GPU might let pass.
struct MemoryError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

struct EmulationOptions {
  std::uint64_t seed = 1;   ///< of the order of blocks and lanes
  bool threads = false;     ///< lanes are threads though there are fibers
  int multiprocessors = 3;  ///< few, so that small grids are already cut
  std::size_t shared_bytes = 99 * 1024;
  std::size_t memory_bytes = std::size_t{1} << 32;  ///< beyond them it is out of memory
};

class EmulatedGpu final : public Gpu {
 public:
  explicit EmulatedGpu(const EmulationOptions& options = {});
  ~EmulatedGpu() override;

  std::string describe() const override;
  int multiprocessors() const override { return options_.multiprocessors; }
  std::size_t shared_bytes() const override { return options_.shared_bytes; }

  void* allocate(std::size_t bytes) override;
  /// What is not allocated is a MemoryError, which ends the program.
  void release(void* memory) override;
  void to_device(void* to, const void* from, std::size_t bytes) override;
  void to_host(void* to, const void* from, std::size_t bytes) override;
  void copy(void* to, const void* from, std::size_t bytes) override;
  void zero(void* memory, std::size_t bytes) override;
  void launch(int index, int blocks, std::size_t shared_bytes, const void* arguments,
              std::size_t argument_bytes) override;

  /// Runs `body` on every lane of every block, as launch() does a kernel's. MemoryError where it wrote outside of what is
  /// allocated, LanesError where its lanes do not meet.
  void run(const std::string& what, int blocks, std::size_t shared_bytes,
           const std::function<void(HostBlock&)>& body);

  struct Counts {
    std::int64_t allocations = 0, launches = 0, blocks = 0;
    std::int64_t copies_to_device = 0, copies_to_host = 0;
    std::size_t bytes_to_device = 0, bytes_to_host = 0;
    std::size_t live_allocations = 0, live_bytes = 0, most_bytes = 0;
  };
  const Counts& counts() const { return counts_; }
  /// In their order, with how many blocks; empties the list.
  std::vector<std::pair<std::string, int>> take_launches() { return std::exchange(launches_, {}); }

 private:
  void check(const void* memory, std::size_t bytes, const char* what) const;
  void check_guards(const std::string& what);

  EmulationOptions options_;
  std::unique_ptr<Lanes> lanes_;
  std::mt19937_64 random_;
  std::map<std::uintptr_t, std::size_t> live_;  // bytes by address
  Counts counts_;
  std::vector<std::pair<std::string, int>> launches_;
};

}  // namespace retrograd::cuda
