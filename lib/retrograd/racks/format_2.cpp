#include <retrograd/racks/format_1.hpp>
#include <retrograd/racks/format_2.hpp>
#include <retrograd/racks/rules.hpp>
#include <retrograd/racks/wording.hpp>
#include <retrograd/tensor/errors.hpp>

#include <algorithm>
#include <cmath>

namespace retrograd {

namespace {

using Kind = TomlValue::Kind;

bool is_path(const std::string& type) {
  return type.find('/') != std::string::npos || type.ends_with(".toml");
}

/// A rack that is a module of another: what its outputs are called outside.
std::vector<std::string> names_of_outputs(std::size_t count) {
  if (count == 1) return {"out"};
  if (count == 2) return {"left", "right"};
  std::vector<std::string> names;
  for (std::size_t i = 0; i < count; ++i) names.push_back("out." + std::to_string(i));
  return names;
}

class Format2Reader : FileReader {
 public:
  /// `outer`: the files that this one lies in.
  Format2Reader(const std::string& file, const std::filesystem::path& folder, const RackFileOptions& options,
                FileReports& reports, std::vector<std::filesystem::path> outer)
      : FileReader(file, reports), folder_(folder), options_(options), outer_(std::move(outer)) {}

  Rack read(const TomlValue& root) {
    check_keys(
        root, "",
        std::vector<std::string>{"format", "sample_rate", "duration", "outputs", "cables", "note", "module"});
    read_number(root, "", "sample_rate", false, rack_.sample_rate);
    read_number(root, "", "duration", false, rack_.duration);
    rack_.note.gate = {{0.0, 0.5 * rack_.duration}};
    read_note(root);
    if (const TomlValue* modules =
            find(root, "", "module", true, Kind::array, "a list of tables, each begun by [[module]]"))
      for (std::size_t i = 0; i < modules->array.size(); ++i) read_module(modules->array[i], i);
    read_cables(root);
    read_outputs(root);
    return std::move(rack_);
  }

  const std::map<std::string, RackPlace>& places() const { return places_; }
  RackPlace where(const std::string& key) const { return place_of(key); }

 private:
  void read_note(const TomlValue& root) {
    const TomlValue* note = find(root, "", "note", false, Kind::table, "a table of keys and values");
    if (note == nullptr) return;
    check_keys(*note, "note", std::vector<std::string>{"frequency", "gate", "velocity"});
    read_number(*note, "note", "frequency", false, rack_.note.frequency);
    read_number(*note, "note", "velocity", false, rack_.note.velocity);
    read_gate(*note, false, rack_.note.gate);
  }

  void read_module(const TomlValue& table, std::size_t number) {
    const std::string key = "module." + std::to_string(number);
    if (table.kind != Kind::table) return report_type(table, key, "a table, begun by [[module]]");
    const TomlValue* name = find(table, key, "name", true, Kind::text, "a name in quotes");
    const TomlValue* type = find(table, key, "type", true, Kind::text, "a type of module in quotes");
    if (name == nullptr || type == nullptr) return;
    if (is_path(type->text)) return read_rack(table, name->text, *type, key);
    const ModuleType* found = options_.modules.find(type->text);
    if (found == nullptr) {
      std::vector<std::string> types;
      for (const ModuleType* each : options_.modules.types()) types.push_back(each->name);
      return report(type->place, key + ".type",
                    "there is no type of module " + shown(type->text) + "; " +
                        did_you_mean(type->text, types, "types"));
    }
    StructureValues structure = usual_structure(*found);
    for (std::size_t s = 0; s < structure.size(); ++s)
      if (const TomlValue* value = table.find(found->structure[s].name))
        read_structure(*value, found->structure[s], name->text + "." + found->structure[s].name,
                       structure[s]);
    const std::size_t place_in_rack = rack_.modules.size();
    remember("module." + std::to_string(place_in_rack), table.place);
    rack_.modules.push_back(make_module(name->text, *found, structure));
    Module& module = rack_.modules.back();
    const Description description = describe(*found, module.structure);
    std::vector<std::string> known{"name", "type"};
    for (const Structure& each : found->structure) known.push_back(each.name);
    for (const ParameterSpec& spec : description.parameters) known.push_back(spec.name);
    read_values(table, "", module.name, known, [&](const std::string& path, const TomlValue& value) {
      const auto spec = std::ranges::find(description.parameters, path, &ParameterSpec::name);
      if (spec == description.parameters.end()) return;
      if (!value.is_number()) return report_type(value, module.name + "." + path, "a number");
      module.values[static_cast<std::size_t>(spec - description.parameters.begin())] = value.number;
    });
  }

