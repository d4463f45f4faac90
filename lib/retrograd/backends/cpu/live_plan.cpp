// The CPU's live plan: the stages of a stream, one after the other, a stretch of samples at a time.
#include <retrograd/backends/cpu/live_rows.hpp>
#include <retrograd/backends/cpu/live_stage.hpp>
#include <retrograd/backends/cpu/storage.hpp>
#include <retrograd/backends/mixed_rows.hpp>
#include <retrograd/math/finite.hpp>
#include <retrograd/nodes/maximum_over_rows.hpp>
#include <retrograd/nodes/sum_over_rows.hpp>
#include <retrograd/tape/backend.hpp>

#include <algorithm>
#include <deque>
#include <string_view>

namespace retrograd {

namespace cpu {

namespace {

// A whole node of numbers alone, that is no more than a few copies or additions: it is computed with them.
bool is_of_numbers(const Plan& plan, const PlanNode& node) {
  const std::string_view name = node.type->name;
  return node.type->own_kernels == nullptr && !node.signal &&
         std::ranges::none_of(
             node.inputs, [&](int input) { return plan.nodes[static_cast<std::size_t>(input)].signal; }) &&
         (rearranges(node) || name == SumOverRows::name || name == MaximumOverRows::name);
}

// Says which node of the plan cannot run block by block, and why.
void check_streams(const Graph& graph, const Plan& plan, std::int64_t length, bool has_gradients) {
  const auto refuse = [&](const PlanNode& node, const std::string& why) {
    const std::string name = node.leaf >= 0
                                 ? "input '" + graph.leaves[static_cast<std::size_t>(node.leaf)].name
                                 : "'" + std::string(node.type->name);
    raise<TapeError>("[stream] " + name + "' of shape " + to_string(node.shape) + " cannot stream: " + why);
  };
  for (const PlanNode& node : plan.nodes) {
    if (node.type->kind == NodeKind::whole && !is_of_numbers(plan, node) && !sources_of_rows(plan, node))
      refuse(node,
             "it is a whole node, which sees its whole input at once; stream what it reads and compute "
             "it on a tape");
    if (node.type->kind == NodeKind::reduction)
      refuse(node, "it reduces a whole signal to one value; stream what it reads and compute it on a tape");
    if (node.type->reach != nullptr && has_gradients)
      refuse(node,
             "it reads samples from before the block, which a stream with gradients does not keep; open the "
             "stream without them, or compute it on a tape");
    if (node.signal && node.shape.length() != length)
      refuse(node, "a stream's signals have the tape's length, " + std::to_string(length) +
                       " samples here; take it from the tape's options");
  }
}

// Signals are there for the block at hand alone.
Plan with_blocks_stored(Plan plan) {
  plan.has_whole_signals = false;
  return plan;
}

class CpuLivePlan final : public LivePlan, public ConstantsAt {
 public:
  CpuLivePlan(Graph& graph, Plan plan, std::span<const int> outputs, std::int64_t length,
              LiveConstants& constants, bool has_gradients)
      : plan_(with_blocks_stored(with_mixed_rows_stored(std::move(plan)))),
        storage_(graph, plan_, ElementType::f32),
        constants_(constants),
        length_(length) {
    check_streams(graph, plan_, length_, has_gradients);
    const StageContext context{plan_, storage_, executor_, ElementType::f32, 0};
    for (int stage = 0; stage < static_cast<int>(plan_.stages.size()); ++stage) {
      const Stage& of_plan = plan_.stages[static_cast<std::size_t>(stage)];
      const int first = of_plan.nodes[0];
      if (of_plan.kind == StageKind::constants)
        constant_stages_.push_back(make_constant_stage(context, stage));
      else if (of_plan.kind == StageKind::tiled)
        order_.push_back({&stages_.emplace_back(context, stage, *this, has_gradients), nullptr});
      else if (const PlanNode& node = plan_.nodes[static_cast<std::size_t>(first)]; node.signal)
        order_.push_back(
            {nullptr, &rows_.emplace_back(plan_, first, storage_, *sources_of_rows(plan_, node))});
      else
        constant_stages_.push_back(make_whole_stage(context, stage));
    }
    group_rows();
    if (has_gradients) prepare_rewind(outputs);
  }

