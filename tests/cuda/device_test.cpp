// On a machine with a GPU: every node and the graphs of the other tests on it, against the CPU. Exits with 77, which
// Meson counts as skipped, where there is none, and says why.
#define DOCTEST_CONFIG_IMPLEMENT
#include <doctest/doctest.h>

#include "../tape/graphs.hpp"
#include "../tape/random_graph.hpp"
#include "on_both.hpp"
#include "random_node.hpp"
#include "steady_oscillators.hpp"

#include <retrograd/backends/cuda/gpu.hpp>
#include <retrograd/tensor/errors.hpp>

#include <cstdio>
#include <limits>
#include <set>

using namespace retrograd;
using namespace retrograd::cuda;

namespace {

/// The machine's, but what it gives is NaN until it is written.
class PoisonedGpu final : public Gpu {
 public:
  std::string describe() const override { return gpu_.describe(); }
  int multiprocessors() const override { return gpu_.multiprocessors(); }
  std::size_t shared_bytes() const override { return gpu_.shared_bytes(); }
  void* allocate(std::size_t bytes) override {
    void* memory = gpu_.allocate(bytes);
    const std::vector<unsigned char> poison(bytes, 0xFF);
    gpu_.to_device(memory, poison.data(), bytes);
    ++allocations;
    return memory;
  }
  void release(void* memory) override { gpu_.release(memory); }
  void to_device(void* to, const void* from, std::size_t bytes) override { gpu_.to_device(to, from, bytes); }
  void to_host(void* to, const void* from, std::size_t bytes) override { gpu_.to_host(to, from, bytes); }
  void copy(void* to, const void* from, std::size_t bytes) override { gpu_.copy(to, from, bytes); }
  void zero(void* memory, std::size_t bytes) override { gpu_.zero(memory, bytes); }
  void launch(int index, int blocks, std::size_t shared_bytes, const void* arguments,
              std::size_t argument_bytes) override {
    gpu_.launch(index, blocks, shared_bytes, arguments, argument_bytes);
  }

  int allocations = 0;

 private:
  Gpu& gpu_ = first_gpu();
};

constexpr ElementType types[] = {ElementType::f32, ElementType::f64};

double normalised_error(const TensorView& cpu, const TensorView& gpu) {
  double error = 0.0, largest = 0.0;
  for (std::int64_t i = 0; i < cpu.shape.elements(); ++i) {
    if (!std::isfinite(gpu.at(i))) return std::numeric_limits<double>::infinity();
    error = std::max(error, std::abs(gpu.at(i) - cpu.at(i)));
    largest = std::max(largest, std::abs(cpu.at(i)));
  }
  return error == 0.0 ? 0.0 : error / largest;
}

}  // namespace

TEST_CASE("on the device, every node that runs in tiles has the bits of the CPU") {
  PoisonedGpu gpu;
  for (const gradcheck::CheckedNode& node : gradcheck::checked_nodes()) {
    if (!node.check().cases.empty()) continue;  // a whole node
    if (node.type->reach != nullptr) continue;  // the CPU's alone, so far
    for (unsigned seed = 0; seed < 20; ++seed)
      for (const ElementType type : types) {
        INFO(node.type->name << ", " << name(type) << ", seed " << seed);
        const auto build = [&](Tape& tape) { return record_random_node(tape, node, seed); };
        CHECK(difference(build, {.type = type, .length = 1500}, gpu) == "");
      }
  }
}

TEST_CASE(
    "on the device, oscillators of steady frequency have the bits of the CPU, whatever modulates them") {
  PoisonedGpu gpu;
  for (int number = 0; number < steady_oscillators; ++number)
    for (const ElementType type : types) {
      INFO("number " << number << ", " << name(type));
      const auto build = [&](Tape& tape) { return record_steady_oscillator(tape, number); };
      CHECK(difference(build, {.type = type, .length = 1500}, gpu) == "");
    }
}

