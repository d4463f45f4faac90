// What a whole node sees: its inputs and output at full length.
//
// Such a node is a struct whose work is in a .cpp beside it:
//
//     struct Concat : Whole {
//       static constexpr const char* name = "concat";
//       void forward(const WholeCall& call) const;  // fills y
//       void adjoint(const WholeCall& call) const;  // adds to gx where it is wanted, from gy
//       void tangent(const WholeCall& call) const;  // fills y with the derivative along dx: for gradcheck
//     };
#pragma once

#include <retrograd/nodes/node.hpp>

#include <span>

namespace retrograd {

/// A tensor to be written. `data` is null where an adjoint is not wanted.
struct MutableView {
  void* data = nullptr;
  Shape shape;
  ElementType type = ElementType::f64;
  operator TensorView() const { return {data, shape, type}; }
};

/// What a whole node keeps between plays: work space, and what depends on inputs that did not change.
struct WholeMemory {
  virtual ~WholeMemory() = default;
  /// How much it holds now, for people: work space and what is kept.
  virtual std::size_t bytes() const = 0;
};

struct WholeCall {
  std::span<const TensorView> x;
  std::span<const std::uint64_t>
      versions;      ///< of each input that is set from outside: changes with its value; 0: computed
  MutableView y;     ///< forward, tangent: all of it is to be overwritten
  TensorView value;  ///< adjoint: what forward computed
  TensorView gy;     ///< adjoint
  std::span<const MutableView> gx;  ///< adjoint: zeroed or holding earlier contributions
  std::span<const TensorView> dx;   ///< tangent: one direction per input
  Executor* executor = nullptr;
  WholeMemory* memory = nullptr;
};

struct Whole : NodeDefaults {
  static constexpr NodeKind kind = NodeKind::whole;
  std::unique_ptr<WholeMemory> make_memory(const WholeCall&) const { return nullptr; }
};

/// Calls `body` with the pointer to the elements, typed.
template <class Body>
void visit(const TensorView& view, Body&& body) {
  if (view.type == ElementType::f32)
    body(static_cast<const float*>(view.data));
  else
    body(static_cast<const double*>(view.data));
}
template <class Body>
void visit(const MutableView& view, Body&& body) {
  if (view.type == ElementType::f32)
    body(static_cast<float*>(view.data));
  else
    body(static_cast<double*>(view.data));
}

/// Records a whole node. The output is a signal where its length is over 1, a constant otherwise.
template <class N>
Var whole(const N& node, std::span<const Var> inputs, const Shape& shape) {
  TapeState* tape = common_tape(inputs, N::name);
  return record_node(tape, node_type<N>, NodeData::of(node), inputs, shape, shape.length() > 1);
}

}  // namespace retrograd
