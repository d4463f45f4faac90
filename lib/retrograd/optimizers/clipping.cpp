#include <retrograd/optimizers/clipping.hpp>

#include <algorithm>

namespace retrograd {

namespace {

// How many matrices one after the other a value is read as, by the nodes that take a matrix; 0: it reaches none.
using MatrixCounts = std::vector<std::int64_t>;

std::int64_t matrices_in(const Shape& shape) {
  return shape.axes() < 2 ? 1 : shape.elements() / (shape[shape.axes() - 2] * shape[shape.axes() - 1]);
}

MatrixCounts matrix_counts(const Graph& graph) {
  MatrixCounts counts(graph.nodes.size());
  // Nodes come after what they read, so those that read a value have been here before it.
  for (std::size_t n = graph.nodes.size(); n-- > 0;) {
    const std::span<const int> inputs = graph.inputs_of(graph.nodes[n]);
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      const auto input = static_cast<std::size_t>(inputs[i]);
      const auto read_as = [&](std::int64_t matrices) {
        if (matrices == 0) return;
        counts[input] = counts[input] == 0 || counts[input] == matrices ? matrices : 1;
      };
      // What a product has on its right is read by every row of it, with all that it is computed from. On its left rows
      // stay rows, unless they are a parameter's own: those of a weight matrix before a signal.
      const unsigned matrix_inputs = graph.nodes[n].type->matrix_inputs;
      const bool is_matrix = i < 32 && (matrix_inputs >> i & 1U) != 0;
      if (is_matrix || (matrix_inputs != 0 && graph.nodes[input].leaf >= 0))
        read_as(matrices_in(graph.nodes[input].shape));
      read_as(counts[n]);
    }
  }
  return counts;
}

}  // namespace

std::vector<ClipGroups> clip_groups(const Graph& graph, std::span<const Var> parameters, ClipBy by) {
  std::vector<ClipGroups> groups;
  const MatrixCounts counts = by == ClipBy::row ? matrix_counts(graph) : MatrixCounts();
  std::int64_t rows = 1;
  for (const Var parameter : parameters) {
    const RecordedNode& node = graph.nodes[static_cast<std::size_t>(parameter.id())];
    const std::int64_t elements = node.shape.elements();
    if (by == ClipBy::tensor) {
      groups.push_back({static_cast<std::int64_t>(groups.size()), elements});
      continue;
    }
    std::int64_t rows_here = by == ClipBy::all ? 1 : node.shape.rows();
    if (const std::int64_t matrices =
            by == ClipBy::row ? counts[static_cast<std::size_t>(parameter.id())] : 0)
      rows_here = rows_here % matrices == 0 ? matrices : 1;
    groups.push_back({0, elements / rows_here});
    rows = std::max(rows, rows_here);
  }
  // What all rows share is a group of its own, after theirs.
  if (by == ClipBy::row && rows > 1)
    for (std::size_t p = 0; p < groups.size(); ++p)
      if (groups[p].length == graph.nodes[static_cast<std::size_t>(parameters[p].id())].shape.elements())
        groups[p].first = rows;
  return groups;
}

}  // namespace retrograd
