// The CUDA backend: a plan's stages one after the other, forwards and backwards. Everything is asked for and nothing
// waited for, until a value is read.
#include <retrograd/backends/checks.hpp>
#include <retrograd/backends/cuda/kernels.hpp>
#include <retrograd/backends/cuda/parts.hpp>
#include <retrograd/backends/cuda/stage.hpp>
#include <retrograd/backends/description.hpp>
#include <retrograd/backends/mixed_rows.hpp>
#include <retrograd/backends/prepared_stages.hpp>

#include <algorithm>
#include <map>

namespace retrograd::cuda {

namespace {

Plan without_history(Plan plan) {
  for (const PlanNode& node : plan.nodes)
    if (node.type->reach != nullptr)
      raise<DeviceError>(std::string("[") + node.type->name + "] of shape " + to_string(node.shape) +
                         " reads earlier samples, which device cuda does not keep; the CPU plays it");
  return plan;
}

class CudaPlan final : public CompiledPlan {
 public:
  CudaPlan(Gpu& gpu, Graph& graph, Plan plan, const TapeOptions& options)
      : gpu_(gpu),
        graph_(graph),
        plan_(with_mixed_rows_stored(without_history(std::move(plan)))),
        type_(options.type),
        storage_(gpu, graph, plan_, options.type),
        checks_(computed_inputs(plan_)) {
    const StageContext context{plan_, storage_, gpu, options.type};
    stages_ = make_stages(plan_, context);
  }

  void play() override {
    storage_.update_leaves();
    for (std::size_t stage = 0; stage <= stages_.size(); ++stage) {
      // The one place that waits: a value that is computed and may not be any number is looked at by the host.
      for (const ComputedInput& check : checks_[stage])
        check_input(*check.node, *check.allowed, storage_.fetch(check.input), check.source);
      if (stage < stages_.size()) stages_[stage]->play();
    }
  }

  void rewind(int y, const TensorView* seed) override {
    const PreparedRewind& rewind = rewind_from(y);
    start_from(y, seed);  // first: the seed may be a gradient
    for (const int node : rewind.to_zero) gpu_.zero(storage_.adjoint(node), storage_.bytes_of_node(node));
    clear_gradients_outside();
    for (std::size_t stage = stages_.size(); stage-- > 0;) stages_[stage]->rewind(rewind.stages[stage]);
    storage_.gradients_changed();
  }

  TensorView value(int node) const override { return storage_.fetch(node); }
  const void* value_on_device(int node) const override { return storage_.value(node); }
  const Plan& plan() const override { return plan_; }
  std::string describe() const override {
    return "on " + gpu_.describe() + "\n" + retrograd::describe(plan_, type_, stages_, storage_.bytes());
  }

 private:
  const PreparedRewind& rewind_from(int y) {
    const auto known = rewinds_.find(y);
    if (known != rewinds_.end()) return known->second;
    return rewinds_.emplace(y, prepare_rewind(plan_, stages_, storage_, y)).first->second;
  }

  void start_from(int y, const TensorView* seed) {
    void* adjoint = storage_.adjoint(y);
    const std::int64_t elements = plan_.nodes[static_cast<std::size_t>(y)].shape.elements();
    const ElementType type = storage_.type_of(y);
    if (seed != nullptr && seed->gpu != nullptr) {
      if (seed->type != type)
        raise<TapeError>(std::string("[rewind] a seed of ") + name(seed->type) +
                         " on device cuda for a value of " + name(type) + "; convert it on the CPU");
      if (seed->data != adjoint) gpu_.copy(adjoint, seed->data, storage_.bytes_of_node(y));
    } else if (seed != nullptr) {
      if (!seed_ || seed_->shape() != seed->shape || seed_->type() != type) seed_.emplace(seed->shape, type);
      seed_->assign(*seed);
      gpu_.to_device(adjoint, seed_->data(), storage_.bytes_of_node(y));
    } else if (type == ElementType::f32) {
      fill(static_cast<float*>(adjoint), elements);
    } else {
      fill(static_cast<double*>(adjoint), elements);
    }
  }

  template <class Real>
  void fill(Real* adjoint, std::int64_t elements) {
    const std::int64_t blocks = (elements + threads - 1) / threads;
    launch<Fill<Real>>(gpu_, std::min<std::int64_t>(blocks, 8 * gpu_.multiprocessors()), 0,
                       {adjoint, elements, Real(1.0)});
  }

  // Parameters that this plan does not use have a gradient too: zero.
  void clear_gradients_outside() {
    for (std::size_t i = 0; i < graph_.leaves.size(); ++i) {
      Leaf& leaf = graph_.leaves[i];
      if (leaf.frozen || (i < plan_.needs_leaf.size() && plan_.needs_leaf[i])) continue;
      if (!leaf.gradient) leaf.gradient.emplace(leaf.value.shape(), leaf.value.type());
      if (leaf.on_device != nullptr)
        static_cast<LeafOnGpu&>(*leaf.on_device).clear_gradient(*leaf.gradient);
      else
        leaf.gradient->fill(0.0);
    }
  }

  Gpu& gpu_;
  Graph& graph_;
  Plan plan_;
  ElementType type_;
  Storage storage_;
  std::vector<std::vector<ComputedInput>> checks_;  // before each stage, and after the last
  std::vector<std::unique_ptr<StageRunner>> stages_;
  std::map<int, PreparedRewind> rewinds_;  // by the value rewound from
  std::optional<Tensor> seed_;             // in the type of the adjoint
};

}  // namespace

std::unique_ptr<CompiledPlan> make_plan(Gpu& gpu, Graph& graph, Plan plan, const TapeOptions& options) {
  return std::make_unique<CudaPlan>(gpu, graph, std::move(plan), options);
}

}  // namespace retrograd::cuda
