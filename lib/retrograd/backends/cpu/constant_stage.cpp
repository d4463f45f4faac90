// Values constant over time: the pointwise nodes among them, in double on every tape, computed once per play.
#include <retrograd/backends/cpu/buffer.hpp>
#include <retrograd/backends/cpu/kernels.hpp>
#include <retrograd/backends/cpu/stage.hpp>
#include <retrograd/backends/row_map.hpp>

#include <algorithm>

namespace retrograd::cpu {

namespace {

class ConstantStage final : public StageRunner {
 public:
  ConstantStage(const StageContext& context, int stage) : context_(context) {
    std::size_t most = 0, operands = 0;
    for (const int n : context.plan.stages[static_cast<std::size_t>(stage)].nodes) {
      const PlanNode& node = node_at(n);
      const Kernels& kernels = find_kernels(*node.type);
      Entry entry{n, &kernels.f64, {}};
      entry.elements.reserve(node.inputs.size());
      for (const int input : node.inputs) entry.elements.emplace_back(node_at(input).shape, node.shape);
      most = std::max(most, static_cast<std::size_t>(node.shape.elements()));
      operands = std::max(operands, 2 + 2 * node.inputs.size());
      entries_.push_back(std::move(entry));
    }
    // Each operand of a kernel at full size, in whole blocks.
    stride_ = (most + math::block - 1) / math::block * math::block;
    memory_ = Buffer((operands + 1) * stride_ * sizeof(double));
  }

  void play() override {
    for (const Entry& entry : entries_) {
      const PlanNode& node = node_at(entry.node);
      Operand operands[max_operands];
      operands[0] = {work(0), math::block, 0.0};
      gather_inputs(entry, operands + 1, 1);
      call(entry.kernels->forward[level()], node, operands, nullptr);
      std::copy_n(work(0), node.shape.elements(),
                  static_cast<double*>(context_.storage.value_data(entry.node)));
    }
  }

  int prepare_rewind(std::vector<bool>& has_adjoint) override {
    std::vector<int> reached;
    for (auto entry = entries_.rbegin(); entry != entries_.rend(); ++entry) {
      const PlanNode& node = node_at(entry->node);
      if (!has_adjoint[static_cast<std::size_t>(entry->node)] || !node.trainable) continue;
      context_.storage.adjoint(entry->node);
      reached.push_back(static_cast<int>(entries_.rend() - entry) - 1);
      for (std::size_t i = 0; i < node.inputs.size(); ++i)
        if (takes_adjoint(node, i)) {
          has_adjoint[static_cast<std::size_t>(node.inputs[i])] = true;
          context_.storage.adjoint(node.inputs[i]);
        }
    }
    rewinds_.push_back(std::move(reached));
    return static_cast<int>(rewinds_.size()) - 1;
  }

  void rewind(int prepared) override {
    for (const int reached : rewinds_[static_cast<std::size_t>(prepared)]) {
      const Entry& entry = entries_[static_cast<std::size_t>(reached)];
      const PlanNode& node = node_at(entry.node);
      const std::size_t inputs = node.inputs.size();
      Operand operands[max_operands];  // gy, y, x..., gx...
      const auto place = [&](std::size_t at, const void* from) {
        std::copy_n(static_cast<const double*>(from), node.shape.elements(), work(at));
        operands[at] = {work(at), math::block, 0.0};
      };
      place(0, context_.storage.adjoint(entry.node).data());
      place(1, context_.storage.value(entry.node).data);
      gather_inputs(entry, operands + 2, 2);
      // All of them, wanted or not: there is room for each.
      AdjointMode modes[max_inputs];
      std::fill_n(modes, inputs, AdjointMode::overwrite);
      for (std::size_t i = 0; i < inputs; ++i)
        operands[2 + inputs + i] = {work(2 + inputs + i), math::block, 0.0};
      call(entry.kernels->adjoint[level()], node, operands, modes);
      for (std::size_t i = 0; i < inputs; ++i)
        if (takes_adjoint(node, i))
          entry.elements[i].add_sums(work(2 + inputs + i),
                                     context_.storage.adjoint(node.inputs[i]).as<double>().data(),
                                     work(2 + 2 * inputs));
    }
  }

  std::string describe() const override { return "once per play, in f64"; }
  std::size_t bytes() const override { return memory_.bytes(); }

 private:
  static constexpr std::size_t max_inputs = Kernels::max_inputs, max_operands = 2 + 2 * max_inputs;
  static constexpr int identity[max_operands] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11};
  struct Entry {
    int node;
    const Kernels::PerType* kernels;
    std::vector<RowMap> elements;  // of each input
  };

  const PlanNode& node_at(int n) const { return context_.plan.nodes[static_cast<std::size_t>(n)]; }
  bool takes_adjoint(const PlanNode& node, std::size_t i) const {
    return node.type->has_adjoint(i) && node_at(node.inputs[i]).trainable;
  }
  std::size_t level() const { return static_cast<std::size_t>(math::simd_level()); }
  double* work(std::size_t i) const { return reinterpret_cast<double*>(memory_.data()) + i * stride_; }

  void gather_inputs(const Entry& entry, Operand* operands, std::size_t first) {
    const PlanNode& node = node_at(entry.node);
    for (std::size_t i = 0; i < node.inputs.size(); ++i) {
      const auto* x = static_cast<const double*>(context_.storage.value(node.inputs[i]).data);
      double* to = work(first + i);
      for (std::int64_t e = 0; e < node.shape.elements(); ++e) to[e] = x[entry.elements[i].source(e)];
      operands[i] = {to, math::block, 0.0};
    }
  }

  static void call(TileKernel kernel, const PlanNode& node, const Operand* operands,
                   const AdjointMode* modes) {
    TileCall call;
    call.node = node.data;
    call.operands = operands;
    call.index = identity;
    call.modes = modes;
    call.count = static_cast<int>(node.shape.elements());
    kernel(call);
  }

  StageContext context_;
  std::vector<Entry> entries_;
  std::size_t stride_ = 0;
  Buffer memory_;
  std::vector<std::vector<int>> rewinds_;  // entries that an adjoint reaches, last first
};

}  // namespace

std::unique_ptr<StageRunner> make_constant_stage(const StageContext& context, int stage) {
  return std::make_unique<ConstantStage>(context, stage);
}

}  // namespace retrograd::cpu
