// What runs a plan. The tape knows this interface; backends/ implement it.
#pragma once

#include <retrograd/tape/executor.hpp>
#include <retrograd/tape/graph.hpp>
#include <retrograd/tape/plan.hpp>
#include <retrograd/tape/tape.hpp>

#include <memory>
#include <string>

namespace retrograd {

/// A plan with its memory, ready to play. The graph's leaves hold the inputs, and receive the gradients.
class CompiledPlan {
 public:
  virtual ~CompiledPlan() = default;
  virtual void play() = 0;
  /// `node` is a position in the plan. A null seed is one everywhere.
  virtual void rewind(int node, const TensorView* seed) = 0;
  /// The stored value of a node.
  virtual TensorView value(int node) const = 0;
  virtual const Plan& plan() const = 0;
  /// Stages, the nodes in each, scratch and stored bytes, for people.
  virtual std::string describe() const = 0;
};

/// `graph` and the options' executor outlive what is returned. Throws DeviceError where the device is not
/// there.
std::unique_ptr<CompiledPlan> compile(Graph& graph, Plan plan, const TapeOptions& options);

/// Whether this build and this machine have the device.
bool is_available(Device device);

}  // namespace retrograd
