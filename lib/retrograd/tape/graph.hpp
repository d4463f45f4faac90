// What a tape has recorded. Internal to the tape, the plan and the backends.
#pragma once

#include <retrograd/tape/domain.hpp>
#include <retrograd/tape/node.hpp>
#include <retrograd/tape/var.hpp>
#include <retrograd/tensor/tensor.hpp>

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace retrograd {

struct RecordedNode {
  const NodeType* type;
  NodeData data;
  std::size_t first_input, input_count;  ///< in Graph::inputs
  Shape shape;
  bool signal;
  bool kept = false;
  int leaf = -1;
  int loop = -1;  ///< whose value it is: in Graph::loops
};

/// A loop: the value that is read before it is computed, and what it is once it is.
struct RecordedLoop {
  std::int64_t least_samples;  ///< what every delay that reads it is at least
  int closed_by = -1;          ///< a node; -1: not closed yet
};

struct Leaf;

/// A leaf's value and gradient on a device other than the CPU.
class LeafOnDevice {
 public:
  virtual ~LeafOnDevice() = default;
  bool value_is_newer = false, gradient_is_newer = false;  ///< than the host's
  /// Bring them to the host; wait for it.
  virtual void fetch_value(Tensor& to) = 0;
  virtual void fetch_gradient(Tensor& to) = 0;
  /// There; the gradient null before the first rewind.
  virtual const void* value_there() = 0;
  virtual const void* gradient_there() = 0;
  /// Takes a value that is there.
  virtual void assign(const void* value) = 0;
  /// Takes the leaf's value from here where it is newer.
  virtual void update(const Leaf& leaf) = 0;
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
  std::unique_ptr<LeafOnDevice> on_device = nullptr;
};

struct Graph {
  std::vector<RecordedNode> nodes;
  std::vector<int> inputs;  ///< of all nodes, one after the other
  std::vector<RecordedLoop> loops;
  std::deque<Leaf> leaves;  ///< plans point at gradients: recording on must not move them

  std::span<const int> inputs_of(const RecordedNode& node) const {
    return {inputs.data() + node.first_input, node.input_count};
  }
};

struct TapeState;
/// What `tape` has recorded so far; valid until the next recording.
const Graph& graph_of(const TapeState* tape);
Graph& graph_of(TapeState* tape);

/// The leaf of a Var whose gradient was computed; TapeError otherwise.
Leaf& leaf_with_gradient(TapeState* tape, Var var);
/// The leaf's value on the host, brought there where it is newer on a device.
const Tensor& value_of(Leaf& leaf);
/// The leaf of a Var; TapeError where it is none.
Leaf& leaf_of(TapeState* tape, Var var);
/// Where the last play left a value on the GPU of a tape that is on one.
const void* value_on_device(TapeState* tape, Var var);
/// Leaves have other values than the last play saw.
void leaves_were_moved(TapeState* tape);

}  // namespace retrograd
