// A whole node: its inputs and output at full length.
#include <retrograd/backends/cuda/stage.hpp>
#include <retrograd/backends/cuda/tile_nodes.hpp>
#include <retrograd/backends/cuda/whole_node.hpp>
#include <retrograd/tensor/errors.hpp>

#include <algorithm>
#include <string_view>

namespace retrograd::cuda {

SharedRowsTable::SharedRowsTable(Gpu& gpu, const std::vector<std::int64_t>& input_of,
                                 std::int64_t input_rows) {
  std::vector<std::int64_t> first(static_cast<std::size_t>(input_rows) + 1), rows(input_of.size());
  for (const std::int64_t input : input_of) ++first[static_cast<std::size_t>(input) + 1];
  for (std::size_t row = 1; row < first.size(); ++row) first[row] += first[row - 1];
  std::vector<std::int64_t> next = first;
  for (std::size_t row = 0; row < input_of.size(); ++row) {
    std::int64_t& place = next[static_cast<std::size_t>(input_of[row])];
    rows[static_cast<std::size_t>(place++)] = static_cast<std::int64_t>(row);
  }
  first_ = on_device(gpu, first);
  rows_ = on_device(gpu, rows);
}

std::vector<std::int64_t> repeated_elements(const Shape& shape, const Shape& target) {
  const BroadcastIndex element(shape, target);
  std::vector<std::int64_t> elements(static_cast<std::size_t>(target.elements()));
  for (std::size_t i = 0; i < elements.size(); ++i) elements[i] = element(static_cast<std::int64_t>(i));
  return elements;
}

namespace {

class WholeStage final : public StageRunner {
 public:
  WholeStage(const StageContext& context, int stage)
      : context_(context),
        index_(context.plan.stages[static_cast<std::size_t>(stage)].nodes[0]),
        node_(context.plan.nodes[static_cast<std::size_t>(index_)]),
        call_(call()) {
    if (node_.type->own_kernels != nullptr) fail_own(*node_.type);
    for_each_node(WholeNodes(), [&]<class N>() {
      if (std::string_view(N::name) == node_.type->name)
        on_device_ = make_device_node(*static_cast<const N*>(node_.data), context_.gpu, call_);
    });
    if (on_device_ == nullptr)
      raise<DeviceError>(std::string("[") + node_.type->name +
                         "] has no CUDA kernel; a tape on the CPU can play it");
  }

  void play() override {
    refresh();
    on_device_->forward(call_);
  }

  int prepare_rewind(std::vector<bool>& has_adjoint) override {
    Rewind rewind;
    if (has_adjoint[static_cast<std::size_t>(index_)] && node_.trainable) {
      rewind.gy = {context_.storage.adjoint(index_), node_.shape, context_.storage.type_of(index_)};
      for (std::size_t i = 0; i < node_.inputs.size(); ++i) {
        const int input = node_.inputs[i];
        DeviceValue target;
        if (node_.type->has_adjoint(i) && context_.plan.nodes[static_cast<std::size_t>(input)].trainable) {
          target = {context_.storage.adjoint(input), call_.x[i].shape, call_.x[i].type};
          if (!has_adjoint[static_cast<std::size_t>(input)]) rewind.to_zero.push_back(target);
          has_adjoint[static_cast<std::size_t>(input)] = true;
        }
        rewind.gx.push_back(target);
      }
      call_.gy = rewind.gy;
      call_.gx = rewind.gx;
      on_device_->prepare_adjoint(call_);
    }
    rewinds_.push_back(std::move(rewind));
    return static_cast<int>(rewinds_.size()) - 1;
  }

  void rewind(int prepared) override {
    const Rewind& rewind = rewinds_[static_cast<std::size_t>(prepared)];
    if (rewind.gy.data == nullptr) return;
    for (const DeviceValue& adjoint : rewind.to_zero)
      context_.gpu.zero(adjoint.data,
                        static_cast<std::size_t>(adjoint.shape.elements()) * bytes_of(adjoint.type));
    refresh();
    call_.gy = rewind.gy;
    call_.gx = rewind.gx;
    on_device_->adjoint(call_);
  }

  std::string describe() const override {
    std::string text = "the whole signal at once, output " + to_string(node_.shape);
    if (bytes() > 0) text += "; " + std::to_string(bytes()) + " bytes of work space and what is kept";
    return text;
  }
  std::size_t bytes() const override { return on_device_->bytes(); }

 private:
  struct Rewind {
    DeviceValue gy;  // without data: no adjoint comes here
    std::vector<DeviceValue> gx;
    std::vector<DeviceValue> to_zero;  // adjoints that nothing was added to yet
  };

  DeviceValue value(int node) const {
    return {context_.storage.value(node), context_.plan.nodes[static_cast<std::size_t>(node)].shape,
            context_.storage.type_of(node)};
  }
  DeviceCall call() const {
    DeviceCall call;
    for (const int input : node_.inputs) {
      call.x.push_back(value(input));
      call.versions.push_back(context_.storage.version(input));
    }
    call.y = value(index_);
    return call;
  }
  // Leaves may have moved or changed since the call before.
  void refresh() {
    for (std::size_t i = 0; i < call_.x.size(); ++i) {
      call_.x[i].data = context_.storage.value(node_.inputs[i]);
      call_.versions[i] = context_.storage.version(node_.inputs[i]);
    }
    call_.y.data = context_.storage.value(index_);
  }

  StageContext context_;
  int index_;
  const PlanNode& node_;
  DeviceCall call_;
  std::unique_ptr<DeviceNode> on_device_;
  std::vector<Rewind> rewinds_;
};

}  // namespace

std::unique_ptr<StageRunner> make_whole_stage(const StageContext& context, int stage) {
  return std::make_unique<WholeStage>(context, stage);
}

}  // namespace retrograd::cuda
