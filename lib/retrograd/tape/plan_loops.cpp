// Loops in a plan: which nodes are in one, and an order in which they stand together.
#include <retrograd/tape/graph.hpp>
#include <retrograd/tape/plan_loops.hpp>
#include <retrograd/tensor/errors.hpp>

#include <algorithm>
#include <bit>

namespace retrograd {

namespace {

using Index = std::size_t;

// Nodes that `start` leads to, itself included, from each to those in neighbours(n).
template <class Neighbours>
std::vector<char> reached_from(int start, Index count, const Neighbours& neighbours) {
  std::vector<char> is_reached(count, 0);
  std::vector<int> waiting{start};
  is_reached[static_cast<Index>(start)] = 1;
  while (!waiting.empty()) {
    const int n = waiting.back();
    waiting.pop_back();
    for (const int next : neighbours(n))
      if (std::exchange(is_reached[static_cast<Index>(next)], char{1}) == 0) waiting.push_back(next);
  }
  return is_reached;
}

// A node of a loop must run sample by sample, on the loop's rows.
void check_in_loop(const PlanNode& node) {
  if (node.type->kind == NodeKind::pointwise || node.type->kind == NodeKind::causal) return;
  raise<TapeError>(std::string("[play] a loop passes through '") + node.type->name + "' of shape " +
                   to_string(node.shape) + ", " +
                   (node.type->kind == NodeKind::over_rows ? "a sum over rows"
                    : node.type->kind == NodeKind::whole   ? "which sees its whole input at once"
                                                           : "which reduces a signal to one value") +
                   "; in a loop are nodes that go from sample to sample");
}

// Numbers every node of a loop with the loop's place in plan.loops.
void number_loops(Plan& plan) {
  const Index count = plan.nodes.size();
  std::vector<std::vector<int>> readers(count);
  for (Index n = 0; n < count; ++n)
    for (const int input : plan.nodes[n].inputs)
      readers[static_cast<Index>(input)].push_back(static_cast<int>(n));
  for (Index n = 0; n < count; ++n) {
    const PlanNode& node = plan.nodes[n];
    if (node.type->reach == nullptr || node.inputs[0] < static_cast<int>(n)) continue;
    const Reach reach = node.type->reach(node.data);
    int loop = node.loop;
    if (loop < 0) {
      const auto after = reached_from(static_cast<int>(n), count, [&](int m) -> const std::vector<int>& {
        return readers[static_cast<Index>(m)];
      });
      if (after[static_cast<Index>(node.inputs[0])] == 0)
        continue;  // the loop's value comes of something else
      const auto before = reached_from(static_cast<int>(n), count,
                                       [&](int m) { return plan.nodes[static_cast<Index>(m)].inputs; });
      loop = static_cast<int>(plan.loops.size());
      plan.loops.push_back({.least = reach.least});
      for (Index m = 0; m < count; ++m)
        if (after[m] != 0 && before[m] != 0) {
          check_in_loop(plan.nodes[m]);
          plan.nodes[m].loop = loop;
        }
    }
    Plan::Loop& of = plan.loops[static_cast<Index>(loop)];
    of.least = std::min(of.least, reach.least);
  }
  for (Index n = 0; n < count; ++n) {
    const PlanNode& node = plan.nodes[n];
    const int samples = plan.samples_at_a_time(static_cast<int>(n));
    if (samples == 0 || !node.type->keeps_state || samples >= node.type->least_part) continue;
    raise<TapeError>("[play] a loop of " + std::to_string(plan.loops[static_cast<Index>(node.loop)].least) +
                     " samples passes through '" + node.type->name + "' of shape " + to_string(node.shape) +
                     ", which goes " + std::to_string(node.type->least_part) +
                     " samples at a time: every delay in the loop must be as long");
  }
}

// Puts nodes behind their inputs again, those of a loop together and in the order they had.
void sort_nodes(Plan& plan) {
  const Index count = plan.nodes.size();
  std::vector<int> position(count, -1);
  std::vector<PlanNode> sorted;
  sorted.reserve(count);
  std::vector<std::vector<int>> members(plan.loops.size());
  for (Index n = 0; n < count; ++n)
    if (plan.nodes[n].loop >= 0)
      members[static_cast<Index>(plan.nodes[n].loop)].push_back(static_cast<int>(n));
  const auto together = [&](int n) {
    const int loop = plan.nodes[static_cast<Index>(n)].loop;
    return loop < 0 ? std::vector<int>{n} : members[static_cast<Index>(loop)];
  };
  std::vector<int> waiting;
  for (Index first = 0; first < count; ++first) {
    waiting.assign(1, static_cast<int>(first));
    while (!waiting.empty()) {
      const int n = waiting.back();
      if (position[static_cast<Index>(n)] >= 0) {
        waiting.pop_back();
        continue;
      }
      const std::vector<int> group = together(n);
      const Index before = waiting.size();
      for (const int member : group)
        for (const int input : plan.nodes[static_cast<Index>(member)].inputs)
          if (position[static_cast<Index>(input)] < 0 && std::ranges::find(group, input) == group.end())
            waiting.push_back(input);
      if (waiting.size() > before) continue;
      waiting.pop_back();
      for (const int member : group) {
        position[static_cast<Index>(member)] = static_cast<int>(sorted.size());
        sorted.push_back(plan.nodes[static_cast<Index>(member)]);
      }
    }
  }
  plan.nodes = std::move(sorted);
  for (int& input : plan.inputs)
    if (input >= 0) input = position[static_cast<Index>(input)];
  for (int& index : plan.index_of)
    if (index >= 0) index = position[static_cast<Index>(index)];
}

}  // namespace

void find_loops(Plan& plan) {
  const auto reads_later = [&](Index n) {
    const PlanNode& node = plan.nodes[n];
    return node.type->reach != nullptr && node.inputs[0] > static_cast<int>(n);
  };
  bool has_loops = false;
  for (Index n = 0; n < plan.nodes.size(); ++n) has_loops |= reads_later(n);
  if (!has_loops) return;
  number_loops(plan);
  sort_nodes(plan);
  // Gradients go round as well.
  for (bool has_changed = true; has_changed;) {
    has_changed = false;
    for (PlanNode& node : plan.nodes)
      for (Index i = 0; i < node.inputs.size(); ++i)
        if (!node.trainable && node.type->has_adjoint(i) &&
            plan.nodes[static_cast<Index>(node.inputs[i])].trainable)
          node.trainable = has_changed = true;
  }
}

void limit_tiles(Plan& plan) {
  for (Stage& stage : plan.stages)
    for (const int n : stage.nodes)
      if (const int loop = plan.nodes[static_cast<Index>(n)].loop; loop >= 0) {
        const auto least = static_cast<std::uint64_t>(plan.loops[static_cast<Index>(loop)].least);
        if (least >= smallest_tile)
          stage.most_tile = std::min(stage.most_tile, static_cast<int>(std::bit_floor(least)));
      }
}

}  // namespace retrograd
