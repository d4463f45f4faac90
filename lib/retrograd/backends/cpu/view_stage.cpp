// A node that joins or cuts rows in one run each: what is in its place already stays there, the rest is copied.
#include <retrograd/backends/cpu/stage.hpp>
#include <retrograd/backends/cpu/views.hpp>

#include <cstring>

namespace retrograd::cpu {

namespace {

class ViewStage final : public StageRunner {
 public:
  ViewStage(const StageContext& context, int stage)
      : context_(context),
        index_(context.plan.stages[static_cast<std::size_t>(stage)].nodes[0]),
        node_(node(index_)),
        runs_(*runs_of_rows(context.plan, node_)) {}

  void play() override {
    for (std::size_t i = 0; i < runs_.size(); ++i)
      if (const RunOfRows& run = runs_[i]; !is_in_place(i, run, &PlanNode::value_in))
        std::memcpy(at(context_.storage.value_data(index_), run.to),
                    at(context_.storage.value_data(node_.inputs[i]), run.from), bytes_of(run));
  }

  int prepare_rewind(std::vector<bool>& has_adjoint) override {
    Rewind rewind;
    rewind.is_reached = has_adjoint[static_cast<std::size_t>(index_)] && node_.trainable;
    if (rewind.is_reached) {
      context_.storage.adjoint(index_);
      for (std::size_t i = 0; i < runs_.size(); ++i) {
        const int x = node_.inputs[i];
        if (!node(x).trainable) continue;
        context_.storage.adjoint(x);
        if (!has_adjoint[static_cast<std::size_t>(x)] && !is_in_place(i, runs_[i], &PlanNode::adjoint_in))
          rewind.to_zero.push_back(x);
        has_adjoint[static_cast<std::size_t>(x)] = true;
      }
    }
    rewinds_.push_back(std::move(rewind));
    return static_cast<int>(rewinds_.size()) - 1;
  }

  void rewind(int prepared) override {
    const Rewind& rewind = rewinds_[static_cast<std::size_t>(prepared)];
    if (!rewind.is_reached) return;
    for (const int n : rewind.to_zero) context_.storage.adjoint(n).fill(0.0);
    if (context_.type == ElementType::f32)
      add_back<float>();
    else
      add_back<double>();
  }

  std::string describe() const override {
    std::int64_t copied = 0, in_place = 0;
    for (std::size_t i = 0; i < runs_.size(); ++i)
      (is_in_place(i, runs_[i], &PlanNode::value_in) ? in_place : copied) += runs_[i].count;
    return std::to_string(in_place) + " samples in place, " + std::to_string(copied) + " copied, output " +
           to_string(node_.shape);
  }
  std::size_t bytes() const override { return 0; }

 private:
  struct Rewind {
    bool is_reached;
    std::vector<int> to_zero;  // nodes to whose adjoints nothing was added yet
  };

  const PlanNode& node(int n) const { return context_.plan.nodes[static_cast<std::size_t>(n)]; }
  std::size_t bytes_of(const RunOfRows& run) const {
    return static_cast<std::size_t>(run.count) * retrograd::bytes_of(context_.type);
  }
  std::byte* at(void* data, std::int64_t element) const {
    return static_cast<std::byte*>(data) +
           static_cast<std::size_t>(element) * retrograd::bytes_of(context_.type);
  }

  // Whether what input `i` gives lies where the node's value (or the adjoints of both) has it.
  bool is_in_place(std::size_t i, const RunOfRows& run, View PlanNode::*view) const {
    const auto memory_of = [&](int n) {
      const View& in = node(n).*view;
      return in.of < 0 ? View{n, 0} : in;
    };
    View x = memory_of(node_.inputs[i]), y = memory_of(index_);
    x.at += run.from;
    y.at += run.to;
    return x == y;
  }

  // What is in place is added to nothing: -0 is 0 then, as everywhere.
  template <class Real>
  void add_back() {
    const Real* gy = context_.storage.adjoint(index_).as<Real>().data();
    for (std::size_t i = 0; i < runs_.size(); ++i) {
      const int x = node_.inputs[i];
      if (!node(x).trainable) continue;
      const RunOfRows& run = runs_[i];
      Real* gx = context_.storage.adjoint(x).as<Real>().data() + run.from;
      if (is_in_place(i, run, &PlanNode::adjoint_in))
        for (std::int64_t n = 0; n < run.count; ++n) gx[n] += Real(0.0);
      else
        for (std::int64_t n = 0; n < run.count; ++n) gx[n] += gy[run.to + n];
    }
  }

  StageContext context_;
  int index_;
  const PlanNode& node_;
  std::vector<RunOfRows> runs_;
  std::vector<Rewind> rewinds_;
};

}  // namespace

std::unique_ptr<StageRunner> make_view_stage(const StageContext& context, int stage) {
  return std::make_unique<ViewStage>(context, stage);
}

}  // namespace retrograd::cpu