  float* signal(int id) override { return samples(static_cast<int>(index(id))); }

  void start(std::int64_t at) override {
    position_ = at;
    buffer_start_ = at - history;
    evaluated_ = nowhere;
    for (LiveStage& stage : stages_) stage.start();
    for (const Signal& signal : signals_) std::fill_n(samples(signal.node), signal.rows * length_, 0.0f);
  }

  void begin_block(std::int64_t at) override {
    const std::int64_t passed = at - history - buffer_start_;
    const bool moves_on = passed > 0 && passed <= length_ - history;
    if (moves_on)
      for (const Signal& signal : signals_) {
        float* of_row = samples(signal.node);
        for (std::int64_t row = 0; row < signal.rows; ++row, of_row += length_) {
          if (signal.stage != nullptr && signal.stage->is_silent(row)) continue;
          float kept[history];  // of a size that is known, so that no call is made
          std::memcpy(kept, of_row + passed, sizeof kept);
          std::memcpy(of_row, kept, sizeof kept);
        }
      }
    buffer_start_ = at - history;
    position_ = at;
    for (LiveStage& stage : stages_) stage.begin_block(at, moves_on ? passed : 0);
  }

  void change(int id, std::int64_t row, std::int64_t until) override {
    const int n = plan_.index_of[static_cast<std::size_t>(id)];
    if (n < 0) return;
    evaluated_ = nowhere;
    for (LiveStage& stage : stages_) stage.change(n, row, until);
  }

  std::int64_t voices() const override { return groups_.front().rows; }

  std::int64_t memory_of_voices() const override {
    std::int64_t samples = 0;
    std::size_t tiled = 0;
    for (const Stage& stage : plan_.stages) {
      if (stage.kind != StageKind::tiled || group_of_stage_[tiled++] != 0) continue;
      for (const int n : stage.nodes)
        if (const PlanNode& node = plan_.nodes[static_cast<std::size_t>(n)]; node.type->reach != nullptr)
          samples += node.type->reach(node.data).most;
    }
    return samples;
  }

  void restart(std::int64_t row) override {
    for (std::size_t s = 0; s < stages_.size(); ++s)
      for (std::int64_t each = 0; each < stages_[s].rows(); ++each)
        if (row < 0 || (row == each && group_of_stage_[s] == 0)) {
          stages_[s].wake(each);
          stages_[s].restart(each);
        }
  }

  void sleep(std::int64_t row) override {
    for (std::size_t s = 0; s < stages_.size(); ++s)
      for (std::int64_t each = 0; each < stages_[s].rows() && group_of_stage_[s] == 0; ++each)
        if (row < 0 || row == each) stages_[s].sleep(each);
  }

  void play(std::int64_t to) override {
    if (to == position_) return;
    for (const Step& step : order_)
      if (step.stage != nullptr)
        step.stage->play(position_, to, buffer_start_);
      else
        step.rows->play(position_, to, buffer_start_);
    position_ = to;
  }

  void restart_not_finite() override {
    const std::int64_t count = position_ - (buffer_start_ + history);
    for (RowGroup& group : groups_) std::ranges::fill(group.is_bad, char{0});
    for_each_computed_row(
        [&](const float* row, char& is_bad) { is_bad |= char{!math::are_finite(row + history, count)}; });
    for_each_computed_row([&](float* row, char& is_bad) {
      if (is_bad != 0) std::fill_n(row, length_, 0.0f);
    });
    for (std::size_t s = 0; s < stages_.size(); ++s)
      for (std::int64_t row = 0; row < stages_[s].rows(); ++row)
        if (groups_[group_of_stage_[s]].is_bad[static_cast<std::size_t>(row)] != 0) stages_[s].restart(row);
  }

  bool is_silent(int id, std::int64_t row) const override {
    const LiveStage* stage = stage_of_[index(id)];
    return stage != nullptr && stage->is_silent(row);
  }

