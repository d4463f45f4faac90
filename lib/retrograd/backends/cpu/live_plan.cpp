// The CPU's live plan: the stages of a stream, one after the other, a stretch of samples at a time.
#include <retrograd/backends/cpu/live_stage.hpp>
#include <retrograd/backends/cpu/storage.hpp>
#include <retrograd/math/finite.hpp>
#include <retrograd/tape/backend.hpp>

#include <algorithm>
#include <deque>

namespace retrograd {

namespace cpu {

namespace {

// Says which node of the plan cannot run block by block, and why.
void check_streams(const Graph& graph, const Plan& plan, std::int64_t length) {
  const auto refuse = [&](const PlanNode& node, const std::string& why) {
    const std::string name = node.leaf >= 0
                                 ? "input '" + graph.leaves[static_cast<std::size_t>(node.leaf)].name
                                 : "'" + std::string(node.type->name);
    raise<TapeError>("[stream] " + name + "' of shape " + to_string(node.shape) + " cannot stream: " + why);
  };
  for (const PlanNode& node : plan.nodes) {
    if (node.type->kind == NodeKind::whole)
      refuse(node,
             "it is a whole node, which sees its whole input at once; stream what it reads and compute "
             "it on a tape");
    if (node.type->kind == NodeKind::reduction)
      refuse(node, "it reduces a whole signal to one value; stream what it reads and compute it on a tape");
    if (node.signal && node.shape.length() != length)
      refuse(node, "a stream's signals have the tape's length, " + std::to_string(length) +
                       " samples here; take it from the tape's options");
  }
}

class CpuLivePlan final : public LivePlan, public ConstantsAt {
 public:
  CpuLivePlan(Graph& graph, Plan plan, std::span<const int> outputs, std::int64_t length,
              LiveConstants& constants, bool has_gradients)
      : plan_(std::move(plan)),
        storage_(graph, plan_, ElementType::f32),
        constants_(constants),
        length_(length) {
    check_streams(graph, plan_, length_);
    const StageContext context{plan_, storage_, executor_, ElementType::f32, 0};
    for (int stage = 0; stage < static_cast<int>(plan_.stages.size()); ++stage)
      if (plan_.stages[static_cast<std::size_t>(stage)].kind == StageKind::constants)
        constant_stages_.push_back(make_constant_stage(context, stage));
      else
        stages_.emplace_back(context, stage, *this, has_gradients);
    for (std::size_t n = 0; n < plan_.nodes.size(); ++n) {
      const PlanNode& node = plan_.nodes[n];
      if (node.signal && node.stored) signals_.push_back({static_cast<int>(n), node.shape.rows()});
    }
    for (const Signal& signal : signals_) {
      auto same_rows = std::ranges::find(groups_, signal.rows, &RowGroup::rows);
      if (same_rows == groups_.end())
        groups_.push_back({signal.rows, std::vector<char>(static_cast<std::size_t>(signal.rows))});
    }
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
    for (const Signal& signal : signals_)
      for (std::int64_t row = 0; row < signal.rows && passed > 0 && passed <= length_ - history; ++row) {
        float* of_row = samples(signal.node) + row * length_;
        std::memmove(of_row, of_row + passed, history * sizeof(float));
      }
    buffer_start_ = at - history;
    position_ = at;
    for (LiveStage& stage : stages_) stage.begin_block(at);
  }

  void change(int id, std::int64_t row, std::int64_t until) override {
    const int n = plan_.index_of[static_cast<std::size_t>(id)];
    if (n < 0) return;
    evaluated_ = nowhere;
    for (LiveStage& stage : stages_) stage.change(n, row, until);
  }

  void restart(int id, std::int64_t row) override {
    const std::int64_t rows = plan_.nodes[index(id)].shape.rows();
    for (LiveStage& stage : stages_)
      if (row < 0)
        for (std::int64_t each = 0; each < stage.rows(); ++each) stage.restart(each);
      else if (stage.rows() == rows)
        stage.restart(row);
  }

  void play(std::int64_t to) override {
    if (to == position_) return;
    for (LiveStage& stage : stages_) stage.play(position_, to, buffer_start_);
    position_ = to;
  }

  void restart_not_finite() override {
    const std::int64_t count = position_ - (buffer_start_ + history);
    for (RowGroup& group : groups_) {
      std::ranges::fill(group.is_bad, char{0});
      for_each_row_of(group, [&](const float* row, char& is_bad) {
        is_bad |= char{!math::are_finite(row + history, count)};
      });
      for_each_row_of(group, [&](float* row, char& is_bad) {
        if (is_bad != 0) std::fill_n(row, length_, 0.0f);
      });
      for (LiveStage& stage : stages_)
        for (std::int64_t row = 0; row < group.rows && stage.rows() == group.rows; ++row)
          if (group.is_bad[static_cast<std::size_t>(row)] != 0) stage.restart(row);
    }
  }

  bool was_not_finite(int id, std::int64_t row) const override {
    const std::int64_t rows = plan_.nodes[index(id)].shape.rows();
    return std::ranges::find(groups_, rows, &RowGroup::rows)->is_bad[static_cast<std::size_t>(row)] != 0;
  }

  float* adjoint(int id) override { return storage_.adjoint(static_cast<int>(index(id))).as<float>().data(); }

  void rewind() override {
    for (Tensor* adjoint : to_zero_) adjoint->fill(0.0);
    evaluate(position_);
    for_each_played(
        [](const float* played, float* kept, std::int64_t count) { std::copy_n(played, count, kept); });
    for (auto stage = stages_.rbegin(); stage != stages_.rend(); ++stage)
      stage->rewind(position_, buffer_start_);
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
  struct Signal {
    int node;
    std::int64_t rows;
  };

  // The rows of all signals with so many of them: those of one number are played, and restarted, together.
  struct RowGroup {
    std::int64_t rows;
    std::vector<char> is_bad;  // [row]
  };

  template <class Visit>
  void for_each_row_of(RowGroup& group, const Visit& visit) {
    for (const Signal& signal : signals_)
      for (std::int64_t row = 0; row < signal.rows && signal.rows == group.rows; ++row)
        if (plan_.nodes[static_cast<std::size_t>(signal.node)].type->kind != NodeKind::leaf)
          visit(samples(signal.node) + row * length_, group.is_bad[static_cast<std::size_t>(row)]);
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
    for (auto stage = stages_.rbegin(); stage != stages_.rend(); ++stage) stage->prepare_rewind(has_adjoint);
    prepared_.resize(constant_stages_.size());
    for (std::size_t i = constant_stages_.size(); i-- > 0;)
      prepared_[i] = constant_stages_[i]->prepare_rewind(has_adjoint);
    for (std::size_t n = 0; n < plan_.nodes.size(); ++n) {
      const int at = static_cast<int>(n);
      const PlanNode& node = plan_.nodes[n];
      if (node.type->kind == NodeKind::leaf && node.trainable) storage_.adjoint(at);
      const bool is_seed = std::ranges::find(outputs, node.id) != outputs.end();
      if (storage_.has_adjoint(at) && !is_seed) to_zero_.push_back(&storage_.adjoint(at));
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
  std::vector<Signal> signals_;
  std::vector<RowGroup> groups_;
  std::vector<int> prepared_;
  std::vector<Tensor*> to_zero_;
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
