#include <retrograd/fit/levels.hpp>
#include <retrograd/racks/record.hpp>
#include <retrograd/racks/wiring.hpp>

#include <algorithm>
#include <cmath>

namespace retrograd {

std::vector<std::size_t> heard_levels(const Rack& rack) {
  const Wiring wiring(rack);
  std::vector<char> is_last(rack.modules.size() + 1), was_seen(rack.modules.size() + 1);
  std::vector<int> waiting;
  for (const Wiring::Place& output : wiring.outputs()) waiting.push_back(output.module);
  while (!waiting.empty()) {
    const auto module = static_cast<std::size_t>(waiting.back());
    waiting.pop_back();
    if (std::exchange(was_seen[module], char{1}) != 0) continue;
    const Description& description = wiring.description(static_cast<int>(module));
    if (std::ranges::find(description.parameters, Role::level, &ParameterSpec::role) !=
        description.parameters.end()) {
      is_last[module] = 1;
      continue;
    }
    for (const int wire : wiring.into(static_cast<int>(module)))
      if (const auto& [from, to] = wiring.wires()[static_cast<std::size_t>(wire)];
          to.kind == Wiring::Kind::input && description.inputs[static_cast<std::size_t>(to.index)].is_heard)
        waiting.push_back(from.module);
  }
  Rack copy = rack;
  const std::vector<RackParameter> all = parameters(copy);
  std::vector<std::size_t> levels;
  for (std::size_t p = 0; p < all.size(); ++p)
    if (all[p].spec.role == Role::level && is_last[static_cast<std::size_t>(all[p].module)] != 0)
      levels.push_back(p);
  // The amounts come last, in the cables' order.
  std::size_t amount =
      all.size() - static_cast<std::size_t>(std::ranges::count_if(
                       wiring.wires(), [](const Wiring::Wire& wire) { return wire.modulates(); }));
  for (const Wiring::Wire& wire : wiring.wires()) {
    if (!wire.modulates()) continue;
    const auto module = static_cast<std::size_t>(wire.to.module),
               index = static_cast<std::size_t>(wire.to.index);
    if (wire.to.kind == Wiring::Kind::parameter && is_last[module] != 0) {
      const ParameterSpec& spec = wiring.description(wire.to.module).parameters[index];
      if (spec.role == Role::level && spec.modulation == Modulation::adds) levels.push_back(amount);
    }
    ++amount;
  }
  return levels;
}

void scale_to_loudness(Rack& rack, std::span<const std::size_t> levels, double loudness) {
  if (levels.empty()) return;
  Tape tape(tape_options(rack));
  const RecordedRack recorded = record(tape, rack);
  tape.play({recorded.audio});
  const TensorView audio = tape.value(recorded.audio);
  double power = 0.0;
  for (std::int64_t i = 0; i < audio.shape.elements(); ++i) power += audio.at(i) * audio.at(i);
  const double now = std::sqrt(power / static_cast<double>(audio.shape.elements())), factor = loudness / now;
  if (!(now > 0.0) || !std::isfinite(now) || !std::isfinite(factor)) return;
  const std::vector<RackParameter> all = parameters(rack);
  for (const std::size_t p : levels)
    if (all[p].domain().contains(all[p].value * factor)) all[p].value *= factor;
}

}  // namespace retrograd
