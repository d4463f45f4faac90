#include <retrograd/tape/graph.hpp>
#include <retrograd/tape/plan.hpp>
#include <retrograd/tape/plan_loops.hpp>
#include <retrograd/tensor/errors.hpp>

#include <algorithm>
#include <map>
#include <string_view>
#include <tuple>
#include <utility>

namespace retrograd {

bool Plan::same_rows(int input, int stage) const {
  const PlanNode& node = nodes[static_cast<std::size_t>(input)];
  return node.shape.rows() == stages[static_cast<std::size_t>(stage)].shape.rows();
}

namespace {

// Whose value is there when its stage has ended, on other rows or another length than the stage's.
bool reduces(const PlanNode& node) {
  return node.type->kind == NodeKind::reduction || node.type->kind == NodeKind::over_rows;
}

bool runs_in_tiles(const PlanNode& node) {
  return node.type->kind == NodeKind::causal || reduces(node) ||
         (node.type->kind == NodeKind::pointwise && node.signal);
}

// The rows and length a tiled node runs over.
const Shape& tiled_shape(const Plan& plan, const PlanNode& node) {
  return reduces(node) ? plan.nodes[static_cast<std::size_t>(node.inputs[0])].shape : node.shape;
}

// By name: a host's objects and the library's may each have their own description of a built-in node.
bool same_operation(const NodeType& a, const NodeType& b) {
  return &a == &b || (std::string_view(a.name) == b.name && a.own_kernels == b.own_kernels);
}

// What a loop's value was closed with; -1: `id` is none.
int closing_node(const Graph& graph, std::size_t id) {
  const RecordedNode& node = graph.nodes[id];
  if (node.loop < 0) return -1;
  const int closed_by = graph.loops[static_cast<std::size_t>(node.loop)].closed_by;
  if (closed_by < 0)
    raise<TapeError>("[play] a loop of shape " + to_string(node.shape) +
                     " was never closed: tape.close(loop, y) says what goes round");
  return closed_by;
}

// The nodes that the outputs need, in recording order.
Plan reachable_nodes(const Graph& graph, std::span<const int> outputs) {
  std::vector<char> needed(graph.nodes.size(), 0);
  for (const int id : outputs) needed[static_cast<std::size_t>(id)] = 1;
  for (bool has_grown = true; has_grown;) {
    has_grown = false;
    for (std::size_t id = graph.nodes.size(); id-- > 0;)
      if (needed[id]) {
        for (const int input : graph.inputs_of(graph.nodes[id])) needed[static_cast<std::size_t>(input)] = 1;
        if (const int closed_by = closing_node(graph, id); closed_by >= 0)
          has_grown |= std::exchange(needed[static_cast<std::size_t>(closed_by)], char{1}) == 0;
      }
  }

  Plan plan;
  plan.index_of.assign(graph.nodes.size(), -1);
  plan.needs_leaf.assign(graph.leaves.size(), false);
  plan.nodes.reserve(static_cast<std::size_t>(std::count(needed.begin(), needed.end(), 1)));
  // Nodes point at their inputs there: it has room at once for all, and for three of each chain that is merged.
  plan.inputs.reserve(graph.inputs.size() + 3 * plan.nodes.capacity());
  for (std::size_t id = 0; id < graph.nodes.size(); ++id) {
    const RecordedNode& recorded = graph.nodes[id];
    if (!needed[id] || recorded.loop >= 0) continue;
    plan.index_of[id] = static_cast<int>(plan.nodes.size());
    PlanNode& node = plan.nodes.emplace_back();
    node.type = recorded.type;
    node.data = recorded.data.get();
    node.shape = recorded.shape;
    node.signal = recorded.signal;
    node.wanted = recorded.kept;
    node.stored = recorded.kept || recorded.leaf >= 0 || !recorded.signal;
    node.trainable = recorded.leaf >= 0 && !graph.leaves[static_cast<std::size_t>(recorded.leaf)].frozen;
    node.id = static_cast<int>(id);
    node.leaf = recorded.leaf;
    if (node.leaf >= 0) plan.needs_leaf[static_cast<std::size_t>(node.leaf)] = true;
    const std::span<const int> inputs = graph.inputs_of(recorded);
    node.inputs = {plan.inputs.data() + plan.inputs.size(), inputs.size()};
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      const int input = plan.index_of[static_cast<std::size_t>(inputs[i])];
      plan.inputs.push_back(input);
      if (input >= 0 && recorded.type->has_adjoint(i))
        node.trainable |= plan.nodes[static_cast<std::size_t>(input)].trainable;
    }
  }
  // Who reads a loop's value reads what it was closed with.
  for (PlanNode& node : plan.nodes)
    if (node.type->reach != nullptr && node.inputs[0] < 0) {
      const auto id =
          static_cast<std::size_t>(graph.inputs_of(graph.nodes[static_cast<std::size_t>(node.id)])[0]);
      plan.inputs[static_cast<std::size_t>(node.inputs.data() - plan.inputs.data())] =
          plan.index_of[static_cast<std::size_t>(closing_node(graph, id))];
    }
  for (const int id : outputs) {
    const int index = plan.index_of[static_cast<std::size_t>(id)];
    if (index < 0)
      raise<TapeError>("[play] a loop's value is what it was closed with; name that as an output");
    PlanNode& node = plan.nodes[static_cast<std::size_t>(index)];
    node.stored = node.wanted = true;
  }
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
      const int chained[] = {inner.inputs[0], inner.inputs[1], outer.inputs[1 - i]};
      outer.inputs = {plan.inputs.data() + plan.inputs.size(), std::size(chained)};
      plan.inputs.insert(plan.inputs.end(), std::begin(chained), std::end(chained));
      outer.type = outer.type->chain;
      merged[inner_index] = 1;
      break;
    }
  }
  if (std::find(merged.begin(), merged.end(), 1) == merged.end()) return;

  std::vector<int> position(plan.nodes.size(), -1);
  std::size_t kept = 0;
  for (std::size_t i = 0; i < plan.nodes.size(); ++i) {
    if (merged[i]) continue;
    position[i] = static_cast<int>(kept);
    if (kept != i) plan.nodes[kept] = plan.nodes[i];
    ++kept;
  }
  plan.nodes.resize(kept);
  for (int& input : plan.inputs) input = position[static_cast<std::size_t>(input)];
  for (int& index : plan.index_of)
    if (index >= 0) index = position[static_cast<std::size_t>(index)];
}

