// Concat, stack, slice, reshape and broadcast_to on a GPU.
#include <retrograd/backends/cuda/kernels.hpp>
#include <retrograd/backends/cuda/whole_node.hpp>

#include <concepts>
#include <optional>

namespace retrograd::cuda {

namespace {

// Runs that follow one another evenly, as families.
class FamilyList {
 public:
  void add(const Run& run) {
    if (!families_.empty()) {
      RunFamily& family = families_.back();
      const std::int64_t from_step = run.from - last_.from, to_step = run.to - last_.to;
      if (runs_of_last_ == 1) {
        family.from_step = from_step;
        family.to_step = to_step;
      }
      if (run.count == family.count && run.stride == family.stride && from_step == family.from_step &&
          to_step == family.to_step)
        ++runs_of_last_;
      else
        runs_of_last_ = 0;
    }
    if (runs_of_last_ == 0) {
      families_.push_back({elements_, run.count, run.stride, run.from, 0, run.to, 0});
      runs_of_last_ = 1;
    }
    last_ = run;
    elements_ += run.count;
  }
  const std::vector<RunFamily>& families() const { return families_; }
  std::int64_t elements() const { return elements_; }

 private:
  std::vector<RunFamily> families_;
  std::int64_t elements_ = 0;
  std::int64_t runs_of_last_ = 0;
  Run last_{};
};

template <class N>
class RearrangeOnDevice final : public DeviceNode {
 public:
  RearrangeOnDevice(const N& node, Gpu& gpu, const DeviceCall& call) : gpu_(gpu) {
    std::vector<TensorView> x;
    for (const DeviceValue& input : call.x) x.push_back({nullptr, input.shape, input.type});
    std::vector<FamilyList> lists(x.size());
    node.for_each_run(x, call.y.shape, [&](const Run& run) { lists[run.input].add(run); });
    for (const FamilyList& list : lists)
      inputs_.push_back(
          {on_device(gpu, list.families()), static_cast<int>(list.families().size()), list.elements()});
    if constexpr (std::same_as<N, BroadcastTo>)
      repeated_.emplace(gpu, repeated_elements(x[0].shape.with_length(1), call.y.shape.with_length(1)),
                        x[0].shape.rows());
  }

  void forward(const DeviceCall& call) override {
    for (std::size_t i = 0; i < inputs_.size(); ++i)
      with_types(call.x[i], call.y, [&]<class X, class Y>() {
        launch<MoveElements<X, Y>>(gpu_, blocks_for(inputs_[i].elements), 0,
                                   {inputs_[i].runs(), call.x[i].template as<X>(), call.y.as<Y>()});
      });
  }

  // One input after the other: two that are the same value are added to in the order of the runs.
  void adjoint(const DeviceCall& call) override {
    for (std::size_t i = 0; i < inputs_.size(); ++i) {
      const DeviceValue& gx = call.gx[i];
      if (gx.data == nullptr) continue;
      with_types(gx, call.gy, [&]<class X, class Y>() { add_back<X, Y>(inputs_[i], gx, call.gy); });
    }
  }

  std::size_t bytes() const override {
    std::size_t total = repeated_ ? repeated_->bytes() : 0;
    for (const Input& input : inputs_) total += input.families.bytes();
    return total;
  }

 private:
  struct Input {
    DeviceMemory families;
    int count;
    std::int64_t elements;
    RunFamilies runs() const { return {families.as<RunFamily>(), count, elements}; }
  };

  template <class Visit>
  static void with_types(const DeviceValue& x, const DeviceValue& y, const Visit& visit) {
    with_type(x.type,
              [&]<class X>() { with_type(y.type, [&]<class Y>() { visit.template operator()<X, Y>(); }); });
  }

  template <class X, class Y>
  void add_back(const Input& input, const DeviceValue& gx, const DeviceValue& gy) {
    const std::int64_t length = gy.shape.length();
    if (!repeated_)
      launch<AddBack<X, Y>>(gpu_, blocks_for(input.elements), 0, {input.runs(), gx.as<X>(), gy.as<Y>()});
    else if (gx.shape.length() == length)
      launch<AddRepeatedRows<X, Y>>(gpu_, blocks_for(gx.shape.elements()), 0,
                                    {repeated_->rows(), gx.shape.elements(), length, gx.as<X>(), gy.as<Y>()});
    else
      launch<AddRepeatedElements<X, Y>>(gpu_, gx.shape.rows(), AddRepeatedElements<X, Y>::shared_bytes,
                                        {repeated_->rows(), length, gx.as<X>(), gy.as<Y>()});
  }

  Gpu& gpu_;
  std::vector<Input> inputs_;
  std::optional<SharedRowsTable> repeated_;  // of broadcast_to
};

}  // namespace

std::unique_ptr<DeviceNode> make_device_node(const BroadcastTo& node, Gpu& gpu, const DeviceCall& call) {
  return std::make_unique<RearrangeOnDevice<BroadcastTo>>(node, gpu, call);
}
std::unique_ptr<DeviceNode> make_device_node(const Concat& node, Gpu& gpu, const DeviceCall& call) {
  return std::make_unique<RearrangeOnDevice<Concat>>(node, gpu, call);
}
std::unique_ptr<DeviceNode> make_device_node(const Reshape& node, Gpu& gpu, const DeviceCall& call) {
  return std::make_unique<RearrangeOnDevice<Reshape>>(node, gpu, call);
}
std::unique_ptr<DeviceNode> make_device_node(const Slice& node, Gpu& gpu, const DeviceCall& call) {
  return std::make_unique<RearrangeOnDevice<Slice>>(node, gpu, call);
}
std::unique_ptr<DeviceNode> make_device_node(const Stack& node, Gpu& gpu, const DeviceCall& call) {
  return std::make_unique<RearrangeOnDevice<Stack>>(node, gpu, call);
}

}  // namespace retrograd::cuda
