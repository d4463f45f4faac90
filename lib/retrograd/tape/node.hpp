// What the tape and the plan know of a node: its name, its kind and what its adjoint reads. What it computes
// is in nodes/, and only backends look inside.
#pragma once

#include <retrograd/tape/domain.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <type_traits>
#include <utility>

namespace retrograd {

enum class NodeKind {
  leaf,       ///< an input or a parameter: a value set from outside
  pointwise,  ///< this sample's inputs give this sample's output
  causal,     ///< keeps a small state from sample to sample
  reduction,  ///< a sum or maximum over time: a whole node that tiles can feed one by one
  over_rows,  ///< a sum over rows that keeps time: this sample's rows give this sample's output
  whole,      ///< must see the whole signal
};

constexpr const char* name(NodeKind kind) {
  constexpr const char* names[] = {"leaf", "pointwise", "causal", "reduction", "over_rows", "whole"};
  return names[static_cast<int>(kind)];
}

/// A pattern of nodes that run in one pass: a root, and factors that nobody else reads, which compute its first inputs,
/// each kind of factor one of them. nodes/fusions.hpp lists the patterns there are.
struct Fusion {
  const char* name;
  int factors;               ///< 1 to most_factors
  unsigned constant_inputs;  ///< bit i: input i of the root is constant over time
  static constexpr int most_factors = 4;
};

/// Where a node stands in a pattern.
struct FusionPlace {
  const Fusion* fusion = nullptr;  ///< null: in none
  int factor = -1;                 ///< which, counted from 0; -1: the root
};

/// What the values of one input, constant over time, may be. The tape sees to it: leaves are checked when the
/// node is recorded and when they are set, computed values in every play, before the node runs.
struct InputDomain {
  std::size_t input;  ///< which one
  const char* name;   ///< "attack": for messages
  Domain domain;
};

/// Which earlier samples of its first input a node reads: for sample n of its output those from n - most to n - least.
struct Reach {
  std::int64_t least, most;
};

/// One operation, type-erased. `node_type<N>` in nodes/node.hpp makes it from the node's struct.
struct NodeType {
  const char* name;
  NodeKind kind;
  unsigned differentiable;          ///< bit i: input i has an adjoint; see has_adjoint()
  bool adjoint_reads_inputs;        ///< the adjoint needs the inputs' values, so they are recomputed for it
  bool adjoint_reads_output;        ///< the adjoint needs the output's value
  unsigned passes_through;          ///< bit i: input i's adjoint is the output's adjoint, unchanged
  bool keeps_state;                 ///< causal: a state is saved at each tile's start
  const NodeType* chain = nullptr;  ///< what op(op(a, b), c) is when merged into one node; null: nothing
  const void* own_kernels =
      nullptr;  ///< the kernels of a user's own node; null: the backend has them built in
  /// Causal: the state can be moved over a tile without the values; bit i: that needs input i. 0: it cannot.
  unsigned advance_reads = 0;
  std::span<const InputDomain> input_domains = {};  ///< of the inputs that may not be any number
  FusionPlace fusion_place = {};
  /// Bit i: input i is a matrix over its last two axes, all of whose rows every row of the output reads.
  unsigned matrix_inputs = 0;

  /// A node may have any number of inputs: bit 31 of `differentiable` is that of all inputs from there on.
  constexpr bool has_adjoint(std::size_t input) const {
    return (differentiable >> std::min<std::size_t>(input, 31) & 1u) != 0;
  }
  /// Causal, with the node's own fields: how far back it reads its first input. Such a node keeps no state. Null: a node
  /// reads no sample but the one at hand.
  Reach (*reach)(const void* data) = nullptr;
  /// Causal, with a state: how few samples it can go at a time, in a loop that is shorter than a tile; more are multiples
  /// of 16.
  int least_part = 1;
  /// In place of `input_domains`, where they depend on the node's own fields.
  std::span<const InputDomain> (*own_domains)(const void* data) = nullptr;
};

/// What a node allows of its inputs.
inline std::span<const InputDomain> domains_of(const NodeType& type, const void* data) {
  return type.own_domains != nullptr ? type.own_domains(data) : type.input_domains;
}

/// Throws DomainError naming the node, the input and the first element of `value` that lies outside.
/// `source`: the node that computed it; null: it was set from outside. Allocates nothing where all is well.
void check_input(const NodeType& node, const InputDomain& allowed, const TensorView& value,
                 const NodeType* source = nullptr);

/// A node's own fields (a window size, a sample rate), owned and type-erased.
class NodeData {
 public:
  NodeData() : data_(nullptr, [](const void*) {}) {}
  template <class N>
  static NodeData of(N node) {
    NodeData data;
    if constexpr (std::is_empty_v<N> && std::is_trivial_v<N>) {
      static constexpr N any{};
      data.data_ = {&any, [](const void*) {}};
    } else {
      data.data_ = {new N(std::move(node)), [](const void* n) { delete static_cast<const N*>(n); }};
    }
    return data;
  }
  const void* get() const { return data_.get(); }

 private:
  std::unique_ptr<const void, void (*)(const void*)> data_;
};

}  // namespace retrograd
