// Values constant over time: the pointwise nodes among them, once per play, in one block.
#include <retrograd/backends/cuda/kernels.hpp>
#include <retrograd/backends/cuda/stage.hpp>
#include <retrograd/backends/cuda/tile_nodes.hpp>
#include <retrograd/backends/row_map.hpp>

#include <algorithm>

namespace retrograd::cuda {

namespace {

class ConstantStage final : public StageRunner {
 public:
  ConstantStage(const StageContext& context, int stage) : context_(context), fields_(context.gpu) {
    for (const int n : context.plan.stages[static_cast<std::size_t>(stage)].nodes) {
      const PlanNode& node = node_at(n);
      NumberNodeAt at{};
      at.opcode = opcode_of(*node.type);
      at.node = fields_.of(node);
      at.elements = node.shape.elements();
      at.y = static_cast<double*>(context.storage.value(n));
      for (std::size_t i = 0; i < node.inputs.size(); ++i) bind_input(node, i, at);
      most_elements_ = std::max(most_elements_, at.elements);
      entries_.push_back({n, at});
    }
    std::vector<NumberNodeAt> all;
    for (const Entry& entry : entries_) all.push_back(entry.at);
    nodes_ = on_device(context.gpu, all);
    const auto elements = static_cast<std::size_t>(most_elements_);
    terms_ = DeviceMemory(context.gpu, most_inputs * elements * sizeof(double));
    work_ = DeviceMemory(context.gpu, (elements / math::sum_tile + 1) * sizeof(double));
  }

  void play() override {
    launch<PlayNumbers>(context_.gpu, 1, 0,
                        {nodes_.as<const NumberNodeAt>(), static_cast<int>(entries_.size())});
  }

  int prepare_rewind(std::vector<bool>& has_adjoint) override {
    std::vector<NumberNodeAt> reached;
    for (auto entry = entries_.rbegin(); entry != entries_.rend(); ++entry) {
      const PlanNode& node = node_at(entry->node);
      if (!has_adjoint[static_cast<std::size_t>(entry->node)] || !node.trainable) continue;
      NumberNodeAt at = entry->at;
      at.gy = static_cast<const double*>(context_.storage.adjoint(entry->node));
      for (std::size_t i = 0; i < node.inputs.size(); ++i)
        if (node.type->has_adjoint(i) && node_at(node.inputs[i]).trainable) {
          has_adjoint[static_cast<std::size_t>(node.inputs[i])] = true;
          at.gx[i] = static_cast<double*>(context_.storage.adjoint(node.inputs[i]));
        }
      reached.push_back(at);
    }
    rewinds_.push_back({on_device(context_.gpu, reached), static_cast<int>(reached.size())});
    return static_cast<int>(rewinds_.size()) - 1;
  }

  void rewind(int prepared) override {
    const Rewind& rewind = rewinds_[static_cast<std::size_t>(prepared)];
    launch<RewindNumbers>(context_.gpu, rewind.count > 0 ? 1 : 0, 0,
                          {rewind.nodes.as<const NumberNodeAt>(), rewind.count, terms_.as<double>(),
                           most_elements_, work_.as<double>()});
  }

  std::string describe() const override { return "once per play, in f64, in one block"; }
  std::size_t bytes() const override {
    std::size_t total = nodes_.bytes() + terms_.bytes() + work_.bytes() + fields_.bytes();
    for (const DeviceMemory& table : tables_) total += table.bytes();
    for (const Rewind& rewind : rewinds_) total += rewind.nodes.bytes();
    return total;
  }

 private:
  struct Entry {
    int node;
    NumberNodeAt at;
  };
  struct Rewind {
    DeviceMemory nodes;
    int count;
  };

  const PlanNode& node_at(int n) const { return context_.plan.nodes[static_cast<std::size_t>(n)]; }

  void bind_input(const PlanNode& node, std::size_t i, NumberNodeAt& at) {
    at.x[i] = static_cast<const double*>(context_.storage.value(node.inputs[i]));
    const Shape& shape = node_at(node.inputs[i]).shape;
    at.sources[i] = shape.elements();
    if (shape.elements() == node.shape.elements()) return;
    const RowMap map(shape, node.shape);
    std::vector<std::int64_t> source, first{0}, users;
    for (std::int64_t e = 0; e < at.elements; ++e) source.push_back(map.source(e));
    for (std::int64_t s = 0; s < map.sources(); ++s) {
      for (std::int64_t u = 0; u < map.users(s); ++u) users.push_back(map.user(s, u));
      first.push_back(static_cast<std::int64_t>(users.size()));
    }
    const auto keep = [&](const std::vector<std::int64_t>& table) {
      return tables_.emplace_back(on_device(context_.gpu, table)).as<const std::int64_t>();
    };
    at.source[i] = keep(source);
    at.first_user[i] = keep(first);
    at.users[i] = keep(users);
  }

  StageContext context_;
  NodeFields fields_;
  std::vector<Entry> entries_;
  std::int64_t most_elements_ = 0;
  std::vector<DeviceMemory> tables_;
  DeviceMemory nodes_, terms_, work_;
  std::vector<Rewind> rewinds_;
};

}  // namespace

std::unique_ptr<StageRunner> make_constant_stage(const StageContext& context, int stage) {
  return std::make_unique<ConstantStage>(context, stage);
}

}  // namespace retrograd::cuda
