// Where a plan's values and adjoints are on a GPU: the leaves' beside those in the graph, all others in the plan.
#pragma once

#include <retrograd/backends/cuda/gpu.hpp>
#include <retrograd/tape/graph.hpp>
#include <retrograd/tape/plan.hpp>

#include <optional>
#include <vector>

namespace retrograd::cuda {

/// A leaf's value and gradient on the device, for all plans of its tape.
class LeafOnGpu final : public LeafOnDevice {
 public:
  LeafOnGpu(Gpu& gpu, const Leaf& leaf);
  /// The leaf's, made where it has none.
  static LeafOnGpu& of(Gpu& gpu, Leaf& leaf);

  /// Brings what was set since the last time to the device.
  void update(const Leaf& leaf) override;
  void* value() const { return value_.data(); }
  /// Allocated when first asked for, all zeros.
  void* gradient();
  bool has_gradient() const { return gradient_.data() != nullptr; }
  /// All zeros, here and on the host.
  void clear_gradient(Tensor& on_host);

  const void* value_there() override { return value_.data(); }
  const void* gradient_there() override { return gradient_.data(); }
  void assign(const void* value) override {
    if (value != value_.data()) gpu_.copy(value_.data(), value, value_.bytes());
  }
  void fetch_value(Tensor& to) override;
  void fetch_gradient(Tensor& to) override;

 private:
  Gpu& gpu_;
  DeviceMemory value_, gradient_;
  std::uint64_t version_;  // of the leaf, that is here
};

class Storage {
 public:
  /// Allocates every stored value.
  Storage(Gpu& gpu, Graph& graph, const Plan& plan, ElementType type);

  /// Brings the leaves that were set since the last time to the device.
  void update_leaves();
  /// The gradients of the plan's leaves were computed.
  void gradients_changed();

  /// On the device. The elements of a value constant over time are double, of a signal of the tape's type.
  void* value(int node) const;
  /// The adjoint of a stored value; allocated when first asked for, with anything in it.
  void* adjoint(int node);
  bool has_adjoint(int node) const;
  std::size_t bytes_of_node(int node) const;
  ElementType type_of(int node) const { return this->node(node).signal ? type_ : ElementType::f64; }
  /// Of a leaf: changes with its value; 0: the node is computed.
  std::uint64_t version(int node) const;

  /// The value on the host, brought there.
  TensorView fetch(int node) const;

  /// Bytes on the device of the values this plan stores, and of their adjoints.
  std::size_t bytes() const;

 private:
  const PlanNode& node(int n) const { return plan_.nodes[static_cast<std::size_t>(n)]; }
  Leaf* leaf(int n) const;

  Gpu& gpu_;
  Graph& graph_;
  const Plan& plan_;
  ElementType type_;
  std::vector<DeviceMemory> values_, adjoints_;
  mutable std::vector<std::optional<Tensor>> on_host_;
};

}  // namespace retrograd::cuda
