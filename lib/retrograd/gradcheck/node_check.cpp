#include <retrograd/gradcheck/node_check.hpp>

#include <utility>

namespace retrograd {

namespace {

std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i);
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = std::exchange(row[j], std::min({replaced, row[j] + 1, row[j - 1] + 1}));
    }
  }
  return row.back();
}

}  // namespace

NodeReport check_node(const gradcheck::CheckedNode& node, int seeds, const CheckedOn& on) {
  return check_node(node, gradcheck::checked_nodes(), seeds, on);
}

std::vector<std::string> checkable_nodes() {
  std::vector<std::string> names;
  for (const gradcheck::CheckedNode& node : gradcheck::checked_nodes()) names.emplace_back(node.type->name);
  return names;
}

NodeReport check_node(const std::string& name, int seeds, const CheckedOn& on) {
  std::string nearest, known;
  std::size_t distance = std::string::npos;
  for (const gradcheck::CheckedNode& node : gradcheck::checked_nodes()) {
    if (name == node.type->name) return check_node(node, seeds, on);
    known += (known.empty() ? "" : ", ") + std::string(node.type->name);
    if (const std::size_t d = edit_distance(name, node.type->name); d < distance) {
      distance = d;
      nearest = node.type->name;
    }
  }
  raise<DomainError>("the library has no node '" + name + "'; did you mean '" + nearest +
                     "'? Its nodes are: " + known);
}

bool check_all(const std::function<void(const NodeReport&)>& each, int seeds) {
  bool passed = true;
  for (const gradcheck::CheckedNode& node : gradcheck::checked_nodes()) {
    const NodeReport report = check_node(node, seeds);
    passed = passed && report.passed;
    if (each) each(report);
  }
  return passed;
}

}  // namespace retrograd
