// What a tape has recorded. Internal to the tape, the plan and the backends.
#pragma once

#include <retrograd/tape/domain.hpp>
#include <retrograd/tape/node.hpp>
#include <retrograd/tensor/tensor.hpp>

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <vector>

namespace retrograd {

struct RecordedNode {
  const NodeType* type;
  NodeData data;
  std::vector<int> inputs;
  Shape shape;
  bool signal;
  bool kept = false;
  int leaf = -1;
};

/// An input, a parameter or a constant: its value, and its gradient once there was one.
struct Leaf {
  std::string name;
  Tensor value;
  Domain domain;
  bool is_parameter;
  bool frozen;
  std::uint64_t version =
      0;  ///< counts the values it had, so that whole nodes can keep what depends on it alone
  std::optional<Tensor> gradient = std::nullopt;
  /// Nodes that read it and do not allow every number.
  struct Reader {
    const NodeType* node;
    const InputDomain* allowed;
  };
  std::vector<Reader> readers = {};
};

struct Graph {
  std::vector<RecordedNode> nodes;
  std::deque<Leaf> leaves;  ///< plans point at gradients: recording on must not move them
};

struct TapeState;
/// What `tape` has recorded so far; valid until the next recording.
const Graph& graph_of(const TapeState* tape);
Graph& graph_of(TapeState* tape);

}  // namespace retrograd