// A node's level is the number of stages that must end before its own may begin.
std::vector<int> find_levels(const Plan& plan) {
  std::vector<int> level(plan.nodes.size(), 0);
  for (std::size_t n = 0, first = 0; n < plan.nodes.size(); ++n) {
    const PlanNode& node = plan.nodes[n];
    // A loop's nodes, which stand together, have one level.
    if (node.loop < 0 || plan.nodes[first].loop != node.loop) first = n;
    if (first < n) level[n] = level[n - 1];
    for (const int input : node.inputs) {
      if (node.loop >= 0 && plan.nodes[static_cast<std::size_t>(input)].loop == node.loop) continue;
      const PlanNode& source = plan.nodes[static_cast<std::size_t>(input)];
      if (source.type->kind == NodeKind::leaf) continue;
      const bool tiled_together = runs_in_tiles(node) && runs_in_tiles(source) && !reduces(source) &&
                                  tiled_shape(plan, node) == source.shape;
      const bool numbers_together = node.type->kind == NodeKind::pointwise && !node.signal &&
                                    source.type->kind == NodeKind::pointwise && !source.signal;
      level[n] = std::max(
          level[n], level[static_cast<std::size_t>(input)] + (tiled_together || numbers_together ? 0 : 1));
    }
    std::fill(level.begin() + static_cast<std::ptrdiff_t>(first),
              level.begin() + static_cast<std::ptrdiff_t>(n), level[n]);
  }
  // A value that only later stages of its own rows use is computed there, so that it need not be stored; also where it
  // is stored all the same: which stages there are, and so the order of sums, must not depend on what else is played.
  constexpr int unused = 1 << 30;
  std::vector<int> first_use(plan.nodes.size(), unused);
  for (std::size_t n = plan.nodes.size(); n-- > 0;) {
    const PlanNode& node = plan.nodes[n];
    if (runs_in_tiles(node) && node.loop < 0 && first_use[n] != unused)
      level[n] = std::max(level[n], first_use[n]);
    for (const int input : node.inputs) {
      const auto source = static_cast<std::size_t>(input);
      const bool same_stage_possible = runs_in_tiles(node) && runs_in_tiles(plan.nodes[source]) &&
                                       !reduces(plan.nodes[source]) &&
                                       tiled_shape(plan, node) == plan.nodes[source].shape;
      first_use[source] = std::min(first_use[source], same_stage_possible ? level[n] : level[source]);
    }
  }
  return level;
}

