// What the stages of one plan share on a GPU.
#pragma once

#include <retrograd/backends/cuda/gpu.hpp>
#include <retrograd/backends/cuda/storage.hpp>
#include <retrograd/backends/stage_runner.hpp>

namespace retrograd::cuda {

struct StageContext {
  const Plan& plan;
  Storage& storage;
  Gpu& gpu;
  ElementType type;
};

std::unique_ptr<StageRunner> make_tiled_stage(const StageContext& context, int stage);
std::unique_ptr<StageRunner> make_constant_stage(const StageContext& context, int stage);
std::unique_ptr<StageRunner> make_whole_stage(const StageContext& context, int stage);

}  // namespace retrograd::cuda
