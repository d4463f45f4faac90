#include <retrograd/backends/description.hpp>

#include <algorithm>
#include <sstream>
#include <utility>

namespace retrograd {

namespace {

// "6 phase, 2 add": each text once, with how often it is there, in the order of the first.
std::string counted(const std::vector<std::string>& texts, const char* between) {
  std::vector<std::pair<std::string, int>> counts;
  for (const std::string& text : texts) {
    const auto known = std::ranges::find(counts, text, &std::pair<std::string, int>::first);
    if (known == counts.end())
      counts.emplace_back(text, 1);
    else
      ++known->second;
  }
  std::string list;
  for (const auto& [text, count] : counts)
    list += (list.empty() ? "" : between) + std::to_string(count) + " " + text;
  return list;
}

}  // namespace

std::string describe(const Plan& plan, ElementType type, std::span<const std::unique_ptr<StageRunner>> stages,
                     std::size_t stored_bytes) {
  std::ostringstream text;
  std::size_t own_bytes = 0;
  for (std::size_t s = 0; s < stages.size(); ++s) {
    const Stage& stage = plan.stages[s];
    constexpr const char* kinds[] = {"constants", "tiled", "whole"};
    text << "stage " << s << ", " << kinds[static_cast<int>(stage.kind)] << ": " << stages[s]->describe()
         << '\n';
    std::vector<std::string> nodes, stored;
    std::size_t bytes = 0;
    for (const int n : stage.nodes) {
      const PlanNode& node = plan.nodes[static_cast<std::size_t>(n)];
      nodes.emplace_back(node.type->name);
      if (!node.stored || node.value_in.of >= 0) continue;
      stored.push_back(node.type->name + (" " + to_string(node.shape)));
      bytes +=
          static_cast<std::size_t>(node.shape.elements()) * bytes_of(node.signal ? type : ElementType::f64);
    }
    text << "    " << counted(nodes, " ") << "\n    stored: " << counted(stored, ", ") << ", " << bytes
         << " bytes\n";
    own_bytes += stages[s]->bytes();
  }
  text << "in all: " << stored_bytes << " bytes of stored values and adjoints, " << own_bytes
       << " bytes of scratch and saved states\n";
  return text.str();
}

}  // namespace retrograd