  // Visits what the table and the tables in it hold, by path: envelope = { attack = 0.1 } is envelope.attack.
  template <class Visit>
  void read_values(const TomlValue& table, const std::string& path, const std::string& module,
                   const std::vector<std::string>& known, const Visit& visit) {
    for (const auto& [key, place, value] : table.table) {
      const std::string whole = join(path, key);
      const bool is_known = std::ranges::find(known, whole) != known.end();
      const bool is_outside =
          std::ranges::any_of(known, [&](const std::string& each) { return each.starts_with(whole + "."); });
      if (value.kind == Kind::table && !is_known && is_outside) {
        read_values(value, whole, module, known, visit);
      } else if (!is_known) {
        report(place, join(module, shown(whole)), "unknown key; " + did_you_mean(whole, known, "keys here"));
      } else {
        remember(join(module, whole), value.place);
        visit(whole, value);
      }
    }
  }

  void read_structure(const TomlValue& value, const Structure& rule, const std::string& key,
                      std::int64_t& number) {
    if (rule.choices.empty()) {
      if (value.kind != Kind::integer)
        report_type(value, key, "a whole number");
      else if (value.integer < rule.low || value.integer > rule.high)
        report(value.place, key,
               "is " + std::to_string(value.integer) + "; it must be a whole number from " +
                   std::to_string(rule.low) + " to " + std::to_string(rule.high));
      else
        number = value.integer;
      return;
    }
    const std::vector<std::string> choices(rule.choices.begin(), rule.choices.end());
    const auto found = std::ranges::find(choices, value.text);
    if (value.kind != Kind::text)
      report_type(value, key, "a word in quotes: " + choices[0] + (choices.size() > 1 ? " or another" : ""));
    else if (found == choices.end())
      report(value.place, key,
             "is '" + shown(value.text) + "'; " + did_you_mean(value.text, choices, "choices"));
    else
      number = found - choices.begin();
  }

  // ---- a rack as a module

  void read_rack(const TomlValue& table, const std::string& name, const TomlValue& type,
                 const std::string& key) {
    const auto refuse = [&](const std::string& message) { report(type.place, key + ".type", message); };
    const std::filesystem::path path = (folder_ / type.text).lexically_normal();
    const std::filesystem::path inside = std::filesystem::path(type.text).lexically_normal();
    if (!options_.allow_paths &&
        (inside.is_absolute() || (!inside.empty() && *inside.begin() == "..") || leaves(path)))
      return refuse(
          "the file '" + shown(type.text) +
          "' lies outside the folder of this one; put it there or below, or allow paths (--allow-paths)");
    if (std::ranges::find(outer_, path) != outer_.end())
      return refuse("the rack '" + shown(type.text) + "' holds itself");
    if (static_cast<int>(outer_.size()) >= deepest_nesting)
      return refuse("racks lie in each other more than " + std::to_string(deepest_nesting) + " deep");
    Rack inner;
    std::map<std::string, RackPlace> inner_places;
    try {
      std::int64_t format = 0;
      const TomlValue root = parse_rack_tree(read_rack_text(path.string()), path.string(), format);
      if (format == 1) {
        inner = read_format_1(root, path.string(), options_.modules, reports_);
      } else {
        std::vector<std::filesystem::path> outer = outer_;
        outer.push_back(path);
        Format2Reader reader(path.string(), path.parent_path(), options_, reports_, std::move(outer));
        inner = reader.read(root);
        inner_places = reader.places();
      }
    } catch (const FileError& error) {
      return refuse(std::string("holds a rack that cannot be read: ") + error.what());
    }
    lay_flat(std::move(inner), inner_places, table, name, key);
  }

  // Whether the file that the path leads to lies elsewhere: a symbolic link.
  bool leaves(const std::filesystem::path& path) const {
    std::error_code error;
    const std::filesystem::path home =
                                    std::filesystem::weakly_canonical(folder_.empty() ? "." : folder_, error),
                                there = std::filesystem::weakly_canonical(path, error);
    const std::filesystem::path relative = there.lexically_relative(home);
    return error || relative.empty() || *relative.begin() == "..";
  }

