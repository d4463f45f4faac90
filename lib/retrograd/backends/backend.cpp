// Which backend runs a plan.
#include <retrograd/backends/cpu/cpu_plan.hpp>
#include <retrograd/backends/cuda/parts.hpp>
#include <retrograd/backends/processor.hpp>
#include <retrograd/tensor/on_gpu.hpp>

namespace retrograd {

cuda::Gpu* gpu_of(const TapeOptions& options) {
  if (options.device == Device::cpu) return nullptr;
  return options.gpu != nullptr ? options.gpu : &cuda::first_gpu();
}

void check_device(const TapeOptions& options) {
  check_processor(math::best_simd_level(), math::lowest_simd_level);
  gpu_of(options);
}

void check_processor(math::SimdLevel processor, math::SimdLevel lowest) {
  if (processor < lowest)
    raise<DeviceError>(std::string("this build of retrograd has loops for ") + math::name(lowest) +
                       " and nothing below, and this processor runs " + math::name(processor) +
                       " at best; build it here, or with -Dsimd=v4, which serves every processor");
}

std::unique_ptr<LeafOnDevice> leaf_on_device(const TapeOptions& options, const Leaf& leaf) {
  cuda::Gpu& gpu = *gpu_of(options);
  return gpu.parts().leaf(gpu, leaf);
}

std::unique_ptr<CompiledPlan> compile(Graph& graph, Plan plan, const TapeOptions& options) {
  if (options.device == Device::cpu) return cpu::compile(graph, std::move(plan), options);
  cuda::Gpu& gpu = *gpu_of(options);
  return gpu.parts().plan(gpu, graph, std::move(plan), options);
}

std::unique_ptr<OptimizerOnDevice> optimizer_on_device(
    const TapeOptions& options, std::span<const OptimizerOnDevice::Parameter> parameters,
    std::int64_t groups) {
  cuda::Gpu& gpu = *gpu_of(options);
  return gpu.parts().optimizer(gpu, parameters, groups);
}

std::unique_ptr<LeastRowsOnDevice> least_rows_on_device(const TapeOptions& options,
                                                        std::span<Leaf* const> leaves,
                                                        std::span<const double> least,
                                                        std::span<const std::vector<double>> of_leaves) {
  cuda::Gpu& gpu = *gpu_of(options);
  return gpu.parts().least_rows(gpu, leaves, least, of_leaves);
}

namespace on_gpu {

cuda::Gpu& first() { return cuda::first_gpu(); }
void* allocate(cuda::Gpu& gpu, std::size_t bytes) { return gpu.allocate(bytes); }
void release(cuda::Gpu& gpu, void* memory) { gpu.release(memory); }
void to_device(cuda::Gpu& gpu, void* to, const void* from, std::size_t bytes) {
  gpu.to_device(to, from, bytes);
}
void to_host(cuda::Gpu& gpu, void* to, const void* from, std::size_t bytes) { gpu.to_host(to, from, bytes); }
void copy(cuda::Gpu& gpu, void* to, const void* from, std::size_t bytes) { gpu.copy(to, from, bytes); }

}  // namespace on_gpu

}  // namespace retrograd