  bool was_not_finite(int id, std::int64_t row) const override {
    const auto signal = std::ranges::find(signals_, static_cast<int>(index(id)), &Signal::node);
    return groups_[signal->group].is_bad[static_cast<std::size_t>(row)] != 0;
  }

  float* adjoint(int id) override { return storage_.adjoint(static_cast<int>(index(id))).as<float>().data(); }

  void rewind() override {
    for (const StoredAdjoint& adjoint : to_zero_) adjoint.fill(0.0);
    evaluate(position_);
    for_each_played(
        [](const float* played, float* kept, std::int64_t count) { std::copy_n(played, count, kept); });
    for (auto step = order_.rbegin(); step != order_.rend(); ++step)
      if (step->stage != nullptr)
        step->stage->rewind(position_, buffer_start_);
      else
        step->rows->rewind();
    for (std::size_t i = constant_stages_.size(); i-- > 0;) constant_stages_[i]->rewind(prepared_[i]);
    for_each_played(
        [](float* played, const float* kept, std::int64_t count) { std::copy_n(kept, count, played); });
  }

  void evaluate(std::int64_t at) override {
    if (at == evaluated_) return;
    constants_.write(at);
    for (const auto& stage : constant_stages_) stage->play();
    evaluated_ = at;
  }

 private:
  static constexpr std::int64_t nowhere = -1;
  // One of the two.
  struct Step {
    LiveStage* stage;
    LiveRows* rows;
  };
  struct Signal {
    int node;
    std::int64_t rows;
    std::size_t group;
    const LiveStage* stage;  // whose rows they are; null of what comes in, a mix, and rows that are handed on
  };

  // The rows of all signals with so many of them, those that a mix comes before apart: the rows of one number are played,
  // and restarted, together.
  struct RowGroup {
    bool is_mixed;
    std::int64_t rows;
    std::vector<char> is_bad;  // [row]
  };

  // What group signals and stages are of. The first is that of the voices: the widest that are computed and not mixed.
  void group_rows() {
    const auto kind = [&](std::size_t n) { return plan_.nodes[n].type->kind; };
    std::vector<char> is_mixed(plan_.nodes.size(), 0);  // what a node computes
    std::int64_t voices = 0, most = 0;
    for (std::size_t n = 0; n < plan_.nodes.size(); ++n) {
      const PlanNode& node = plan_.nodes[n];
      is_mixed[n] = kind(n) == NodeKind::over_rows;
      for (const int input : node.inputs) is_mixed[n] |= is_mixed[static_cast<std::size_t>(input)];
      if (!node.signal || is_mixed[n] != 0) continue;
      most = std::max(most, node.shape.rows());
      if (kind(n) == NodeKind::pointwise || kind(n) == NodeKind::causal)
        voices = std::max(voices, node.shape.rows());
    }
    if (voices == 0) voices = most;  // nothing is computed but sums of what comes in
    const auto group_of = [&](bool mixed, std::int64_t rows) {
      std::size_t group = 0;
      while (group < groups_.size() && !(groups_[group].is_mixed == mixed && groups_[group].rows == rows))
        ++group;
      if (group == groups_.size())
        groups_.push_back({mixed, rows, std::vector<char>(static_cast<std::size_t>(rows))});
      return group;
    };
    group_of(false, voices);
    std::vector<const LiveStage*> stages(plan_.stages.size());
    std::size_t tiled = 0;
    for (std::size_t s = 0; s < plan_.stages.size(); ++s)
      if (plan_.stages[s].kind == StageKind::tiled) stages[s] = &stages_[tiled++];
    stage_of_.resize(plan_.nodes.size());
    for (std::size_t n = 0; n < plan_.nodes.size(); ++n)
      if (kind(n) == NodeKind::pointwise || kind(n) == NodeKind::causal)
        stage_of_[n] = stages[static_cast<std::size_t>(plan_.nodes[n].stage)];
    for (std::size_t n = 0; n < plan_.nodes.size(); ++n)
      if (const PlanNode& node = plan_.nodes[n]; node.signal && node.stored)
        signals_.push_back({static_cast<int>(n), node.shape.rows(),
                            group_of(is_mixed[n] != 0, node.shape.rows()), stage_of_[n]});
    for (const Stage& stage : plan_.stages) {
      if (stage.kind != StageKind::tiled) continue;
      const bool reads_mixed = std::ranges::any_of(stage.nodes, [&](int n) {
        return std::ranges::any_of(plan_.nodes[static_cast<std::size_t>(n)].inputs,
                                   [&](int input) { return is_mixed[static_cast<std::size_t>(input)] != 0; });
      });
      group_of_stage_.push_back(group_of(reads_mixed, stage.shape.rows()));
    }
  }

