// What the host knows of the nodes that run in tiles on the device: their opcodes and their fields.
#pragma once

#include <retrograd/backends/cuda/device_program.hpp>
#include <retrograd/backends/cuda/gpu.hpp>
#include <retrograd/tape/plan.hpp>

#include <map>

namespace retrograd::cuda {

/// DeviceError: a user's own node has no code on the device.
[[noreturn]] void fail_own(const NodeType& type);

/// The place of a node in TileNodes (and, of a pointwise one, in PointwiseNodes). DeviceError for a user's own node,
/// which has no code on the device.
int opcode_of(const NodeType& type);

struct Movement {
  Moves moves = Moves::by_values;
  double unit = 1.0;
};
Movement movement_of(const PlanNode& node);

/// Bytes that a causal node keeps for each row on the device, multiples of 16, and tiles of samples that its adjoint works in: as its
/// OnLanes says. DeviceError for a user's own node.
struct CausalMemory {
  int state, carry;
  int adjoint_tiles;
};
CausalMemory memory_of(const NodeType& type);

/// The fields of nodes on the device, each once.
class NodeFields {
 public:
  explicit NodeFields(Gpu& gpu) : gpu_(gpu) {}
  const void* of(const PlanNode& node);
  std::size_t bytes() const;

 private:
  Gpu& gpu_;
  std::map<const void*, DeviceMemory> fields_;
};

}  // namespace retrograd::cuda
