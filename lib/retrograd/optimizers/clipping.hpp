// Which elements of an optimiser's parameters are clipped together: by the norm of all their gradients.
#pragma once

#include <retrograd/optimizers/optimizer.hpp>
#include <retrograd/tape/graph.hpp>

#include <cstdint>
#include <span>
#include <vector>

namespace retrograd {

/// A parameter's element i is in the group `first + i / length`.
struct ClipGroups {
  std::int64_t first, length;
  std::int64_t of(std::int64_t i) const { return first + i / length; }
  bool operator==(const ClipGroups&) const = default;
};

/// Of each of `parameters`, as the tape reads them by now.
std::vector<ClipGroups> clip_groups(const Graph& graph, std::span<const Var> parameters, ClipBy by);

}  // namespace retrograd
