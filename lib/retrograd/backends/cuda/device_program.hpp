// A tile program as the device reads it: plain tables in its memory.
#pragma once

#include <retrograd/nodes/tile.hpp>
#include <retrograd/tape/plan.hpp>

namespace retrograd::cuda {

/// What makes a causal node's state move.
enum class Moves {
  by_values,     ///< one sample after the other
  by_frequency,  ///< an oscillator: by its input 0, with its period
  by_gate,       ///< an envelope: by its input 0, with its samples per unit of time
};

/// Where the samples of an operand are.
struct OperandAt {
  TileOperand::Place place = TileOperand::Place::none;
  bool is_number = false;     ///< stored, constant over time: a double for each row
  std::uint32_t scratch = 0;  ///< of a slot, and of the 16 equal lanes of a number: bytes into the workspace
  void* data = nullptr;       ///< stored, and row adjoints: the first element; row sums: see SumsOverTime
  const std::int64_t* row_of = nullptr;  ///< stored: which of its rows a row of the stage has; null: its own
};

struct StepAt {
  static constexpr int most_operands = 2 + 2 * most_inputs;
  int opcode = 0;  ///< the node's place in TileNodes; -1: a copy
  TileStep::Kind kind = TileStep::Kind::forward;
  AdjointMode mode[most_inputs] = {};
  std::int32_t operand[most_operands] = {};  ///< of the program's: a stage may have more than 16 bits count
  const void* node = nullptr;                ///< its own fields
  std::int32_t state = -1;                   ///< bytes into the states
  std::int32_t carry = -1;                   ///< bytes into the carries
  std::int32_t reduction = -1;
};

/// The largest value of a tile, and where it is.
struct LargestOfTile {
  double value;
  std::int64_t index;
};

/// What a stage's kernels share. All are launched on tasks: a row, or a part of one.
struct StageAt {
  std::int64_t rows, length;
  int tile;            ///< samples, a multiple of 512
  std::int64_t tiles;  ///< in a row
  int state_bytes;
  std::byte* saved_states;       ///< [row][tile]: at each tile's start
  std::int64_t sum_tiles;        ///< of 512 samples, in a row
  double* reduced_tiles;         ///< [reduction][row][sum tile]: of sums over time
  LargestOfTile* largest_tiles;  ///< [reduction][row][tile]
  std::int64_t* largest_index;   ///< [reduction][row]
};

struct ProgramAt {
  const OperandAt* operands;
  const StepAt* steps;
  int operand_count, step_count;
  // Parts of a block's workspace, in bytes from its start.
  int placed, increments, states, states_at_start, work;
  std::size_t workspace_bytes;
  std::byte* workspaces;  ///< one for each block, where shared memory is too small for them; else null
};

/// Sums over the time of each row that the way back makes.
struct SumsOverTime {
  double* tiles;   ///< [sum][row][sum tile]
  double* totals;  ///< [sum][row]: what comes in double beside the tiles
};

}  // namespace retrograd::cuda
