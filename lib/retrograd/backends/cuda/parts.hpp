// What the tape and the optimisers have made on a GPU. They declare what it is; a build without CUDA links none of it.
#pragma once

#include <retrograd/backends/cuda/gpu.hpp>
#include <retrograd/optimizers/on_device.hpp>
#include <retrograd/tape/backend.hpp>

namespace retrograd::cuda {

std::unique_ptr<CompiledPlan> make_plan(Gpu& gpu, Graph& graph, Plan plan, const TapeOptions& options);
/// A leaf's value and gradient.
std::unique_ptr<LeafOnDevice> make_leaf(Gpu& gpu, const Leaf& leaf);
std::unique_ptr<LeastRowsOnDevice> make_least_rows(Gpu& gpu, std::span<Leaf* const> leaves,
                                                   std::span<const double> least,
                                                   std::span<const std::vector<double>> of_leaves);
/// An optimiser that steps there.
std::unique_ptr<OptimizerOnDevice> make_optimizer(Gpu& gpu,
                                                  std::span<const OptimizerOnDevice::Parameter> parameters,
                                                  std::int64_t groups);

/// All of them, as a GPU has them: whoever has no GPU needs none of them to link.
struct Parts {
  decltype(&make_plan) plan;
  decltype(&make_leaf) leaf;
  decltype(&make_least_rows) least_rows;
  decltype(&make_optimizer) optimizer;
};

}  // namespace retrograd::cuda
