#include "ports.hpp"

#include <algorithm>
#include <set>

namespace retrograd::lv2 {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// "osc_1" -> "osc 1".
std::string words_of(std::string text) {
  std::ranges::replace_if(
      text, [](char c) { return c == '.' || c == '_'; }, ' ');
  return text;
}

std::string capitalised(std::string text) {
  if (!text.empty() && text[0] >= 'a' && text[0] <= 'z') text[0] = static_cast<char>(text[0] - 'a' + 'A');
  return text;
}

// The module of a file of format 1, "fm.operator.0", is "operator.0" to people.
std::string short_module(const std::string& name) { return name.starts_with("fm.") ? name.substr(3) : name; }

// "envelope.attack" -> "attack", where nothing else of the module ends so; "level.0" stays.
std::string short_parameter(const std::string& name, const std::vector<ParameterSpec>& all) {
  const std::size_t dot = name.rfind('.');
  if (dot == std::string::npos || is_digit(name[dot + 1])) return name;
  const std::string end = name.substr(dot);
  const auto has_it = [&](const ParameterSpec& spec) {
    return spec.name.ends_with(end) || "." + spec.name == end;
  };
  return std::ranges::count_if(all, has_it) > 1 ? name : end.substr(1);
}

// "fm.operator.0.envelope.attack": "Operator 0 attack". "pitch_env.out>osc.ratio": "Pitch env to osc ratio".
std::string name_of(const RackParameter& parameter, const Rack& rack) {
  const auto module = static_cast<std::size_t>(parameter.module);
  if (module < rack.modules.size() && parameter.name.starts_with(rack.modules[module].name + ".")) {
    const Module& whose = rack.modules[module];
    const std::string own = parameter.name.substr(whose.name.size() + 1);
    const std::vector<ParameterSpec> all = describe(*whose.type, whose.structure).parameters;
    if (std::ranges::find(all, own, &ParameterSpec::name) != all.end())
      return capitalised(words_of(short_module(whose.name) + " " + short_parameter(own, all)));
  }
  const std::size_t arrow = parameter.name.find('>');
  if (arrow == std::string::npos) return capitalised(words_of(parameter.name));
  std::string from = parameter.name.substr(0, arrow);
  if (from.ends_with(".out")) from.resize(from.size() - 4);
  return capitalised(words_of(from + " to " + parameter.name.substr(arrow + 1)));
}

const char* unit_of(Unit unit) {
  switch (unit) {
    case Unit::hertz:
      return "hz";
    case Unit::seconds:
      return "s";
    case Unit::semitones:
      return "semitone12TET";
    case Unit::decibels:
      return "db";
    case Unit::none:
    case Unit::radians:  // LV2 has neither
    case Unit::turns:
      return "";
  }
  return "";
}

std::vector<Port> audio_ports(std::size_t count) {
  if (count == 1) return {{.kind = Port::Kind::audio, .symbol = "out", .name = "Out"}};
  if (count == 2)
    return {{.kind = Port::Kind::audio, .symbol = "out_left", .name = "Left"},
            {.kind = Port::Kind::audio, .symbol = "out_right", .name = "Right"}};
  std::vector<Port> all;
  for (std::size_t i = 1; i <= count; ++i)
    all.push_back({.kind = Port::Kind::audio,
                   .symbol = "out_" + std::to_string(i),
                   .name = "Out " + std::to_string(i)});
  return all;
}

}  // namespace

std::string symbol_of(const std::string& path) {
  std::string symbol = path;
  for (char& c : symbol)
    if (!is_digit(c) && !(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z')) c = '_';
  return symbol.empty() || is_digit(symbol[0]) ? "_" + symbol : symbol;
}

std::vector<Port> ports(const Rack& rack, const std::vector<Rack>& presets) {
  std::vector<Port> all{{.kind = Port::Kind::midi, .symbol = "notes", .name = "Notes"}};
  for (const Port& port : audio_ports(rack.outputs.size())) all.push_back(port);
  all.push_back({.kind = Port::Kind::gate, .symbol = "gate", .name = "Gate"});
  all.push_back({.kind = Port::Kind::key,
                 .symbol = "key",
                 .name = "Key",
                 .high = 127.0,
                 .usual = 60.0,
                 .unit = "midiNote"});
  all.push_back({.kind = Port::Kind::velocity, .symbol = "velocity", .name = "Velocity", .usual = 1.0});
  std::set<std::string> symbols{"volume"};
  for (const Port& port : all) symbols.insert(port.symbol);

  Rack source = rack;
  std::vector<Rack> sources = presets;
  const std::vector<RackParameter> list = parameters(source);
  std::vector<std::vector<RackParameter>> others;
  for (Rack& preset : sources) others.push_back(parameters(preset));
  for (std::size_t p = 0; p < list.size(); ++p) {
    const RackParameter& parameter = list[p];
    if (parameter.name.starts_with("note.") && parameter.module == static_cast<int>(rack.modules.size()) &&
        parameter.spec.role == Role::note_frequency)
      continue;  // the key's
    Port port{.kind = Port::Kind::parameter,
              .name = name_of(parameter, rack),
              .low = std::min(parameter.spec.low_shown, parameter.value),
              .high = std::max(parameter.spec.high_shown, parameter.value),
              .usual = parameter.value,
              .unit = unit_of(parameter.spec.unit),
              .parameter = parameter.name,
              .domain = parameter.domain()};
    for (const std::vector<RackParameter>& preset : others) {
      port.low = std::min(port.low, preset[p].value);
      port.high = std::max(port.high, preset[p].value);
    }
    port.is_logarithmic = parameter.spec.is_logarithmic && port.low > 0.0;
    const std::string symbol = symbol_of(parameter.name);
    port.symbol = symbol;
    for (int again = 2; !symbols.insert(port.symbol).second; ++again)
      port.symbol = symbol + "_" + std::to_string(again);
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
