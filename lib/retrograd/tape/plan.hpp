// The plan: a recorded graph cut into stages, and each tiled stage turned into a list of steps.
//
// A run of pointwise and causal nodes (and of sums over time and over rows) on the same rows and length becomes one tiled
// stage: it runs tile by tile, and only values that a later stage or the caller needs are stored at full
// length. Stages are found from the graph alone.
#pragma once

#include <retrograd/tape/node.hpp>
#include <retrograd/tape/short_list.hpp>
#include <retrograd/tensor/element_type.hpp>
#include <retrograd/tensor/shape.hpp>

#include <cstdint>
#include <span>
#include <vector>

namespace retrograd {

struct Graph;

/// Where the elements of a stored signal are, or those of its adjoint, if they lie among another's.
struct View {
  int of = -1;          ///< the node whose memory it is; -1: the signal has its own
  std::int64_t at = 0;  ///< which element there is its first
  bool operator==(const View&) const = default;
};

/// A node as a plan sees it. Indices are positions in Plan::nodes, which is in recording order.
struct PlanNode {
  const NodeType* type = nullptr;
  const void* data = nullptr;
  std::span<const int> inputs;  ///< in Plan::inputs
  Shape shape;
  bool signal = false;  ///< varies over time: element type of the tape; otherwise f64
  bool stored = false;  ///< kept at full length (or, constant over time, as numbers) rather than in scratch
  bool wanted = false;  ///< by the caller: an output, or kept
  bool trainable = false;     ///< gradients flow through or to it
  int id = -1;                ///< of the recorded node
  int leaf = -1;              ///< which of the graph's leaves it is
  int stage = -1;             ///< leaves have none
  int loop = -1;              ///< in Plan::loops: it reads what it is read by
  View value_in, adjoint_in;  ///< where a backend has values share memory
};

/// The shortest tile: what sums over time, and their lanes, are made of.
inline constexpr int smallest_tile = 128;

enum class StageKind { constants, tiled, whole };

struct Stage {
  StageKind kind = StageKind::tiled;
  Shape shape;              ///< tiled: the rows and length all its nodes share
  std::vector<int> nodes;   ///< in an order in which each follows its inputs, a loop's one after the other
  int most_tile = 1 << 20;  ///< samples: as far as a loop lets a tile reach
};

struct Plan {
  std::vector<PlanNode> nodes;
  std::vector<int> inputs;       ///< of all nodes: one piece of memory, whoever holds the plan
  std::vector<Stage> stages;     ///< in the order they run
  std::vector<int> index_of;     ///< recorded id -> index in `nodes`; -1 where the plan does not need it
  std::vector<bool> needs_leaf;  ///< by leaf of the graph; those recorded later it does not need
  /// A stored signal is there from its first sample to its last. In a stream it is the block at hand.
  bool has_whole_signals = true;
  /// Of each loop the least delay in it.
  struct Loop {
    std::int64_t least;
  };
  std::vector<Loop> loops;
  /// Nodes whose adjoint is, part by part, that of views of them; of what no view reads it is zero.
  std::vector<int> adjoints_in_parts;

  Plan() = default;
  Plan(Plan&&) = default;
  Plan& operator=(Plan&&) = default;

  /// Whether `input` of a tiled `stage` has one row for each of the stage's.
  bool same_rows(int input, int stage) const;

  /// The samples that a node's loop goes at a time, inside a tile; 0: a whole tile.
  int samples_at_a_time(int n) const {
    const int loop = nodes[static_cast<std::size_t>(n)].loop;
    if (loop < 0) return 0;
    const std::int64_t least = loops[static_cast<std::size_t>(loop)].least;
    return least >= smallest_tile ? 0 : static_cast<int>(least < 16 ? least : least / 16 * 16);
  }

  /// Whether node `n` reads, at its input `i`, what its own loop computes after it.
  bool reads_loop(int n, std::size_t i) const {
    const PlanNode& node = nodes[static_cast<std::size_t>(n)];
    return node.loop >= 0 && node.inputs[i] >= n;
  }