void cut_into_stages(Plan& plan) {
  const std::vector<int> level = find_levels(plan);
  // Nodes on the same rows and length at one level share a stage; a whole node has its own.
  using Key = std::tuple<int, StageKind, Shape, int>;
  std::map<Key, std::size_t> stage_of;
  auto at = stage_of.end();                   // of the node before: mostly of this one too
  std::vector<std::pair<int, Stage>> stages;  // with their level
  const Shape number;
  for (std::size_t n = 0; n < plan.nodes.size(); ++n) {
    const PlanNode& node = plan.nodes[n];
    if (node.type->kind == NodeKind::leaf) continue;
    const bool is_whole = node.type->kind == NodeKind::whole;
    const StageKind kind = runs_in_tiles(node) ? StageKind::tiled
                           : is_whole          ? StageKind::whole
                                               : StageKind::constants;
    const Shape& shape = kind == StageKind::tiled ? tiled_shape(plan, node) : number;
    const int whole = is_whole ? static_cast<int>(n) : -1;
    if (at == stage_of.end() || at->first != std::tie(level[n], kind, shape, whole))
      at = stage_of.try_emplace({level[n], kind, shape, whole}, stages.size()).first;
    if (at->second == stages.size()) stages.push_back({level[n], {kind, shape, {}}});
    stages[at->second].second.nodes.push_back(static_cast<int>(n));
  }
  std::ranges::sort(stages, {},
                    [](const auto& stage) { return std::pair(stage.first, stage.second.nodes[0]); });
  for (auto& [at_level, stage] : stages) {
    for (const int n : stage.nodes)
      plan.nodes[static_cast<std::size_t>(n)].stage = static_cast<int>(plan.stages.size());
    plan.stages.push_back(std::move(stage));
  }
}

// The way back reads earlier samples again where a node that reads them is computed again, or has another input with a
// gradient: then they are kept, at full length.
void keep_histories(Plan& plan) {
  std::vector<char> is_read(plan.nodes.size(), 0);  // on the way back, in its own stage
  for (std::size_t n = plan.nodes.size(); n-- > 0;) {
    const PlanNode& node = plan.nodes[n];
    if (node.stage < 0 || plan.stages[static_cast<std::size_t>(node.stage)].kind != StageKind::tiled)
      continue;
    if (node.trainable && node.type->adjoint_reads_output) is_read[n] = 1;
    const bool is_computed_again = is_read[n] != 0 && !node.stored;
    for (std::size_t i = 0; i < node.inputs.size(); ++i) {
      const auto x = static_cast<std::size_t>(node.inputs[i]);
      if (i > 0 || node.type->reach == nullptr) {
        if (is_computed_again || (node.trainable && node.type->adjoint_reads_inputs)) is_read[x] = 1;
      } else if (is_computed_again || (node.type->differentiable >> 1 != 0 && node.inputs.size() > 1 &&
                                       plan.nodes[static_cast<std::size_t>(node.inputs[1])].trainable)) {
        plan.nodes[x].stored = true;
      }
    }
  }
}

void find_stored_values(Plan& plan) {
  for (PlanNode& node : plan.nodes)
    for (const int input : node.inputs) {
      PlanNode& source = plan.nodes[static_cast<std::size_t>(input)];
      if (source.stage != node.stage) source.stored = true;
      if (node.type->kind == NodeKind::whole || node.type->kind == NodeKind::over_rows) node.stored = true;
    }
}

}  // namespace

Plan make_plan(const Graph& graph, std::span<const int> outputs) {
  Plan plan = reachable_nodes(graph, outputs);
  merge_chains(plan);
  find_loops(plan);
  cut_into_stages(plan);
  limit_tiles(plan);
  find_stored_values(plan);
  keep_histories(plan);
  return plan;
}

}  // namespace retrograd
