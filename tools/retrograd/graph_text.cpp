#include "graph_text.hpp"

#include <retrograd/racks/wiring.hpp>

#include <algorithm>
#include <sstream>
#include <vector>

#include "text.hpp"

namespace retrograd::tool {
namespace {

// Of very many modules and cables only the beginning: a drawing is for people.
constexpr std::size_t most_lines = 60, most_cables = 12;

std::string cables_into(const Rack& rack, const Wiring& wiring, int module) {
  std::string text;
  std::size_t shown = 0;
  for (const int wire : wiring.into(module)) {
    const Wiring::Wire& w = wiring.wires()[static_cast<std::size_t>(wire)];
    const Cable& cable = rack.cables[static_cast<std::size_t>(wire)];
    if (shown++ == most_cables) return text + ", and more";
    text += (text.empty() ? "" : ", ") + wiring.port_of(w.to) + " <- " +
            (w.modulates() ? number(cable.amount) + " x " : "") + cable.from;
  }
  return text;
}

}  // namespace

std::string graph_as_text(const Rack& rack) {
  const Wiring wiring(rack);
  std::vector<std::vector<std::string>> rows;
  for (const int module : wiring.order()) {
    if (module == wiring.note() && wiring.into(module).empty()) continue;
    if (rows.size() == most_lines) break;
    std::string channels;
    for (std::size_t o = 0; o < wiring.outputs().size(); ++o)
      if (wiring.outputs()[o].module == module)
        channels += (channels.empty() ? "output " : ", ") + std::to_string(o);
    const char* type =
        module == wiring.note() ? "note" : rack.modules[static_cast<std::size_t>(module)].type->name;
    rows.push_back({wiring.name(module), type, cables_into(rack, wiring, module), channels});
  }
  std::ostringstream text;
  print_table(text, {{"module"}, {"type"}, {"what comes in"}, {""}}, rows);
  if (rows.size() == most_lines && wiring.order().size() > most_lines)
    text << "and " << wiring.order().size() - most_lines << " more\n";
  return text.str();
}

}  // namespace retrograd::tool