  void lay_flat(Rack inner, const std::map<std::string, RackPlace>& places, const TomlValue& table,
                const std::string& name, const std::string& key) {
    const auto outside = [&](const std::string& path) {
      return path.starts_with("note.") ? path : name + "." + path;
    };
    std::vector<std::string> known{"name", "type"};
    for (const RackParameter& parameter : parameters(inner))
      if (!parameter.name.starts_with("note.")) known.push_back(parameter.name);
    std::map<std::string, double> values;
    read_values(table, "", name, known, [&](const std::string& path, const TomlValue& value) {
      if (path == "name" || path == "type") return;
      if (!value.is_number()) return report_type(value, name + "." + path, "a number");
      values[path] = value.number;
    });
    for (const RackParameter& parameter : parameters(inner))
      if (const auto found = values.find(parameter.name); found != values.end())
        parameter.value = found->second;

    const std::size_t first_module = rack_.modules.size(), first_cable = rack_.cables.size();
    for (const auto& [inner_key, place] : places) {
      const auto moved = [&](const char* kind, std::size_t first) {
        const std::size_t end = inner_key.find('.', std::string_view(kind).size());
        const std::string digits =
            inner_key.substr(std::string_view(kind).size(), end - std::string_view(kind).size());
        return kind + std::to_string(first + std::stoul(digits)) +
               (end == std::string::npos ? "" : inner_key.substr(end));
      };
      if (inner_key.starts_with("module."))
        places_[moved("module.", first_module)] = place;
      else if (inner_key.starts_with("cables."))
        places_[moved("cables.", first_cable)] = place;
      else
        places_.emplace(name + "." + inner_key, place);
    }
    if (places.empty())
      for (std::size_t m = 0; m < inner.modules.size(); ++m)
        remember("module." + std::to_string(first_module + m), table.place);

    const std::vector<std::string> outputs = names_of_outputs(inner.outputs.size());
    for (std::size_t o = 0; o < outputs.size(); ++o)
      inner_outputs_[name + "." + outputs[o]] = outside(inner.outputs[o]);
    remember(key, table.place);
    for (Cable& cable : inner.cables) {
      if (!cable.name.empty()) cable.name = name + "." + cable.name;
      rack_.cables.push_back({outside(cable.from), outside(cable.to), cable.amount, cable.name});
    }
    for (Module& module : inner.modules) {
      module.name = name + "." + module.name;
      rack_.modules.push_back(std::move(module));
    }
  }

  std::string resolved(const std::string& output) const {
    const auto found = inner_outputs_.find(output);
    return found == inner_outputs_.end() ? output : found->second;
  }

  // ---- cables and outputs

  void read_cables(const TomlValue& root) {
    const TomlValue* cables = find(root, "", "cables", false, Kind::array, "[[from, to], ...]");
    if (cables == nullptr) return;
    for (const TomlValue& value : cables->array) {
      const std::string key = "cables." + std::to_string(rack_.cables.size());
      remember(key, value.place);
      const auto& items = value.array;
      if (value.kind != Kind::array || items.size() < 2 || items.size() > 4 || items[0].kind != Kind::text ||
          items[1].kind != Kind::text || (items.size() > 2 && !items[2].is_number()) ||
          (items.size() > 3 && items[3].kind != Kind::text)) {
        report(value.place, key,
               "is no cable; it must be [from, to], [from, to, amount] or [from, to, amount, name], as in "
               "[\"lfo.out\", \"osc.ratio\", 0.5]");
        continue;
      }
      Cable cable{.from = resolved(items[0].text), .to = items[1].text};
      if (items.size() > 2) cable.amount = items[2].number;
      if (items.size() > 3) cable.name = items[3].text;
      rack_.cables.push_back(std::move(cable));
    }
  }

  void read_outputs(const TomlValue& root) {
    const TomlValue* outputs =
        find(root, "", "outputs", true, Kind::array, "a list of outputs, as in [\"amp.out\"]");
    if (outputs == nullptr) return;
    for (std::size_t i = 0; i < outputs->array.size(); ++i) {
      const TomlValue& value = outputs->array[i];
      const std::string key = "outputs." + std::to_string(i);
      remember(key, value.place);
      if (value.kind != Kind::text)
        report_type(value, key, "an output in quotes, as in \"amp.out\"");
      else
        rack_.outputs.push_back(resolved(value.text));
    }
  }

  const std::filesystem::path folder_;
  const RackFileOptions& options_;
  const std::vector<std::filesystem::path> outer_;
  Rack rack_;
  std::map<std::string, std::string> inner_outputs_;  // "lead.out": what it is inside
};

// ---- writing

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

Rack read_format_2(const TomlValue& root, const std::string& file, const std::filesystem::path& folder,
                   const RackFileOptions& options, FileReports& reports) {
  Format2Reader reader(file, folder, options, reports, {std::filesystem::path(file).lexically_normal()});
  Rack rack = reader.read(root);
  for (const RackProblem& problem : find_problems(rack))
    if (!reports.has_around(problem.key))
      reports.add(reader.where(problem.key), problem.key, problem.message);
  return rack;
}

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
