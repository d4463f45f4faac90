// The CPU backend: a plan's stages one after the other, forwards and backwards.
#include <retrograd/backends/checks.hpp>
#include <retrograd/backends/cpu/cpu_plan.hpp>
#include <retrograd/backends/cpu/stage.hpp>
#include <retrograd/backends/cpu/storage.hpp>
#include <retrograd/backends/cpu/views.hpp>
#include <retrograd/backends/description.hpp>
#include <retrograd/backends/prepared_stages.hpp>
#include <retrograd/math/floating_point.hpp>

#include <cstdint>
#include <map>

namespace retrograd::cpu {

namespace {

// The executor a host lends, with the default floating-point environment around every task: its threads have
// whatever their maker had.
class GuardedExecutor final : public Executor {
 public:
  explicit GuardedExecutor(Executor& executor) : executor_(executor) {}
  int workers() const override { return executor_.workers(); }
  void run(int count, Task task) override {
    executor_.run(count, {[](void* guarded, int i, int worker) {
                            const math::DefaultFloatingPoint environment;
                            (*static_cast<const Task*>(guarded))(i, worker);
                          },
                          &task});
  }

 private:
  Executor& executor_;
};

class CpuPlan final : public CompiledPlan {
 public:
  CpuPlan(Graph& graph, Plan plan, const TapeOptions& options)
      : graph_(graph),
        plan_(with_views(std::move(plan))),
        storage_(graph, plan_, options.type),
        type_(options.type),
        checks_(computed_inputs(plan_)),
        executor_(options.executor != nullptr ? *options.executor : serial_) {
    const StageContext context{plan_, storage_, executor_, options.type, options.tile};
    stages_ = make_stages(plan_, context);
  }

  void play() override {
    const math::DefaultFloatingPoint environment;
    for (std::size_t stage = 0; stage <= stages_.size(); ++stage) {
      for (const ComputedInput& check : checks_[stage])
        check_input(*check.node, *check.allowed, storage_.value(check.input), check.source);
      if (stage < stages_.size()) stages_[stage]->play();
    }
  }

  void rewind(int y, const TensorView* seed) override {
    const math::DefaultFloatingPoint environment;
    const PreparedRewind& rewind = rewind_from(y);
    for (const int node : plan_.adjoints_in_parts)
      if (storage_.has_adjoint(node)) storage_.adjoint(node).fill(0.0);
    // First: the seed may be a gradient, and those are overwritten from here on.
    const LentAdjoint lent = start_from(y, seed);
    for (const int node : rewind.to_zero) storage_.adjoint(node).fill(0.0);
    zero_gradients_outside();
    for (std::size_t stage = stages_.size(); stage-- > 0;) stages_[stage]->rewind(rewind.stages[stage]);
  }

  TensorView value(int node) const override { return storage_.value(node); }
  const Plan& plan() const override { return plan_; }

  std::string describe() const override {
    return retrograd::describe(plan_, type_, stages_, storage_.bytes());
  }

 private:
  const PreparedRewind& rewind_from(int y) {
    const auto known = rewinds_.find(y);
    if (known != rewinds_.end()) return known->second;
    return rewinds_.emplace(y, prepare_rewind(plan_, stages_, storage_, y)).first->second;
  }

  // An adjoint that is read where the caller has it, until the rewind ends, with or without an exception.
  class LentAdjoint {
   public:
    LentAdjoint() = default;
    LentAdjoint(Storage& storage, int node, const void* data) : storage_(&storage), node_(node) {
      storage.borrow_adjoint(node, data);
    }
    LentAdjoint(const LentAdjoint&) = delete;
    LentAdjoint& operator=(const LentAdjoint&) = delete;
    ~LentAdjoint() {
      if (storage_ != nullptr) storage_->return_adjoint(node_);
    }

   private:
    Storage* storage_ = nullptr;
    int node_ = 0;
  };

  // Nothing is added to the adjoint that all others follow from, so a signal's need not be copied, unless it is where
  // the gradients are written.
  LentAdjoint start_from(int y, const TensorView* seed) {
    if (seed == nullptr)
      storage_.adjoint(y).fill(1.0);
    else if (storage_.can_borrow_adjoint(y, seed->type) && !overlaps_a_gradient(*seed))
      return {storage_, y, seed->data};
    else
      storage_.adjoint(y).assign(*seed);
    return {};
  }

  bool overlaps_a_gradient(const TensorView& seed) const {
    const auto begin_of = [](const TensorView& view) { return reinterpret_cast<std::uintptr_t>(view.data); };
    const auto end_of = [&](const TensorView& view) {
      return begin_of(view) + static_cast<std::size_t>(view.shape.elements()) * bytes_of(view.type);
    };
    for (const Leaf& leaf : graph_.leaves)
      if (leaf.gradient && begin_of(seed) < end_of(*leaf.gradient) && begin_of(*leaf.gradient) < end_of(seed))
        return true;
    return false;
  }

  // Parameters that this plan does not use have a gradient too: zero.
  void zero_gradients_outside() {
    for (std::size_t i = 0; i < graph_.leaves.size(); ++i) {
      Leaf& leaf = graph_.leaves[i];
      if (leaf.frozen || (i < plan_.needs_leaf.size() && plan_.needs_leaf[i])) continue;
      if (!leaf.gradient) leaf.gradient.emplace(leaf.value.shape(), leaf.value.type());
      leaf.gradient->fill(0.0);
    }
  }

  Graph& graph_;
  Plan plan_;
  Storage storage_;
  ElementType type_;
  std::vector<std::vector<ComputedInput>> checks_;  // before each stage, and after the last
  SerialExecutor serial_;
  GuardedExecutor executor_;
  std::vector<std::unique_ptr<StageRunner>> stages_;
  std::map<int, PreparedRewind> rewinds_;  // by the value rewound from
};

}  // namespace

std::unique_ptr<CompiledPlan> compile(Graph& graph, Plan plan, const TapeOptions& options) {
  return std::make_unique<CpuPlan>(graph, std::move(plan), options);
}

}  // namespace retrograd::cpu
