#include <retrograd/tape/graph.hpp>
#include <retrograd/tape/plan.hpp>

#include <algorithm>
#include <map>
#include <string_view>
#include <tuple>

namespace retrograd {

bool Plan::same_rows(int input, int stage) const {
  const PlanNode& node = nodes[static_cast<std::size_t>(input)];
  return node.shape.rows() == stages[static_cast<std::size_t>(stage)].shape.rows();
}

namespace {

constexpr unsigned bit(std::size_t i) { return 1u << std::min<std::size_t>(i, 31); }

bool runs_in_tiles(const PlanNode& node) {
  return node.type->kind == NodeKind::causal || node.type->kind == NodeKind::reduction ||
         (node.type->kind == NodeKind::pointwise && node.signal);
}

// The rows and length a tiled node runs over.
const Shape& tiled_shape(const Plan& plan, const PlanNode& node) {
  return node.type->kind == NodeKind::reduction ? plan.nodes[static_cast<std::size_t>(node.inputs[0])].shape
                                                : node.shape;
}

// By name: a host's objects and the library's may each have their own description of a built-in node.
bool same_operation(const NodeType& a, const NodeType& b) {
  return std::string_view(a.name) == b.name && a.own_kernels == b.own_kernels;
}

// The nodes that the outputs need, in recording order.
Plan reachable_nodes(const Graph& graph, std::span<const int> outputs) {
  std::vector<char> needed(graph.nodes.size(), 0);
  for (const int id : outputs) needed[static_cast<std::size_t>(id)] = 1;
  for (std::size_t id = graph.nodes.size(); id-- > 0;)
    if (needed[id])
      for (const int input : graph.nodes[id].inputs) needed[static_cast<std::size_t>(input)] = 1;

  Plan plan;
  plan.index_of.assign(graph.nodes.size(), -1);
  for (std::size_t id = 0; id < graph.nodes.size(); ++id) {
    if (!needed[id]) continue;
    const RecordedNode& recorded = graph.nodes[id];
    PlanNode node;
    node.type = recorded.type;
    node.data = recorded.data.get();
    node.shape = recorded.shape;
    node.signal = recorded.signal;
    node.stored = recorded.kept || recorded.leaf >= 0 || !recorded.signal;
    node.trainable = recorded.leaf >= 0 && !graph.leaves[static_cast<std::size_t>(recorded.leaf)].frozen;
    node.id = static_cast<int>(id);
    for (std::size_t i = 0; i < recorded.inputs.size(); ++i) {
      const int input = plan.index_of[static_cast<std::size_t>(recorded.inputs[i])];
      node.inputs.push_back(input);
      if (recorded.type->differentiable & bit(i))
        node.trainable |= plan.nodes[static_cast<std::size_t>(input)].trainable;
    }
    plan.index_of[id] = static_cast<int>(plan.nodes.size());
    plan.nodes.push_back(std::move(node));
  }
  for (const int id : outputs)
    plan.nodes[static_cast<std::size_t>(plan.index_of[static_cast<std::size_t>(id)])].stored = true;
  return plan;
}

// Merges op(op(a, b), c) into one node where nobody else sees the inner value: one pass over the tile instead
// of two.
void merge_chains(Plan& plan) {
  std::vector<int> users(plan.nodes.size(), 0);
  for (const PlanNode& node : plan.nodes)
    for (const int input : node.inputs) ++users[static_cast<std::size_t>(input)];
  std::vector<char> merged(plan.nodes.size(), 0);
  for (PlanNode& outer : plan.nodes) {
    if (outer.type->chain == nullptr || !outer.signal) continue;
    for (std::size_t i = 0; i < outer.inputs.size(); ++i) {
      const auto inner_index = static_cast<std::size_t>(outer.inputs[i]);
      const PlanNode& inner = plan.nodes[inner_index];
      if (!same_operation(*inner.type, *outer.type) || !inner.signal || inner.stored ||
          users[inner_index] != 1 || inner.shape != outer.shape)
        continue;
      outer.inputs = {inner.inputs[0], inner.inputs[1], outer.inputs[1 - i]};
      outer.type = outer.type->chain;
      merged[inner_index] = 1;
      break;
    }
  }
  if (std::find(merged.begin(), merged.end(), 1) == merged.end()) return;

  std::vector<int> position(plan.nodes.size(), -1);
  std::vector<PlanNode> kept;
  for (std::size_t i = 0; i < plan.nodes.size(); ++i) {
    if (merged[i]) continue;
    position[i] = static_cast<int>(kept.size());
    kept.push_back(std::move(plan.nodes[i]));
  }
  for (PlanNode& node : kept)
    for (int& input : node.inputs) input = position[static_cast<std::size_t>(input)];
  for (int& index : plan.index_of)
    if (index >= 0) index = position[static_cast<std::size_t>(index)];
  plan.nodes = std::move(kept);
}

// A node's level is the number of stages that must end before its own may begin.
std::vector<int> find_levels(const Plan& plan) {
  std::vector<int> level(plan.nodes.size(), 0);
  for (std::size_t n = 0; n < plan.nodes.size(); ++n) {
    const PlanNode& node = plan.nodes[n];
    for (const int input : node.inputs) {
      const PlanNode& source = plan.nodes[static_cast<std::size_t>(input)];
      if (source.type->kind == NodeKind::leaf) continue;
      const bool tiled_together = runs_in_tiles(node) && runs_in_tiles(source) &&
                                  source.type->kind != NodeKind::reduction &&
                                  tiled_shape(plan, node) == source.shape;
      const bool numbers_together = node.type->kind == NodeKind::pointwise && !node.signal &&
                                    source.type->kind == NodeKind::pointwise && !source.signal;
      level[n] = std::max(
          level[n], level[static_cast<std::size_t>(input)] + (tiled_together || numbers_together ? 0 : 1));
    }
  }
  // A value that only later stages of its own rows use is computed there, so that it need not be stored.
  constexpr int unused = 1 << 30;
  std::vector<int> first_use(plan.nodes.size(), unused);
  for (std::size_t n = plan.nodes.size(); n-- > 0;) {
    const PlanNode& node = plan.nodes[n];
    if (runs_in_tiles(node) && !node.stored && first_use[n] != unused)
      level[n] = std::max(level[n], first_use[n]);
    for (const int input : node.inputs) {
      const auto source = static_cast<std::size_t>(input);
      const bool same_stage_possible = runs_in_tiles(node) && runs_in_tiles(plan.nodes[source]) &&
                                       tiled_shape(plan, node) == plan.nodes[source].shape;
      first_use[source] = std::min(first_use[source], same_stage_possible ? level[n] : level[source]);
    }
  }
  return level;
}

void cut_into_stages(Plan& plan) {
  const std::vector<int> level = find_levels(plan);
  // Stages in order of level; nodes on the same rows and length at one level share theirs.
  using Key = std::tuple<int, StageKind, std::vector<std::int64_t>, int>;
  std::map<Key, Stage> stages;
  std::map<int, std::vector<Key>> order;
  for (std::size_t n = 0; n < plan.nodes.size(); ++n) {
    const PlanNode& node = plan.nodes[n];
    if (node.type->kind == NodeKind::leaf) continue;
    Stage stage;
    Key key{level[n], StageKind::constants, {}, -1};
    if (runs_in_tiles(node)) {
      const Shape& shape = tiled_shape(plan, node);
      stage.kind = std::get<1>(key) = StageKind::tiled;
      stage.shape = shape;
      for (int axis = 0; axis < shape.axes(); ++axis) std::get<2>(key).push_back(shape[axis]);
    } else if (node.type->kind == NodeKind::whole) {
      stage.kind = std::get<1>(key) = StageKind::whole;
      std::get<3>(key) = static_cast<int>(n);
    } else {
      stage.kind = StageKind::constants;
    }
    const auto [entry, is_new] = stages.try_emplace(key, std::move(stage));
    if (is_new) order[level[n]].push_back(key);
    entry->second.nodes.push_back(static_cast<int>(n));
  }
  for (const auto& [at_level, keys] : order)
    for (const Key& key : keys) {
      for (const int n : stages[key].nodes)
        plan.nodes[static_cast<std::size_t>(n)].stage = static_cast<int>(plan.stages.size());
      plan.stages.push_back(std::move(stages[key]));
    }
}

void find_stored_values(Plan& plan) {
  for (PlanNode& node : plan.nodes)
    for (const int input : node.inputs) {
      PlanNode& source = plan.nodes[static_cast<std::size_t>(input)];
      if (source.stage != node.stage) source.stored = true;
      if (node.type->kind == NodeKind::whole) node.stored = true;
    }
}

}  // namespace

Plan make_plan(const Graph& graph, std::span<const int> outputs) {
  Plan plan = reachable_nodes(graph, outputs);
  merge_chains(plan);
  cut_into_stages(plan);
  find_stored_values(plan);
  return plan;
}

}  // namespace retrograd
