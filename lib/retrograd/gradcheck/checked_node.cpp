#include <retrograd/gradcheck/checked_node.hpp>
#include <retrograd/tape/graph.hpp>

#include <algorithm>
#include <string_view>

namespace retrograd::gradcheck {

namespace {

const CheckedNode* find(const KnownNodes& known, const NodeType& type) {
  for (const std::span<const CheckedNode> nodes : {known.own, known.library})
    for (const CheckedNode& node : nodes)
      if (node.is_own() == (type.own_kernels != nullptr) && std::string_view(node.type->name) == type.name)
        return &node;
  return nullptr;
}

DualTensor leaf_on_duals(Leaf& leaf, const Tensor* along) {
  const Tensor& value = value_of(leaf);
  DualTensor x{value.shape(), {}};
  for (std::int64_t i = 0; i < x.shape.elements(); ++i)
    x.elements.emplace_back(value.view().at(i), along != nullptr ? along->view().at(i) : 0.0);
  return x;
}

}  // namespace

DualTensor evaluate_on_duals(Var y, std::span<const Direction> directions, const KnownNodes& known) {
  Graph& graph = graph_of(y.tape());
  const auto last = static_cast<std::size_t>(y.id());
  std::vector<bool> needed(last + 1, false);
  needed[last] = true;
  for (std::size_t n = last + 1; n-- > 0;)
    if (needed[n])
      for (const int input : graph.inputs_of(graph.nodes[n])) needed[static_cast<std::size_t>(input)] = true;

  std::vector<DualTensor> values(last + 1);
  for (std::size_t n = 0; n <= last; ++n) {
    if (!needed[n]) continue;
    const RecordedNode& node = graph.nodes[n];
    if (node.leaf >= 0) {
      const auto direction = std::ranges::find_if(
          directions, [&](const Direction& d) { return d.leaf.id() == static_cast<int>(n); });
      values[n] = leaf_on_duals(graph.leaves[static_cast<std::size_t>(node.leaf)],
                                direction == directions.end() ? nullptr : &direction->along);
      continue;
    }
    const CheckedNode* checked = find(known, *node.type);
    if (checked == nullptr)
      raise<TapeError>(std::string("[gradcheck] no check is known of '") + node.type->name +
                       "', which a node's check() records; check the node by itself");
    std::vector<const DualTensor*> inputs;
    std::vector<DualTensor> without_tangent;
    const std::span<const int> input_ids = graph.inputs_of(node);
    without_tangent.reserve(input_ids.size());
    for (std::size_t i = 0; i < input_ids.size(); ++i) {
      const DualTensor& input = values[static_cast<std::size_t>(input_ids[i])];
      if (!node.type->has_adjoint(i)) {
        for (Number& element : without_tangent.emplace_back(input).elements) element.tangent = 0.0;
        inputs.push_back(&without_tangent.back());
      } else {
        inputs.push_back(&input);
      }
    }
    values[n].shape = node.shape;
    checked->evaluate(node.data.get(), inputs, values[n]);
  }
  return std::move(values[last]);
}

}  // namespace retrograd::gradcheck
