// Loops in a plan; see Tape::feedback.
#pragma once

#include <retrograd/tape/plan.hpp>

namespace retrograd {

/// Finds the plan's loops, through nodes that read what stands behind them, and puts the nodes in an order in which each
/// stands behind its inputs, a loop's all together. TapeError where a node is in a loop that cannot be.
void find_loops(Plan& plan);

/// A loop whose delays are as long as a tile needs nothing more: stages have tiles no longer than that.
void limit_tiles(Plan& plan);

}  // namespace retrograd
