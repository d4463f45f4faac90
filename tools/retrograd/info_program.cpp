// What one tile of a patch goes through: the steps of its tiled stages, forwards and backwards.
#include <retrograd/racks/record.hpp>
#include <retrograd/tape/graph.hpp>
#include <retrograd/tape/plan.hpp>
#include <retrograd/tape/tape.hpp>

#include <algorithm>
#include <iostream>
#include <string>

#include "info.hpp"
#include "text.hpp"

namespace retrograd::tool {
namespace {

using Index = std::size_t;

class Listing {
 public:
  Listing(const Graph& graph, const Plan& plan) : graph_(graph), plan_(plan) {}

  void print(int stage, const char* way, const TileProgram& program) const {
    std::cout << "stage " << stage << ", " << way << ": "
              << count(static_cast<long long>(program.steps.size()), "step") << ", "
              << count(program.slots, "slot") << '\n';
    // Steps of one pass have one number: 3a, 3b, 3c.
    int at = 0, part = 0, parts = 0;
    for (const TileStep& step : program.steps) {
      if (step.fusion != nullptr) {
        part = 0;
        parts = step.fusion->factors + 1;
      }
      if (part == 0 || part >= parts) ++at;
      std::string number = std::to_string(at);
      if (part < parts) number += static_cast<char>('a' + part++);
      number.resize(std::max<Index>(number.size(), 4), ' ');
      std::cout << "    " << number << ' ' << words(program, step) << '\n';
    }
  }

 private:
  const PlanNode& node(int n) const { return plan_.nodes[static_cast<Index>(n)]; }

  std::string name(int n) const {
    if (node(n).leaf < 0) return std::string(node(n).type->name) + " " + std::to_string(n);
    const Leaf& leaf = graph_.leaves[static_cast<Index>(node(n).leaf)];
    if (!leaf.name.empty()) return leaf.name;
    return leaf.value.shape().elements() == 1 ? number(leaf.value.item()) : "constant " + std::to_string(n);
  }

  std::string words(const TileProgram& program, const TileOperand& operand) const {
    const auto at = static_cast<Index>(operand.index);
    switch (operand.place) {
      case TileOperand::Place::none:
        return "-";
      case TileOperand::Place::slot:
        return "slot " + std::to_string(operand.index);
      case TileOperand::Place::value:
        return name(operand.index);
      case TileOperand::Place::adjoint:
        return "adjoint of " + name(operand.index);
      case TileOperand::Place::row_adjoint:
        return "row's adjoint of " + name(program.row_adjoints[at]);
      case TileOperand::Place::row_sum:
        return "sum for " + name(program.row_sums[at]);
      case TileOperand::Place::spread:
        return name(operand.index) + " as a signal";
      case TileOperand::Place::history:
        return "history of " + name(operand.index);
      case TileOperand::Place::history_adjoint:
        return "adjoint of the history that " + name(operand.index) + " reads";
    }
    return {};
  }

  std::string words(const TileProgram& program, const TileStep& step) const {
    const auto operand = [&](Index i) {
      return words(program, program.operands[static_cast<Index>(step.operands[i])]);
    };
    const auto list = [&](Index first, Index end) {
      std::string text;
      for (Index i = first; i < end; ++i) text += (i == first ? "" : ", ") + operand(i);
      return text;
    };
    const std::string type = node(step.node).type->name;
    const Index inputs = node(step.node).inputs.size();
    if (step.kind == TileStep::Kind::copy || step.kind == TileStep::Kind::recall)
      return operand(1) + (step.modes[0] == AdjointMode::accumulate ? " += " : " = ") + operand(0);
    if (step.kind == TileStep::Kind::remember) return operand(0) + " = " + operand(1);
    if (step.kind == TileStep::Kind::adjoint)
      return list(2 + inputs, 2 + 2 * inputs) + " = adjoint of " + type + "(gy: " + operand(0) +
             "; y: " + operand(1) + "; x: " + list(2, 2 + inputs) + ")";
    return operand(0) + " = " + type + "(" + list(1, 1 + inputs) + ")";
  }

  const Graph& graph_;
  const Plan& plan_;
};

}  // namespace

void print_programs(const Rack& patch) {
  Tape tape(tape_options(patch));
  const int audio = record(tape, patch).audio.id();
  const Graph& graph = graph_of(tape.state());
  const Plan plan = make_plan(graph, std::span(&audio, 1));
  const Listing listing(graph, plan);
  const auto stages = static_cast<int>(plan.stages.size());
  const auto is_tiled = [&](int s) { return plan.stages[static_cast<Index>(s)].kind == StageKind::tiled; };
  for (int s = 0; s < stages; ++s)
    if (is_tiled(s)) listing.print(s, "forwards", forward_program(plan, s, true));
  std::vector<bool> has_adjoint(plan.nodes.size(), false);
  has_adjoint[static_cast<Index>(plan.index_of[static_cast<Index>(audio)])] = true;
  for (int s = stages - 1; s >= 0; --s)
    if (is_tiled(s)) listing.print(s, "backwards", backward_program(plan, s, true, has_adjoint));
}

}  // namespace retrograd::tool
