// A whole node on a GPU: what its file makes for the stage that runs it.
#pragma once

#include <retrograd/backends/cuda/elements.hpp>
#include <retrograd/backends/cuda/gpu.hpp>
#include <retrograd/nodes/all.hpp>

#include <span>
#include <vector>

namespace retrograd::cuda {

/// A value, or an adjoint, on the device. `data` is null where an adjoint is not wanted.
struct DeviceValue {
  void* data = nullptr;
  Shape shape;
  ElementType type = ElementType::f64;

  template <class X>
  X* as() const {
    return static_cast<X*>(data);
  }
};

/// As WholeCall, on the device.
struct DeviceCall {
  std::vector<DeviceValue> x;
  std::vector<std::uint64_t> versions;  ///< of each input; 0: computed
  DeviceValue y;
  DeviceValue gy;               ///< adjoint
  std::vector<DeviceValue> gx;  ///< adjoint: zeroed or holding earlier contributions
};

/// Every function only launches kernels, but for prepare_adjoint(), which may allocate.
class DeviceNode {
 public:
  virtual ~DeviceNode() = default;
  virtual void forward(const DeviceCall& call) = 0;
  /// Makes room for adjoint() with these `gx`.
  virtual void prepare_adjoint(const DeviceCall&) {}
  virtual void adjoint(const DeviceCall& call) = 0;
  /// Of work space and what is kept.
  virtual std::size_t bytes() const = 0;
};

// One for each of WholeNodes. `call` says shapes and types.
std::unique_ptr<DeviceNode> make_device_node(const BroadcastTo& node, Gpu& gpu, const DeviceCall& call);
std::unique_ptr<DeviceNode> make_device_node(const Concat& node, Gpu& gpu, const DeviceCall& call);
std::unique_ptr<DeviceNode> make_device_node(const Matmul& node, Gpu& gpu, const DeviceCall& call);
std::unique_ptr<DeviceNode> make_device_node(const MaximumOverRows& node, Gpu& gpu, const DeviceCall& call);
std::unique_ptr<DeviceNode> make_device_node(const MultiResolutionStft& node, Gpu& gpu,
                                             const DeviceCall& call);
std::unique_ptr<DeviceNode> make_device_node(const Reshape& node, Gpu& gpu, const DeviceCall& call);
std::unique_ptr<DeviceNode> make_device_node(const Slice& node, Gpu& gpu, const DeviceCall& call);
std::unique_ptr<DeviceNode> make_device_node(const Stack& node, Gpu& gpu, const DeviceCall& call);
std::unique_ptr<DeviceNode> make_device_node(const StftMagnitude& node, Gpu& gpu, const DeviceCall& call);
std::unique_ptr<DeviceNode> make_device_node(const SumOverRows& node, Gpu& gpu, const DeviceCall& call);

/// SharedRows on the device: `input_of[row]` is the row of the input that row `row` of the output repeats.
class SharedRowsTable {
 public:
  SharedRowsTable(Gpu& gpu, const std::vector<std::int64_t>& input_of, std::int64_t input_rows);
  SharedRows rows() const { return {first_.as<std::int64_t>(), rows_.as<std::int64_t>()}; }
  std::size_t bytes() const { return first_.bytes() + rows_.bytes(); }

 private:
  DeviceMemory first_, rows_;
};

/// For each element (row) of `target`, in order, the one of `shape` that it repeats.
std::vector<std::int64_t> repeated_elements(const Shape& shape, const Shape& target);

/// visit.operator()<Real>() with the type.
template <class Visit>
void with_type(ElementType type, const Visit& visit) {
  if (type == ElementType::f32)
    visit.template operator()<float>();
  else
    visit.template operator()<double>();
}

}  // namespace retrograd::cuda
