// The patterns of nodes that run in one pass, where a backend has a loop for them: the one list. A node says where it
// stands in one (NodeDefaults::fusion_place); the planner joins the steps of those that fit (tape/program.cpp).
#pragma once

#include <retrograd/tape/node.hpp>

namespace retrograd {

/// wave * envelope * gain, the gain constant over time: nodes/operator.hpp.
inline constexpr Fusion operator_fusion{.name = "operator", .factors = 2, .constant_inputs = 0b100};
/// Its first factor.
inline constexpr FusionPlace operator_wave{&operator_fusion, 0};
/// Its second factor.
inline constexpr FusionPlace operator_envelope{&operator_fusion, 1};
/// Their product.
inline constexpr FusionPlace operator_product{&operator_fusion};

}  // namespace retrograd
