#include <retrograd/backends/cpu/views.hpp>
#include <retrograd/nodes/all.hpp>

#include <algorithm>
#include <string_view>

namespace retrograd::cpu {

namespace {

// The runs of each input as one; false where they are none.
template <class N>
bool join_runs(const N& node, std::span<const TensorView> x, const Shape& y, std::vector<RunOfRows>& joined) {
  bool are_one = true;
  node.for_each_run(x, y, [&](const Run& run) {
    RunOfRows& before = joined[run.input];
    const bool follows =
        before.count == 0 || (before.from + before.count == run.from && before.to + before.count == run.to);
    if (before.count == 0) before = {run.from, run.to, 0};
    before.count += run.count;
    are_one = are_one && follows && (run.stride == 1 || run.count == 1);
  });
  return are_one;
}

// Follows the views of views to where the memory is.
template <class Member>
void find_memory(std::vector<PlanNode>& nodes, const Member& view_of) {
  std::vector<std::size_t> way;
  for (std::size_t n = 0; n < nodes.size(); ++n) {
    way.clear();
    for (std::size_t at = n; view_of(nodes[at]).of >= 0; at = static_cast<std::size_t>(view_of(nodes[at]).of))
      way.push_back(at);
    // From the last, each one's next has been led to the memory.
    for (std::size_t i = way.size(); i-- > 0;) {
      View& view = view_of(nodes[way[i]]);
      if (const View& next = view_of(nodes[static_cast<std::size_t>(view.of)]); next.of >= 0)
        view = {next.of, view.at + next.at};
    }
  }
}

// A view of node `of`, of whose elements it is `count` from `at` on.
struct Part {
  int of;
  std::int64_t at, count;
  int view;
};

class ViewFinder {
 public:
  explicit ViewFinder(Plan& plan)
      : plan_(plan), nodes_(plan.nodes), readers_(nodes_.size(), 0), is_cut_(nodes_.size(), 0) {
    for (std::size_t n = 0; n < nodes_.size(); ++n) {
      const PlanNode& node = nodes_[n];
      for (std::size_t i = 0; node.trainable && i < node.inputs.size(); ++i)
        if (node.type->has_adjoint(i)) ++readers_[static_cast<std::size_t>(node.inputs[i])];
    }
  }

  void find() {
    for (std::size_t n = 0; n < nodes_.size(); ++n)
      if (const auto runs = runs_of_rows(plan_, nodes_[n])) {
        if (runs->size() == 1)
          cut(static_cast<int>(n), runs->front());
        else
          join(static_cast<int>(n), *runs);
      }
    share_adjoints_of_parts();
    find_memory(nodes_, [](PlanNode& node) -> View& { return node.value_in; });
    find_memory(nodes_, [](PlanNode& node) -> View& { return node.adjoint_in; });
  }

 private:
  PlanNode& at(int n) { return nodes_[static_cast<std::size_t>(n)]; }

  int memory_of(int n) {
    while (at(n).value_in.of >= 0) n = at(n).value_in.of;
    return n;
  }

  // The value of `n` is a part of its input's. What is set later is no longer what was played: the caller gets a copy.
  void cut(int n, const RunOfRows& run) {
    const int x = at(n).inputs[0];
    if (at(n).wanted && at(memory_of(x)).type->kind == NodeKind::leaf) return;
    at(n).value_in = {x, run.from};
    is_cut_[static_cast<std::size_t>(n)] = 1;
    if (at(n).trainable && at(x).type->kind != NodeKind::leaf) parts_.push_back({x, run.from, run.count, n});
  }

  // The inputs of `n` are computed as parts of its value, each in one place; what has another shape there, too.
  void join(int n, const std::vector<RunOfRows>& runs) {
    for (std::size_t i = 0; i < runs.size(); ++i) {
      int x = at(n).inputs[i];
      bool is_read_here_only = is_read_once(x);
      while (at(x).value_in.of >= 0 && is_cut_[static_cast<std::size_t>(x)] != 0) {
        const int whole = at(x).value_in.of;
        if (at(whole).shape.elements() != at(x).shape.elements()) break;
        x = whole;
        is_read_here_only = is_read_here_only && is_read_once(x);
      }
      if (at(x).type->kind == NodeKind::leaf || at(x).value_in.of >= 0) continue;
      at(x).value_in = {n, runs[i].to};
      if (at(x).trainable && is_read_here_only) at(x).adjoint_in = {n, runs[i].to};
    }
  }
  bool is_read_once(int x) const { return readers_[static_cast<std::size_t>(x)] == 1; }

  // Where nothing but views, no two of the same element, adds to an adjoint.
  void share_adjoints_of_parts() {
    std::ranges::sort(parts_, {}, [](const Part& part) { return std::pair(part.of, part.at); });
    for (auto first = parts_.begin(); first != parts_.end();) {
      const auto last =
          std::find_if(first, parts_.end(), [&](const Part& part) { return part.of != first->of; });
      bool are_apart = last - first == readers_[static_cast<std::size_t>(first->of)];
      std::int64_t covered = 0;
      for (auto part = first; part != last; ++part) {
        covered += part->count;
        if (part != first) are_apart = are_apart && part[-1].at + part[-1].count <= part->at;
      }
      if (are_apart) {
        for (auto part = first; part != last; ++part) at(part->view).adjoint_in = {part->of, part->at};
        if (last - first > 1 || covered < at(first->of).shape.elements())
          plan_.adjoints_in_parts.push_back(first->of);
      }
      first = last;
    }
  }

  Plan& plan_;
  std::vector<PlanNode>& nodes_;
  std::vector<int> readers_;  // that add to a node's adjoint
  std::vector<char> is_cut_;  // whether a node is a part of its input
  std::vector<Part> parts_;
};

}  // namespace

std::optional<std::vector<RunOfRows>> runs_of_rows(const Plan& plan, const PlanNode& node) {
  if (node.type->kind != NodeKind::whole || node.type->own_kernels != nullptr || !node.signal)
    return std::nullopt;
  std::vector<TensorView> inputs;
  for (const int input : node.inputs) {
    const PlanNode& source = plan.nodes[static_cast<std::size_t>(input)];
    if (!source.signal) return std::nullopt;
    inputs.push_back({nullptr, source.shape, ElementType::f32});
  }
  std::vector<RunOfRows> joined(inputs.size(), {0, 0, 0});
  bool are_one = false;
  for_each_node(WholeNodes(), [&]<class N>() {
    if constexpr (std::is_base_of_v<Rearrange<N>, N>)
      if (std::string_view(N::name) == node.type->name)
        are_one = join_runs(*static_cast<const N*>(node.data), inputs, node.shape, joined);
  });
  if (!are_one) return std::nullopt;
  return joined;
}

Plan with_views(Plan plan) {
  ViewFinder(plan).find();
  return plan;
}

}  // namespace retrograd::cpu
