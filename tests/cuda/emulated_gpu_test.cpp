// The GPU that the other tests of this folder run on shows what a real one would hide.
#include "emulated_gpu.hpp"

#include <retrograd/backends/cuda/kernels.hpp>
#include <retrograd/tensor/errors.hpp>

#include <doctest/doctest.h>

#include <cmath>
#include <set>

namespace retrograd::cuda {
namespace {

std::vector<float> on_host(Gpu& gpu, const DeviceMemory& memory) {
  std::vector<float> values(memory.bytes() / sizeof(float));
  gpu.to_host(values.data(), memory.data(), memory.bytes());
  return values;
}

TEST_CASE("memory is poisoned: what was never written is NaN") {
  EmulatedGpu gpu;
  const DeviceMemory memory(gpu, 1000 * sizeof(float));
  CHECK(reinterpret_cast<std::uintptr_t>(memory.data()) % 256 == 0);
  for (const float x : on_host(gpu, memory)) CHECK(std::isnan(x));
  int wrong = 0;
  gpu.run("shared", 3, 512, [&](HostBlock& block) {
    float* x = reinterpret_cast<float*>(block.shared()) + block.thread();
    wrong += !std::isnan(*x);
    *x = 0.0f;  // which the next block does not find
  });
  CHECK(wrong == 0);
}

TEST_CASE("what a kernel writes beside an allocation is told") {
  EmulatedGpu gpu;
  const DeviceMemory memory(gpu, 128 * sizeof(float));
  const auto write_at = [&](int shift) {
    gpu.run("kernel 'shifted'", 1, 0,
            [&](HostBlock& block) { memory.as<float>()[block.thread() + shift] = 1.0f; });
  };
  CHECK_NOTHROW(write_at(0));
  CHECK_THROWS_WITH_AS(write_at(1), "kernel 'shifted' wrote behind an allocation of 512 bytes", MemoryError);
  CHECK_THROWS_WITH_AS(write_at(-1), "kernel 'shifted' wrote before an allocation of 512 bytes", MemoryError);
  CHECK_NOTHROW(write_at(0));
}

TEST_CASE("copies outside of what is allocated are told") {
  EmulatedGpu gpu;
  const DeviceMemory memory(gpu, 16), other(gpu, 16);
  std::byte host[64]{};
  CHECK_NOTHROW(gpu.to_device(memory.as<std::byte>() + 8, host, 8));
  CHECK_THROWS_AS(gpu.to_device(memory.as<std::byte>() + 8, host, 9), MemoryError);
  CHECK_THROWS_AS(gpu.to_host(host, memory.data(), 17), MemoryError);
  CHECK_THROWS_AS(gpu.copy(memory.data(), host, 8), MemoryError);
  CHECK_THROWS_AS(gpu.zero(host, 8), MemoryError);
  CHECK_THROWS_AS(gpu.copy(memory.data(), memory.as<std::byte>() + 4, 8), MemoryError);
  CHECK_NOTHROW(gpu.copy(memory.data(), other.data(), 16));
}

TEST_CASE("allocations, launches and copies are counted") {
  EmulatedGpu gpu;
  const std::vector<float> values(100, 1.0f);
  {
    const DeviceMemory memory = on_device(gpu, values), more(gpu, 600);
    CHECK(on_host(gpu, memory) == values);
    CHECK(gpu.counts().live_allocations == 2);
    CHECK(gpu.counts().live_bytes == 1000);
  }
  CHECK(gpu.counts().live_allocations == 0);
  CHECK(gpu.counts().live_bytes == 0);
  CHECK(gpu.counts().most_bytes == 1000);
  CHECK(gpu.counts().allocations == 2);
  CHECK(gpu.counts().copies_to_device == 1);
  CHECK(gpu.counts().bytes_to_device == 400);
  CHECK(gpu.counts().copies_to_host == 1);
  CHECK(gpu.counts().bytes_to_host == 400);

  const DeviceMemory memory(gpu, 1000 * sizeof(float));
  using FillFloats = Fill<float>;
  CHECK(gpu.counts().launches == 0);
  CHECK_THROWS_AS(
      gpu.launch(AllKernels::index_of<FillFloats>(), 1, 0, nullptr, sizeof(FillFloats::Arguments) + 1),
      MemoryError);
}

TEST_CASE("out of memory is a DeviceError that says how much was asked for and how much there is") {
  EmulatedGpu gpu({.memory_bytes = 1000});
  const DeviceMemory memory(gpu, 600);
  CHECK_THROWS_WITH_AS(DeviceMemory(gpu, 500),
                       doctest::Contains("500 bytes were asked for, and 400 of 1000 are free"), DeviceError);
  CHECK_NOTHROW(DeviceMemory(gpu, 400));
}

TEST_CASE("blocks run in an order drawn by lot, each once") {
  std::set<std::vector<int>> orders;
  for (std::uint64_t seed = 0; seed < 3; ++seed) {
    EmulatedGpu gpu({.seed = seed});
    std::vector<int> order;
    gpu.run("blocks", 20, 0, [&](HostBlock& block) {
      CHECK(block.blocks() == 20);
      if (block.thread() == 0) order.push_back(block.index());
    });
    orders.insert(order);
    CHECK(std::set<int>(order.begin(), order.end()).size() == 20);
    CHECK(order.size() == 20);
  }
  CHECK(orders.size() == 3);
}

TEST_CASE("after a kernel that failed the GPU is as before") {
  EmulatedGpu gpu;
  const auto half = [](HostBlock& block) {
    if (block.thread() < 64) block.barrier();
  };
  CHECK_THROWS_WITH_AS(gpu.run("kernel 'half'", 2, 0, half),
                       doctest::Contains("kernel 'half': lanes of one block"), LanesError);
  int lanes = 0;
  gpu.run("kernel 'whole'", 2, 0, [&](HostBlock& block) {
    block.barrier();
    if (block.sum_of_lanes(1.0) == 128.0 && block.thread() == 0) ++lanes;
  });
  CHECK(lanes == 2);
}

}  // namespace
}  // namespace retrograd::cuda
