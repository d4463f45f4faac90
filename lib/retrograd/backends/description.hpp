// A plan in words, the same for every backend.
#pragma once

#include <retrograd/backends/stage_runner.hpp>
#include <retrograd/tape/plan.hpp>

#include <memory>
#include <span>
#include <string>

namespace retrograd {

/// Stages, the nodes in each, scratch and stored bytes, for people. `stored_bytes`: of values and adjoints.
std::string describe(const Plan& plan, ElementType type, std::span<const std::unique_ptr<StageRunner>> stages,
                     std::size_t stored_bytes);

}  // namespace retrograd