  template <class Visit>
  void for_each_computed_row(const Visit& visit) {
    for (const Signal& signal : signals_)
      for (std::int64_t row = 0; row < signal.rows; ++row)
        if (plan_.nodes[static_cast<std::size_t>(signal.node)].type->kind != NodeKind::leaf)
          visit(samples(signal.node) + row * length_,
                groups_[signal.group].is_bad[static_cast<std::size_t>(row)]);
  }

  std::size_t index(int id) const {
    return static_cast<std::size_t>(plan_.index_of[static_cast<std::size_t>(id)]);
  }
  float* samples(int n) { return static_cast<float*>(storage_.value_data(n)); }

  void prepare_rewind(std::span<const int> outputs) {
    std::vector<bool> has_adjoint(plan_.nodes.size(), false);
    for (const int id : outputs) {
      has_adjoint[index(id)] = true;
      storage_.adjoint(static_cast<int>(index(id)));
    }
    for (auto step = order_.rbegin(); step != order_.rend(); ++step)
      if (step->stage != nullptr)
        step->stage->prepare_rewind(has_adjoint);
      else
        step->rows->prepare_rewind(has_adjoint);
    prepared_.resize(constant_stages_.size());
    for (std::size_t i = constant_stages_.size(); i-- > 0;)
      prepared_[i] = constant_stages_[i]->prepare_rewind(has_adjoint);
    for (std::size_t n = 0; n < plan_.nodes.size(); ++n) {
      const int at = static_cast<int>(n);
      const PlanNode& node = plan_.nodes[n];
      if (node.type->kind == NodeKind::leaf && node.trainable) storage_.adjoint(at);
      const bool is_seed = std::ranges::find(outputs, node.id) != outputs.end();
      if (storage_.has_adjoint(at) && !is_seed) to_zero_.push_back(storage_.adjoint(at));
    }
    std::int64_t rows = 0;
    for (const Signal& signal : signals_) rows += signal.rows;
    kept_.resize(static_cast<std::size_t>(rows * length_));
  }

  // The way back may compute tiles of the block once more, with the parameters as they are at its end: what
  // was played is kept, for the next block and for another way back.
  template <class Visit>
  void for_each_played(const Visit& visit) {
    float* kept = kept_.data();
    for (const Signal& signal : signals_)
      for (std::int64_t row = 0; row < signal.rows; ++row, kept += length_)
        visit(samples(signal.node) + row * length_, kept, position_ - buffer_start_);
  }

  Plan plan_;
  Storage storage_;
  SerialExecutor executor_;
  LiveConstants& constants_;
  std::int64_t length_;
  std::int64_t position_ = 0, buffer_start_ = -history, evaluated_ = nowhere;
  std::vector<std::unique_ptr<StageRunner>> constant_stages_;
  std::deque<LiveStage> stages_;
  std::deque<LiveRows> rows_;
  std::vector<Step> order_;  // of both
  std::vector<Signal> signals_;
  std::vector<RowGroup> groups_;
  std::vector<std::size_t> group_of_stage_;
  std::vector<const LiveStage*> stage_of_;  // by node: see Signal
  std::vector<int> prepared_;
  std::vector<StoredAdjoint> to_zero_;
  std::vector<float> kept_;
};

}  // namespace

}  // namespace cpu

std::unique_ptr<LivePlan> compile_live(Graph& graph, Plan plan, std::span<const int> outputs,
                                       std::int64_t length, LiveConstants& constants, bool has_gradients) {
  return std::make_unique<cpu::CpuLivePlan>(graph, std::move(plan), outputs, length, constants,
                                            has_gradients);
}

}  // namespace retrograd
