// A tile program on the device, bound to a plan's values.
#pragma once

#include <retrograd/backends/cuda/device_program.hpp>
#include <retrograd/backends/cuda/storage.hpp>
#include <retrograd/backends/cuda/tile_nodes.hpp>
#include <retrograd/backends/row_map.hpp>

namespace retrograd::cuda {

/// Parts of a block's workspace, one after the other. DeviceError where an int has no room for where one lies.
struct WorkspaceLayout {
  std::size_t end = 0;  ///< bytes so far
  int take(std::size_t bytes);
};

/// Where each causal node's state lies in the states of a row: see memory_of.
struct StatesOf {
  std::vector<int> offset;                    ///< by plan node; -1
  std::vector<int> reductions, reduction_of;  ///< the stage's reduction nodes; by plan node: which; -1
  int bytes = 0;
  StatesOf(const Plan& plan, int stage);
};

/// Operands of a stage on the device, with the tables that say which row is whose.
class OperandTables {
 public:
  OperandTables(Gpu& gpu, const Plan& plan, int stage, Storage& storage);
  /// Of a stored value or, where `is_adjoint`, of its adjoint.
  OperandAt stored(int node, bool is_adjoint);
  std::size_t bytes() const;

 private:
  Gpu& gpu_;
  const Plan& plan_;
  Shape rows_;
  Storage& storage_;
  std::map<int, DeviceMemory> row_of_;  // by node
};

class BoundProgram {
 public:
  /// `most_tasks`: that will be run at once. `row_adjoints`: where the program's row adjoints are, one after the other.
  BoundProgram(Gpu& gpu, TileProgram program, const Plan& plan, OperandTables& tables, NodeFields& fields,
               const StatesOf& states, ElementType type, int tile, std::int64_t most_tasks,
               std::span<void* const> row_adjoints = {});

  const TileProgram& program() const { return program_; }
  const ProgramAt& at() const { return at_; }
  int carry_bytes() const { return carry_bytes_; }
  /// The steps whose carries are joined from group to group, and where those are.
  struct Join {
    int step, carry;
  };
  const std::vector<Join>& joins() const { return joins_; }
  /// Whether groups of tiles can be computed in any order and joined.
  bool groups_are_independent() const { return groups_are_independent_; }
  std::size_t workspace_bytes() const { return at_.workspace_bytes; }
  std::size_t bytes() const;

  /// How many blocks run `tasks`, and how much shared memory each has: where the workspace does not fit there, so many
  /// as have one in the device's memory.
  int blocks(std::int64_t tasks) const;
  std::size_t shared_bytes() const { return at_.workspaces == nullptr ? at_.workspace_bytes : 0; }

 private:
  TileProgram program_;
  ProgramAt at_{};
  int carry_bytes_ = 0;
  std::int64_t most_blocks_;
  std::vector<Join> joins_;
  bool groups_are_independent_ = true;
  DeviceMemory operands_, steps_, workspaces_;
};

}  // namespace retrograd::cuda