TEST_CASE(
    "on the device, whole nodes are the CPU's: bits, or a bound where a product or a transform is between") {
  PoisonedGpu gpu;
  const std::set<std::string> bounded{"matmul", "stft_magnitude", "multi_resolution_stft"};
  for (const gradcheck::CheckedNode& node : gradcheck::checked_nodes()) {
    if (node.check().cases.empty()) continue;
    for (unsigned seed = 0; seed < 20; ++seed)
      for (const ElementType type : types) {
        INFO(node.type->name << ", " << name(type) << ", seed " << seed);
        const auto build = [&](Tape& tape) { return record_random_node(tape, node, seed); };
        if (bounded.count(node.type->name) == 0) {
          CHECK(difference(build, {.type = type}, gpu) == "");
          continue;
        }
        const double bound = type == ElementType::f32 ? 1e-5 : 1e-10;
        Tape cpu({.type = type}), other({.type = type, .device = Device::cuda, .gpu = &gpu});
        const Recorded on_cpu = build(cpu), on_gpu = build(other);
        cpu.play(on_cpu.outputs), other.play(on_gpu.outputs);
        cpu.rewind(on_cpu.outputs[0]), other.rewind(on_gpu.outputs[0]);
        for (std::size_t i = 0; i < on_cpu.outputs.size(); ++i)
          CHECK(normalised_error(cpu.value(on_cpu.outputs[i]), other.value(on_gpu.outputs[i])) <= bound);
        for (std::size_t p = 0; p < cpu.parameters().size(); ++p)
          CHECK(normalised_error(cpu.gradient(cpu.parameters()[p]), other.gradient(other.parameters()[p])) <=
                bound);
      }
  }
}

TEST_CASE("on the device, graphs with every kind of stage have the bits of the CPU") {
  PoisonedGpu gpu;
  for (const ElementType type : types)
    for (const graphs::Case& graph : graphs::cases()) {
      INFO(graph.name << ", " << name(type));
      const auto build = [&](Tape& tape) {
        const graphs::Recorded recorded = graph.record(tape);
        return Recorded{recorded.values, recorded.loss};
      };
      CHECK(difference(build, {.type = type, .sample_rate = graphs::rate, .length = graph.length}, gpu) ==
            "");
    }
}

TEST_CASE("on the device, graphs drawn at random have the bits of the CPU") {
  PoisonedGpu gpu;
  for (unsigned seed = 0; seed < 100; ++seed)
    for (const ElementType type : types) {
      INFO("seed " << seed << ", " << name(type));
      const auto build = [&](Tape& tape) {
        return Recorded{random_graph::record(tape, seed, seed % 3 == 0).outputs};
      };
      CHECK(difference(build, {.type = type}, gpu) == "");
    }
}

TEST_CASE("on the device, from the second play on nothing is allocated") {
  PoisonedGpu gpu;
  Tape tape({.device = Device::cuda, .sample_rate = 44100.0, .length = 5000, .gpu = &gpu});
  const graphs::Recorded recorded = graphs::cases()[0].record(tape);
  tape.play(recorded.values);
  tape.rewind(recorded.loss);
  const int before = gpu.allocations;
  for (int i = 0; i < 3; ++i) {
    tape.play(recorded.values);
    tape.rewind(recorded.loss);
  }
  CHECK(gpu.allocations == before);
}

TEST_CASE(
    "on the device, out of memory and launches that cannot be are DeviceErrors, and it goes on working") {
  Gpu& gpu = first_gpu();
  CHECK_THROWS_WITH_AS(DeviceMemory(gpu, std::size_t{1} << 50), doctest::Contains("were asked for"),
                       DeviceError);
  const char one_byte = 0;
  CHECK_THROWS_AS(gpu.launch(0, 1, 1 << 30, &one_byte, 1), DeviceError);
  std::vector<int> there(1000, 7), back(1000);
  const DeviceMemory memory = on_device(gpu, there);
  gpu.to_host(back.data(), memory.data(), memory.bytes());
  CHECK(back == there);
  void* first = gpu.allocate(5000);
  gpu.release(first);
  void* second = gpu.allocate(5000);
  CHECK(second == first);  // what was released is given out again
  gpu.release(second);
}

int main(int argc, char** argv) {
  try {
    std::printf("on %s\n", first_gpu().describe().c_str());
  } catch (const DeviceError& error) {
    std::printf("skipped: %s\n", error.what());
    return 77;
  }
  return doctest::Context(argc, argv).run();
}
