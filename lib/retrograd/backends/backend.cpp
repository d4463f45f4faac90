// Which backend runs a plan.
#include <retrograd/backends/cpu/cpu_plan.hpp>
#include <retrograd/backends/cuda/gpu.hpp>

namespace retrograd {

namespace {

cuda::Gpu& gpu_of(const TapeOptions& options) {
  return options.gpu != nullptr ? *options.gpu : cuda::first_gpu();
}

}  // namespace

void check_device(const TapeOptions& options) {
  if (options.device == Device::cuda) gpu_of(options);
}

std::unique_ptr<CompiledPlan> compile(Graph& graph, Plan plan, const TapeOptions& options) {
  if (options.device == Device::cpu) return cpu::compile(graph, std::move(plan), options);
  return gpu_of(options).compile(graph, std::move(plan), options);
}

std::unique_ptr<OptimizerOnDevice> optimizer_on_device(
    const TapeOptions& options, std::span<const OptimizerOnDevice::Parameter> parameters, std::int64_t rows) {
  return gpu_of(options).optimizer(parameters, rows);
}

std::unique_ptr<BestRowsOnDevice> best_rows_on_device(const TapeOptions& options,
                                                      std::span<Leaf* const> parameters,
                                                      std::span<const double> losses,
                                                      std::span<const std::vector<double>> values) {
  return gpu_of(options).best_rows(parameters, losses, values);
}

}  // namespace retrograd
