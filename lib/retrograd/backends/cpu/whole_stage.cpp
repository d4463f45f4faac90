// A whole node: its inputs and output at full length.
#include <retrograd/backends/cpu/kernels.hpp>
#include <retrograd/backends/cpu/stage.hpp>
#include <retrograd/backends/cpu/views.hpp>

#include <algorithm>
#include <optional>

namespace retrograd::cpu {

namespace {

class WholeStage final : public StageRunner {
 public:
  WholeStage(const StageContext& context, int stage)
      : context_(context),
        index_(context.plan.stages[static_cast<std::size_t>(stage)].nodes[0]),
        node_(context.plan.nodes[static_cast<std::size_t>(index_)]),
        kernels_(find_kernels(*node_.type)) {
    for (const int input : node_.inputs) {
      x_.push_back(context_.storage.value(input));
      versions_.push_back(context_.storage.version(input));
    }
    memory_ = kernels_.whole_memory(node_.data, call());
  }

  void play() override {
    for (std::size_t i = 0; i < versions_.size(); ++i)
      versions_[i] = context_.storage.version(node_.inputs[i]);
    WholeCall forward = call();
    const TensorView y = context_.storage.value(index_);
    forward.y = {context_.storage.value_data(index_), y.shape, y.type};
    kernels_.whole_forward(node_.data, forward);
  }

  int prepare_rewind(std::vector<bool>& has_adjoint) override {
    Rewind rewind;
    if (has_adjoint[static_cast<std::size_t>(index_)] && node_.trainable) {
      rewind.gy = context_.storage.adjoint(index_);
      for (std::size_t i = 0; i < node_.inputs.size(); ++i) {
        const int input = node_.inputs[i];
        MutableView target;
        if (node_.type->has_adjoint(i) && context_.plan.nodes[static_cast<std::size_t>(input)].trainable) {
          const StoredAdjoint adjoint = context_.storage.adjoint(input);
          target = {adjoint.data(), adjoint.shape(), adjoint.type()};
          if (!has_adjoint[static_cast<std::size_t>(input)]) rewind.to_zero.push_back(adjoint);
          has_adjoint[static_cast<std::size_t>(input)] = true;
        }
        rewind.gx.push_back(target);
      }
    }
    rewinds_.push_back(std::move(rewind));
    return static_cast<int>(rewinds_.size()) - 1;
  }

  void rewind(int prepared) override {
    const Rewind& rewind = rewinds_[static_cast<std::size_t>(prepared)];
    if (!rewind.gy) return;
    for (const StoredAdjoint& adjoint : rewind.to_zero) adjoint.fill(0.0);
    WholeCall adjoint = call();
    adjoint.value = context_.storage.value(index_);
    adjoint.gy = rewind.gy->view();
    adjoint.gx = rewind.gx;
    kernels_.whole_adjoint(node_.data, adjoint);
  }

  std::string describe() const override {
    std::string text = "the whole signal at once, output " + to_string(node_.shape);
    if (bytes() > 0) text += "; " + std::to_string(bytes()) + " bytes of work space and what is kept";
    return text;
  }
  std::size_t bytes() const override { return memory_ != nullptr ? memory_->bytes() : 0; }

 private:
  struct Rewind {
    std::optional<StoredAdjoint> gy;  // none: no adjoint comes here
    std::vector<MutableView> gx;
    std::vector<StoredAdjoint> to_zero;  // adjoints that nothing was added to yet
  };

  WholeCall call() const {
    WholeCall call;
    call.x = x_;
    call.versions = versions_;
    call.executor = &context_.executor;
    call.memory = memory_.get();
    return call;
  }

  StageContext context_;
  int index_;
  const PlanNode& node_;
  const Kernels& kernels_;
  std::vector<TensorView> x_;
  std::vector<std::uint64_t> versions_;
  std::unique_ptr<WholeMemory> memory_;
  std::vector<Rewind> rewinds_;
};

}  // namespace

std::unique_ptr<StageRunner> make_whole_stage(const StageContext& context, int stage) {
  const Plan& plan = context.plan;
  if (runs_of_rows(
          plan, plan.nodes[static_cast<std::size_t>(plan.stages[static_cast<std::size_t>(stage)].nodes[0])]))
    return make_view_stage(context, stage);
  return std::make_unique<WholeStage>(context, stage);
}

}  // namespace retrograd::cpu
