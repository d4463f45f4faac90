// What the stages of one plan share on the CPU.
#pragma once

#include <retrograd/backends/cpu/storage.hpp>
#include <retrograd/backends/stage_runner.hpp>
#include <retrograd/tape/executor.hpp>
#include <retrograd/tape/plan.hpp>

#include <cstddef>
#include <memory>

namespace retrograd::cpu {

inline constexpr std::size_t scratch_budget =
    32 * 1024;  // bytes of a tile: the smallest L1 data cache we expect

/// What the stages of one plan share.
struct StageContext {
  const Plan& plan;
  Storage& storage;
  Executor& executor;
  ElementType type;
  int tile;  ///< samples; 0: chosen
};

std::unique_ptr<StageRunner> make_tiled_stage(const StageContext& context, int stage);
std::unique_ptr<StageRunner> make_constant_stage(const StageContext& context, int stage);
std::unique_ptr<StageRunner> make_whole_stage(const StageContext& context, int stage);
/// Of a node that runs_of_rows() knows.
std::unique_ptr<StageRunner> make_view_stage(const StageContext& context, int stage);

}  // namespace retrograd::cpu
