// Where a plan's values and adjoints are: the leaves' in the graph, all others in the plan.
#pragma once

#include <retrograd/tape/graph.hpp>
#include <retrograd/tape/plan.hpp>
#include <retrograd/tensor/tensor.hpp>

#include <memory>
#include <vector>

namespace retrograd::cpu {

/// A stored adjoint, or that part of another's that it is.
class StoredAdjoint {
 public:
  StoredAdjoint(void* data, const Shape& shape, ElementType type) : data_(data), shape_(shape), type_(type) {}

  void* data() const { return data_; }
  const Shape& shape() const { return shape_; }
  ElementType type() const { return type_; }
  TensorView view() const { return {data_, shape_, type_}; }
  /// All elements; T must be the element type (TapeError).
  template <class T>
  std::span<T> as() const {
    view().require(element_type_of<T>);
    return {static_cast<T*>(data_), static_cast<std::size_t>(shape_.elements())};
  }
  void fill(double value) const;
  /// Overwrites it with `source`, of its shape, converted to its type.
  void assign(const TensorView& source) const;

 private:
  void* data_;
  Shape shape_;
  ElementType type_;
};

class Storage {
 public:
  /// Allocates every stored value that has memory of its own.
  Storage(Graph& graph, const Plan& plan, ElementType type);

  TensorView value(int node) const;
  void* value_data(int node) { return const_cast<void*>(value(node).data); }
  /// The adjoint of a stored value; allocated, as zeros, when first asked for.
  StoredAdjoint adjoint(int node);
  /// Where the elements of a stored adjoint are: those of adjoint(), or what was lent.
  void* const* adjoint_data(int node) { return &adjoint_data_[static_cast<std::size_t>(node)]; }
  /// Whether the adjoint of `node` may be a lent one of `type`: all that reads it finds it by adjoint_data().
  bool can_borrow_adjoint(int node, ElementType type) const;
  /// Has the adjoint of `node` read from `data` until it is returned. Nothing writes there.
  void borrow_adjoint(int node, const void* data);
  void return_adjoint(int node);
  bool has_adjoint(int node) const;
  ElementType type_of(int node) const;
  std::uint64_t version(int node) const;

  /// Bytes of the values this plan stores, and of their adjoints.
  std::size_t bytes() const;

 private:
  const PlanNode& node(int n) const { return plan_.nodes[static_cast<std::size_t>(n)]; }
  Leaf* leaf(int n) const;
  Tensor& own_adjoint(int n);

  Graph& graph_;
  const Plan& plan_;
  ElementType type_;
  std::vector<std::unique_ptr<Tensor>> values_, adjoints_;  // of the few nodes that are stored
  std::vector<void*> adjoint_data_;
};

}  // namespace retrograd::cpu
