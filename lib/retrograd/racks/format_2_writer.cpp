// Writing format 2.
#include <retrograd/racks/format_2.hpp>
#include <retrograd/racks/wiring.hpp>
#include <retrograd/racks/wording.hpp>

#include <string>
#include <vector>

namespace retrograd {

namespace {

// As a TOML float.
std::string number(double value) {
  const std::string text = written(value);
  return text.find_first_of(".en") == std::string::npos ? text + ".0" : text;
}

std::string quoted(const std::string& text) {
  std::string result = "\"";
  for (const char c : text) {
    constexpr const char* digits = "0123456789abcdef";
    if (c == '"' || c == '\\')
      (result += '\\') += c;
    else if (static_cast<unsigned char>(c) < 32 || c == 127)
      ((result += "\\u00") += digits[c >> 4]) += digits[c & 15];
    else
      result += c;
  }
  return result + "\"";
}

// A list in brackets: on one line, or one item a line when there are many.
std::string list(const std::vector<std::string>& items, std::size_t most_in_a_line) {
  const bool one_line = items.size() <= most_in_a_line;
  std::string text = "[";
  for (std::size_t i = 0; i < items.size(); ++i) {
    text += one_line ? (i == 0 ? "" : ", ") : "\n    ";
    text += items[i] + (one_line ? "" : ",");
  }
  return text + (one_line ? "]" : "\n]");
}

// "key = value" and a comment behind it, in a column of its own where there is room.
std::string line(const std::string& key, const std::string& value, const std::string& comment) {
  constexpr std::size_t comment_column = 36;
  const std::string text = key + " = " + value;
  if (comment.empty()) return text + "\n";
  const std::size_t last_line = text.size() - (text.rfind('\n') + 1);  // npos + 1 is 0
  const std::size_t gap = last_line + 2 > comment_column ? 2 : comment_column - last_line;
  return text + std::string(gap, ' ') + "# " + comment + "\n";
}

std::string comment_of(const ParameterSpec& spec) {
  const std::string unit = to_string(spec.unit);
  return unit.empty() ? spec.summary : spec.summary.empty() ? unit : unit + ", " + spec.summary;
}

std::string written_module(const Module& module) {
  std::string text =
      "\n[[module]]\n" + line("name", quoted(module.name), "") + line("type", quoted(module.type->name), "");
  for (std::size_t s = 0; s < module.structure.size(); ++s) {
    const Structure& rule = module.type->structure[s];
    text += line(rule.name,
                 rule.choices.empty() ? std::to_string(module.structure[s])
                                      : quoted(rule.choices[static_cast<std::size_t>(module.structure[s])]),
                 rule.summary);
  }
  const std::vector<ParameterSpec> specs = describe(*module.type, module.structure).parameters;
  for (std::size_t p = 0; p < specs.size(); ++p)
    text += line(specs[p].name, number(module.values[p]), comment_of(specs[p]));
  return text;
}

}  // namespace

std::string format_2(const Rack& rack) {
  std::vector<std::string> gate, cables, outputs;
  for (const auto& [on, off] : rack.note.gate) gate.push_back("[" + number(on) + ", " + number(off) + "]");
  const Wiring wiring(rack);
  for (std::size_t c = 0; c < rack.cables.size(); ++c) {
    const Cable& cable = rack.cables[c];
    std::string text = "[" + quoted(cable.from) + ", " + quoted(cable.to);
    if (wiring.wires()[c].modulates()) text += ", " + number(cable.amount);
    if (!cable.name.empty()) text += ", " + quoted(cable.name);
    cables.push_back(text + "]");
  }
  for (const std::string& output : rack.outputs) outputs.push_back(quoted(output));

  std::string text = "format = 2\n";
  text += line("sample_rate", std::to_string(static_cast<int>(rack.sample_rate)), "Hz");
  text += line("duration", number(rack.duration), "seconds");
  text += line("outputs", list(outputs, 6), "what is heard: one is mono, two are left and right");
  text += "cables = " + list(cables, 0) + "\n";
  text += "\n[note]\n";
  text += line("frequency", number(rack.note.frequency), "Hz");
  text += line("gate", list(gate, 6), "pairs of on and off times in seconds; several pairs retrigger");
  if (rack.note.velocity != 1.0) text += line("velocity", number(rack.note.velocity), "0 to 1");
  for (const Module& module : rack.modules) text += written_module(module);
  return text;
}

}  // namespace retrograd
