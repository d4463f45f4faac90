// The CPU backend: a plan's stages one after the other, forwards and backwards.
#include <retrograd/backends/cpu/stage.hpp>
#include <retrograd/backends/cpu/storage.hpp>
#include <retrograd/math/floating_point.hpp>
#include <retrograd/tape/backend.hpp>

#include <algorithm>
#include <map>
#include <sstream>

namespace retrograd {

namespace cpu {

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

// "6 phase, 2 add": each text once, with how often it is there, in the order of the first.
std::string counted(const std::vector<std::string>& texts, const char* between) {
  std::vector<std::pair<std::string, int>> counts;
  for (const std::string& text : texts) {
    const auto known = std::ranges::find(counts, text, &std::pair<std::string, int>::first);
    if (known == counts.end())
      counts.emplace_back(text, 1);
    else
      ++known->second;
  }
  std::string list;
  for (const auto& [text, count] : counts)
    list += (list.empty() ? "" : between) + std::to_string(count) + " " + text;
  return list;
}

class CpuPlan final : public CompiledPlan {
 public:
  CpuPlan(Graph& graph, Plan plan, const TapeOptions& options)
      : graph_(graph),
        plan_(std::move(plan)),
        storage_(graph, plan_, options.type),
        executor_(options.executor != nullptr ? *options.executor : serial_) {
    const StageContext context{plan_, storage_, executor_, options.type, options.tile};
    for (int stage = 0; stage < static_cast<int>(plan_.stages.size()); ++stage) {
      switch (plan_.stages[static_cast<std::size_t>(stage)].kind) {
        case StageKind::constants:
          stages_.push_back(make_constant_stage(context, stage));
          break;
        case StageKind::tiled:
          stages_.push_back(make_tiled_stage(context, stage));
          break;
        case StageKind::whole:
          stages_.push_back(make_whole_stage(context, stage));
          break;
      }
    }
    checks_.resize(plan_.stages.size());
    for (const PlanNode& node : plan_.nodes)
      for (const InputDomain& allowed : node.type->input_domains) {
        const int input = node.inputs[allowed.input];
        const PlanNode& source = plan_.nodes[static_cast<std::size_t>(input)];
        if (!source.signal && source.type->kind != NodeKind::leaf)  // leaves were checked when they were set
          checks_[static_cast<std::size_t>(node.stage)].push_back({node.type, &allowed, input, source.type});
      }
  }

  void play() override {
    const math::DefaultFloatingPoint environment;
    for (std::size_t stage = 0; stage < stages_.size(); ++stage) {
      for (const Check& check : checks_[stage])
        check_input(*check.node, *check.allowed, storage_.value(check.input), check.source);
      stages_[stage]->play();
    }
  }

  void rewind(int y, const TensorView* seed) override {
    const math::DefaultFloatingPoint environment;
    const Rewind& rewind = rewind_from(y);
    for (Tensor* adjoint : rewind.to_zero) adjoint->fill(0.0);
    zero_gradients_outside();
    // Nothing is added to the adjoint that all others follow from: a signal's is read where the caller has it.
    const bool is_borrowed = seed != nullptr && storage_.can_borrow_adjoint(y, seed->type);
    if (is_borrowed)
      storage_.borrow_adjoint(y, seed->data);
    else if (seed != nullptr)
      storage_.adjoint(y).assign(*seed);
    else
      storage_.adjoint(y).fill(1.0);
    for (std::size_t stage = stages_.size(); stage-- > 0;) stages_[stage]->rewind(rewind.prepared[stage]);
    if (is_borrowed) storage_.return_adjoint(y);
  }

  TensorView value(int node) const override { return storage_.value(node); }
  const Plan& plan() const override { return plan_; }

