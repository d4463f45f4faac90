// The sum and the maximum over rows on a GPU.
#include <retrograd/backends/cuda/kernels.hpp>
#include <retrograd/backends/cuda/whole_node.hpp>

namespace retrograd::cuda {

namespace {

class SumOverRowsOnDevice final : public DeviceNode {
 public:
  SumOverRowsOnDevice(Gpu& gpu, std::int64_t count)
      : gpu_(gpu),
        count_(count),
        work_(gpu, static_cast<std::size_t>((count + math::sum_tile - 1) / math::sum_tile) * sizeof(double)) {
  }

  void forward(const DeviceCall& call) override {
    launch<SumRows>(gpu_, 1, 0, {call.x[0].as<double>(), count_, work_.as<double>(), call.y.as<double>()});
  }
  void adjoint(const DeviceCall& call) override {
    if (call.gx[0].data == nullptr) return;
    launch<AddToAllRows>(gpu_, blocks_for(count_), 0,
                         {call.gy.as<double>(), call.gx[0].as<double>(), count_});
  }
  std::size_t bytes() const override { return work_.bytes(); }

 private:
  Gpu& gpu_;
  std::int64_t count_;
  DeviceMemory work_;
};

class MaximumOverRowsOnDevice final : public DeviceNode {
 public:
  MaximumOverRowsOnDevice(Gpu& gpu, std::int64_t count) : gpu_(gpu), count_(count) {}

  void forward(const DeviceCall& call) override {
    launch<LargestRow>(gpu_, 1, sizeof(Largest), {call.x[0].as<double>(), count_, call.y.as<double>()});
  }
  void adjoint(const DeviceCall& call) override {
    if (call.gx[0].data == nullptr) return;
    launch<AddToLargestRow>(gpu_, 1, sizeof(Largest),
                            {call.x[0].as<double>(), count_, call.gy.as<double>(), call.gx[0].as<double>()});
  }
  std::size_t bytes() const override { return 0; }

 private:
  Gpu& gpu_;
  std::int64_t count_;
};

}  // namespace

std::unique_ptr<DeviceNode> make_device_node(const SumOverRows&, Gpu& gpu, const DeviceCall& call) {
  return std::make_unique<SumOverRowsOnDevice>(gpu, call.x[0].shape.elements());
}
std::unique_ptr<DeviceNode> make_device_node(const MaximumOverRows&, Gpu& gpu, const DeviceCall& call) {
  return std::make_unique<MaximumOverRowsOnDevice>(gpu, call.x[0].shape.elements());
}

}  // namespace retrograd::cuda
