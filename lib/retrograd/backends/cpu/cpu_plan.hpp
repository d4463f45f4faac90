// A plan on the CPU.
#pragma once

#include <retrograd/tape/backend.hpp>

namespace retrograd::cpu {

std::unique_ptr<CompiledPlan> compile(Graph& graph, Plan plan, const TapeOptions& options);

}  // namespace retrograd::cpu