  std::string describe() const override {
    std::ostringstream text;
    std::size_t own_bytes = 0;
    for (std::size_t s = 0; s < stages_.size(); ++s) {
      const Stage& stage = plan_.stages[s];
      constexpr const char* kinds[] = {"constants", "tiled", "whole"};
      text << "stage " << s << ", " << kinds[static_cast<int>(stage.kind)] << ": " << stages_[s]->describe()
           << '\n';
      std::vector<std::string> nodes, stored;
      std::size_t bytes = 0;
      for (const int n : stage.nodes) {
        const PlanNode& node = plan_.nodes[static_cast<std::size_t>(n)];
        nodes.emplace_back(node.type->name);
        if (!node.stored) continue;
        stored.push_back(node.type->name + (" " + to_string(node.shape)));
        bytes += static_cast<std::size_t>(node.shape.elements()) * bytes_of(storage_.type_of(n));
      }
      text << "    " << counted(nodes, " ") << "\n    stored: " << counted(stored, ", ") << ", " << bytes
           << " bytes\n";
      own_bytes += stages_[s]->bytes();
    }
    text << "in all: " << storage_.bytes() << " bytes of stored values and adjoints, " << own_bytes
         << " bytes of scratch and saved states\n";
    return text.str();
  }

 private:
  // A computed value that a node of a stage reads and that may not be any number.
  struct Check {
    const NodeType* node;
    const InputDomain* allowed;
    int input;
    const NodeType* source;
  };

  struct Rewind {
    std::vector<int> prepared;     // by stage
    std::vector<Tensor*> to_zero;  // adjoints that are only added to
  };

  const Rewind& rewind_from(int y) {
    const auto known = rewinds_.find(y);
    if (known != rewinds_.end()) return known->second;
    Rewind rewind;
    std::vector<bool> has_adjoint(plan_.nodes.size(), false);
    has_adjoint[static_cast<std::size_t>(y)] = true;
    storage_.adjoint(y);
    rewind.prepared.resize(stages_.size());
    for (std::size_t stage = stages_.size(); stage-- > 0;)
      rewind.prepared[stage] = stages_[stage]->prepare_rewind(has_adjoint);
    for (int n = 0; n < static_cast<int>(plan_.nodes.size()); ++n) {
      const PlanNode& node = plan_.nodes[static_cast<std::size_t>(n)];
      const bool is_leaf = node.type->kind == NodeKind::leaf;
      if (is_leaf && node.trainable) storage_.adjoint(n);
      const bool only_added_to = storage_.type_of(n) == ElementType::f64 && !node.signal;
      if (n != y && storage_.has_adjoint(n) &&
          (only_added_to || (is_leaf && !has_adjoint[static_cast<std::size_t>(n)])))
        rewind.to_zero.push_back(&storage_.adjoint(n));
    }
    return rewinds_.emplace(y, std::move(rewind)).first->second;
  }

  // Parameters that this plan does not use have a gradient too: zero.
  void zero_gradients_outside() {
    for (std::size_t id = 0; id < graph_.nodes.size(); ++id) {
      const int leaf_index = graph_.nodes[id].leaf;
      if (leaf_index < 0 || (id < plan_.index_of.size() && plan_.index_of[id] >= 0)) continue;
      Leaf& leaf = graph_.leaves[static_cast<std::size_t>(leaf_index)];
      if (leaf.frozen) continue;
      if (!leaf.gradient) leaf.gradient.emplace(leaf.value.shape(), leaf.value.type());
      leaf.gradient->fill(0.0);
    }
  }

  Graph& graph_;
  Plan plan_;
  Storage storage_;
  SerialExecutor serial_;
  GuardedExecutor executor_;
  std::vector<std::unique_ptr<StageRunner>> stages_;
  std::vector<std::vector<Check>> checks_;  // before each stage
  std::map<int, Rewind> rewinds_;           // by the value rewound from
};

}  // namespace

}  // namespace cpu

std::unique_ptr<CompiledPlan> compile(Graph& graph, Plan plan, const TapeOptions& options) {
  return std::make_unique<cpu::CpuPlan>(graph, std::move(plan), options);
}

bool is_available(Device device) { return device == Device::cpu; }

}  // namespace retrograd
