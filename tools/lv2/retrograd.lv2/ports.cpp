#include "ports.hpp"

#include <algorithm>

namespace retrograd::lv2 {
namespace {

// A control has an end where the patch has none.
void limit(Port& port, ParameterKind kind) {
  switch (kind) {
    case ParameterKind::ratio:
      port.low = 0.05;
      port.high = 32.0;
      port.is_logarithmic = true;
      break;
    case ParameterKind::gain:
      port.high = 20.0;
      break;
    case ParameterKind::time:
      port.high = 10.0;
      port.unit = "s";
      break;
    case ParameterKind::level:
    case ParameterKind::frequency:
      break;
  }
}

// "fm.operator.0.envelope.attack": "Operator 0 attack".
std::string name_of(const std::string& path) {
  const std::string before = "fm.operator.";
  const std::string number = path.substr(before.size(), path.find('.', before.size()) - before.size());
  return "Operator " + number + " " + path.substr(path.rfind('.') + 1);
}

}  // namespace

std::vector<Port> ports() {
  std::vector<Port> all{
      {.kind = Port::Kind::midi, .symbol = "notes", .name = "Notes"},
      {.kind = Port::Kind::audio, .symbol = "out", .name = "Out"},
      {.kind = Port::Kind::gate, .symbol = "gate", .name = "Gate"},
      {.kind = Port::Kind::key,
       .symbol = "key",
       .name = "Key",
       .high = 127.0,
       .usual = 60.0,
       .unit = "midiNote"},
      {.kind = Port::Kind::velocity, .symbol = "velocity", .name = "Velocity", .usual = 1.0}};
  Rack source = patch();
  for (const RackParameter& parameter : parameters(source)) {
    if (parameter.kind == ParameterKind::frequency) continue;  // the key's
    Port port{.kind = Port::Kind::parameter, .usual = parameter.value, .parameter = parameter.name};
    port.symbol = parameter.name;
    std::ranges::replace(port.symbol, '.', '_');
    port.name = name_of(parameter.name);
    limit(port, parameter.kind);
    all.push_back(port);
  }
  all.push_back({.kind = Port::Kind::volume,
                 .symbol = "volume",
                 .name = "Volume",
                 .low = -60.0,
                 .high = 18.0,
                 .usual = 0.0,
                 .unit = "db"});
  return all;
}

}  // namespace retrograd::lv2