  /// Whether the earlier samples of `n` are read from its stored signal (or number); else a ring keeps them.
  bool keeps_whole(int n) const {
    const PlanNode& node = nodes[static_cast<std::size_t>(n)];
    return has_whole_signals && node.stored;
  }
};

/// Plans the computation of `outputs` and of the kept values among what they need.
Plan make_plan(const Graph& graph, std::span<const int> outputs);

// --- the steps of a tiled stage ------------------------------------------------------------------

/// What a step does with its target. Only copies accumulate.
enum class AdjointMode : std::uint8_t { none, overwrite, accumulate, sum };

/// Where a step finds or leaves the samples of one tile.
struct TileOperand {
  enum class Place : std::uint8_t {
    none,         ///< not there: an adjoint reads no such value
    slot,         ///< scratch
    value,        ///< a node's stored value (a constant over time as 16 equal lanes)
    adjoint,      ///< a node's stored adjoint (of a constant over time likewise)
    row_adjoint,  ///< kept per row, then added over rows: the adjoint of what rows share; forwards, what is mixed
    row_sum,      ///< the adjoint of a constant over time: a sum over the row's samples
    spread,       ///< a node's stored number, laid out as a signal
    history,      ///< a node's earlier samples: see nodes/history.hpp
    history_adjoint,  ///< what the earlier samples that a node reads have gained so far
  };
  Place place = Place::none;
  int index =
      0;  ///< slot, node (of a history_adjoint the one that reads), or position in TileProgram::row_adjoints / row_sums
  bool operator==(const TileOperand&) const = default;
};

/// What runs in tiles has one to eight inputs.
inline constexpr int most_inputs = 8;

/// One node's forward or adjoint over one tile.
struct TileStep {
  enum class Kind : std::uint8_t { forward, advance, adjoint, copy, remember, recall };
  Kind kind = Kind::forward;
  int node = 0;
  /// forward and advance: {y, x...}. adjoint: {gy, y, x..., gx...}. copy: {x, gx}: gx = x or gx += x.
  /// Of a node that reads history, the first x is a history, and its gx a history_adjoint. remember: {history, x}: the
  /// tile's samples join it. recall: {history_adjoint, gx}: as copy, of what the tile's samples have gained.
  ShortList<int, 2 + 2 * most_inputs> operands;
  /// One for each gx.
  ShortList<AdjointMode, most_inputs> modes;
  /// Not null: this step and the next ones, of the factors of a pattern in their order and then of its root, all forwards
  /// or all adjoints, run in one pass. What they would hand each other is nowhere: those operands are none.
  const Fusion* fusion = nullptr;
  /// Not 0: this step and those beside it of the same loop run for so many samples of the tile, then for the next (on the
  /// way back, those before) so many.
  int samples_at_a_time = 0;
  int loop = -1;  ///< then: which
};

struct TileProgram {
  std::vector<TileOperand> operands;
  std::vector<TileStep> steps;
  int slots = 0;
  std::vector<int> row_adjoints;  ///< nodes whose adjoint (forwards: value) is kept per row first
  std::vector<bool> row_adjoint_accumulates;
  std::vector<int> row_sums;  ///< the constant node each row sum belongs to
};

/// `joins_fusions`: they run in one pass, for a backend that has it. The bits are the same.
TileProgram forward_program(const Plan& plan, int stage, bool joins_fusions);

/// Moves the states of the stage's causal nodes over a tile, computing no more values than that needs.
TileProgram advance_program(const Plan& plan, int stage, bool joins_fusions);

/// `has_adjoint[node]`: something is in the node's stored adjoint already; updated for what this stage adds.
/// Seeds are the stage's nodes that have one. Runs the adjoints in reverse and recomputes what they read.
TileProgram backward_program(const Plan& plan, int stage, bool joins_fusions, std::vector<bool>& has_adjoint);

}  // namespace retrograd
