#include <retrograd/racks/format_1.hpp>
#include <retrograd/racks/format_2.hpp>
#include <retrograd/racks/rules.hpp>
#include <retrograd/racks/wording.hpp>
#include <retrograd/tensor/errors.hpp>

#include <algorithm>
#include <charconv>
#include <optional>
#include <set>
#include <system_error>

namespace retrograd {

namespace {

using TomlKind = TomlValue::Kind;

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

/// The number behind `kind` in "cables.3", and in "module.3.type" where `may_go_on`; nothing where a module is named like
/// that.
std::optional<std::size_t> number_in(const std::string& key, std::string_view kind, bool may_go_on = false) {
  if (!key.starts_with(kind)) return std::nullopt;
  std::size_t number = 0;
  const char* const end = key.data() + key.size();
  const auto [behind, error] = std::from_chars(key.data() + kind.size(), end, number);
  const bool ends_there = behind == end || (may_go_on && *behind == '.');
  return error == std::errc() && ends_there && number <= most_parts ? std::optional(number) : std::nullopt;
}

/// Rather than of a module that is named note.something.
bool is_of_the_note(const std::string& path) {
  return path.starts_with("note.") && path.find('.', 5) == std::string::npos;
}

/// What all files of a rack may hold together: racks that name one rack several times, and so on, grow without end.
struct Room {
  static constexpr std::size_t most_bytes = std::size_t{64} << 20, least_of_a_file = 16384;
  std::size_t bytes = most_bytes;
  std::size_t parts = most_parts;
  bool is_too_small = false;  // for the parts that were asked for: then no more are read

  bool takes_file(std::size_t size) {
    size = std::max(size, least_of_a_file);
    if (size > bytes) return false;
    bytes -= size;
    return true;
  }
  bool takes_parts(std::size_t count) {
    is_too_small |= count > parts;
    if (!is_too_small) parts -= count;
    return !is_too_small;
  }
};

/// Names that are looked up: all, and by their beginnings.
class KnownNames {
 public:
  explicit KnownNames(std::vector<std::string> names)
      : list(std::move(names)), sorted_(list.begin(), list.end()) {}
  bool has(const std::string& name) const { return sorted_.contains(name); }
  bool has_inside(const std::string& name) const {
    const auto found = sorted_.lower_bound(name + ".");
    return found != sorted_.end() && found->starts_with(name + ".");
  }
  const std::vector<std::string> list;

 private:
  const std::set<std::string> sorted_;
};

class Format2Reader : FileReader {
 public:
  /// `outer`: the files that this one lies in.
  Format2Reader(const std::string& file, const std::filesystem::path& folder, const RackFileOptions& options,
                FileReports& reports, Room& room, std::vector<std::filesystem::path> outer)
      : FileReader(file, reports),
        folder_(folder),
        options_(options),
        room_(room),
        outer_(std::move(outer)) {}

  Rack read(const TomlValue& root) {
    check_keys(
        root, "",
        std::vector<std::string>{"format", "sample_rate", "duration", "outputs", "cables", "note", "module"});
    read_number(root, "", "sample_rate", false, rack_.sample_rate);
    read_number(root, "", "duration", false, rack_.duration);
    rack_.note.gate = {{0.0, 0.5 * rack_.duration}};
    read_note(root);
    if (const TomlValue* modules =
            find(root, "", "module", true, TomlKind::array, "a list of tables, each begun by [[module]]"))
      for (std::size_t i = 0; i < modules->array.size(); ++i) read_module(modules->array[i], i);
    read_cables(root);
    read_outputs(root);
    return std::move(rack_);
  }

  const std::map<std::string, RackPlace>& places() const { return places_; }
  /// Modules that the file names and that could not be read, and outputs that are none.
  const std::set<std::string>& unread() const { return unread_; }

  /// Reports what is wrong with the rack that was read, but for what only follows from a report that there is. Of a rack
  /// that is a module of another: what is its own, since the other plugs into it.
  void report_problems(const Rack& rack, bool is_inner) {
    if (room_.is_too_small) return;  // not all of it was read
    for (const auto& [key, message] : find_problems(rack)) {
      const auto cable = number_in(key, "cables."), output = number_in(key, "outputs.");
      const bool is_its_own =
          output || key == "outputs" || key.starts_with("note.") || key == "sample_rate" || key == "duration";
      if (is_inner && !is_its_own) continue;
      const RackPlace place = place_of(key);
      if (cable || number_in(key, "module.") ? reports_.has_at(place) : reports_.has_around(file_, key))
        continue;
      if (cable && *cable < rack.cables.size() &&
          (is_unread(rack.cables[*cable].from) || is_unread(rack.cables[*cable].to)))
        continue;
      if (output && *output < rack.outputs.size()) {
        if (is_unread(rack.outputs[*output])) continue;
        if (is_inner) unread_.insert(rack.outputs[*output]);
      }
      reports_.add(place, key, message);
    }
  }

 private:
  void read_note(const TomlValue& root) {
    const TomlValue* note = find(root, "", "note", false, TomlKind::table, "a table of keys and values");
    if (note == nullptr) return;
    check_keys(*note, "note", std::vector<std::string>{"frequency", "gate", "velocity"});
    read_number(*note, "note", "frequency", false, rack_.note.frequency);
    read_number(*note, "note", "velocity", false, rack_.note.velocity);
    read_gate(*note, false, rack_.note.gate);
  }

  bool is_unread(const std::string& path) const {
    for (std::size_t end = path.size(); end != std::string::npos && end > 0; end = path.rfind('.', end - 1))
      if (unread_.contains(path.substr(0, end))) return true;
    return false;
  }

  void read_module(const TomlValue& table, std::size_t number) {
    const std::string key = "module." + std::to_string(number);
    if (table.kind != TomlKind::table) return report_type(table, key, "a table, begun by [[module]]");
    const TomlValue* name = find(table, key, "name", true, TomlKind::text, "a name in quotes");
    const TomlValue* type = find(table, key, "type", true, TomlKind::text, "a type of module in quotes");
    if (name != nullptr && type == nullptr) unread_.insert(name->text);
    if (name == nullptr || type == nullptr) return;
    if (is_path(type->text)) return read_rack(table, name->text, *type, key);
    if (room_.is_too_small) return;
    const ModuleType* found = options_.modules.find(type->text);
    if (found == nullptr) {
      unread_.insert(name->text);
      std::vector<std::string> types;
      for (const ModuleType* each : options_.modules.types()) types.push_back(each->name);
      return report(type->place, key + ".type",
                    "there is no type of module " + shown(type->text) +
                        (reports_.are_many() ? "" : "; " + did_you_mean(type->text, types, "types")));
    }
    StructureValues structure = usual_structure(*found);
    bool is_known_structure = true;
    for (std::size_t s = 0; s < structure.size(); ++s)
      if (const TomlValue* value = table.find(found->structure[s].name))
        is_known_structure &= read_structure(*value, found->structure[s],
                                             name->text + "." + found->structure[s].name, structure[s]);
    // What it has depends on it.
    if (!is_known_structure) {
      unread_.insert(name->text);
      return;
    }
    const Description description = describe(*found, structure);
    if (!room_.takes_parts(1 + description.parameters.size() + description.inputs.size())) {
      unread_.insert(name->text);
      return report(table.place, key, too_many_parts());
    }
    remember("module." + std::to_string(rack_.modules.size()), table.place);
    rack_.modules.push_back(make_module(name->text, *found, structure));
    Module& module = rack_.modules.back();
    std::vector<std::string> names{"name", "type"};
    for (const Structure& each : found->structure) names.push_back(each.name);
    for (const ParameterSpec& spec : description.parameters) names.push_back(spec.name);
    read_values(table, "", module.name, KnownNames(std::move(names)),
                [&](const std::string& path, const TomlValue& value) {
                  const auto spec = std::ranges::find(description.parameters, path, &ParameterSpec::name);
                  if (spec == description.parameters.end()) return;
                  if (!value.is_number()) return report_type(value, module.name + "." + path, "a number");
                  module.values[static_cast<std::size_t>(spec - description.parameters.begin())] =
                      value.number;
                });
  }

  // Visits what the table and the tables in it hold, by path: envelope = { attack = 0.1 } is envelope.attack.
  template <class Visit>
  void read_values(const TomlValue& table, const std::string& path, const std::string& module,
                   const KnownNames& known, const Visit& visit) {
    for (const auto& [key, place, value] : table.table) {
      const std::string whole = join(path, key);
      if (value.kind == TomlKind::table && !known.has(whole) && known.has_inside(whole)) {
        read_values(value, whole, module, known, visit);
      } else if (!known.has(whole)) {
        report_unknown(place, module, whole, known.list);
      } else {
        remember(join(module, whole), value.place);
        visit(whole, value);
      }
    }
  }

  // Whether it is right.
  bool read_structure(const TomlValue& value, const Structure& rule, const std::string& key,
                      std::int64_t& number) {
    if (rule.choices.empty()) {
      const bool is_whole = value.kind == TomlKind::integer;
      if (!is_whole)
        report_type(value, key, "a whole number");
      else if (value.integer < rule.low || value.integer > rule.high)
        report(value.place, key,
               "is " + std::to_string(value.integer) + "; it must be a whole number from " +
                   std::to_string(rule.low) + " to " + std::to_string(rule.high));
      number = value.integer;
      return is_whole && number >= rule.low && number <= rule.high;
    }
    const std::vector<std::string> choices(rule.choices.begin(), rule.choices.end());
    const auto found = std::ranges::find(choices, value.text);
    if (value.kind != TomlKind::text)
      report_type(value, key, "a word in quotes: " + choices[0] + (choices.size() > 1 ? " or another" : ""));
    else if (found == choices.end())
      report(value.place, key,
             "is '" + shown(value.text) + "'; " + did_you_mean(value.text, choices, "choices"));
    number = found - choices.begin();
    return value.kind == TomlKind::text && found != choices.end();
  }

  // ---- a rack as a module

  void read_rack(const TomlValue& table, const std::string& name, const TomlValue& type,
                 const std::string& key) {
    const auto refuse = [&](const std::string& message) {
      report(type.place, key + ".type", message);
      unread_.insert(name);
    };
    if (type.text.find('\0') != std::string::npos) return refuse("no file has a zero byte in its name");
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
    // A pipe would be waited for.
    if (std::error_code error; std::filesystem::is_other(path, error))
      return refuse("'" + shown(type.text) + "' is no ordinary file");
    Rack inner;
    std::map<std::string, RackPlace> inner_places;
    try {
      std::int64_t format = 0;
      const std::string text = read_rack_text(path.string());
      if (!room_.takes_file(text.size()))
        return refuse(
            "the racks that lie in this one hold more than 64 MiB together, each counted as often as it is "
            "named and as 16 KiB at least");
      const TomlValue root = parse_rack_tree(text, path.string(), format);
      if (format == 1) {
        inner = read_format_1(root, path.string(), options_.modules, reports_);
        for (const Module& module : inner.modules)
          if (!room_.takes_parts(4 + module.values.size())) return refuse(too_many_parts());
      } else {
        std::vector<std::filesystem::path> outer = outer_;
        outer.push_back(path);
        Format2Reader reader(path.string(), path.parent_path(), options_, reports_, room_, std::move(outer));
        inner = reader.read(root);
        reader.report_problems(inner, true);
        inner_places = reader.places();
        for (const std::string& each : reader.unread()) unread_.insert(name + "." + each);
      }
    } catch (const FileError& error) {
      return refuse(std::string("holds a rack that cannot be read: ") + error.what());
    }
    lay_flat(std::move(inner), inner_places, table, name);
  }

  // Whether the file that the path leads to lies elsewhere: a symbolic link. It need not be there.
  bool leaves(const std::filesystem::path& path) const {
    std::error_code error;
    const auto whole = [&](const std::filesystem::path& each) {
      return std::filesystem::weakly_canonical(std::filesystem::absolute(each, error), error);
    };
    const std::filesystem::path home = whole(folder_.empty() ? "." : folder_), there = whole(path);
    const std::filesystem::path relative = there.lexically_relative(home);
    return error || relative.empty() || *relative.begin() == "..";
  }

  void lay_flat(Rack inner, const std::map<std::string, RackPlace>& places, const TomlValue& table,
                const std::string& name) {
    const auto outside = [&](const std::string& path) {
      return is_of_the_note(path) ? path : name + "." + path;
    };
    std::vector<std::string> names{"name", "type"};
    for (const RackParameter& parameter : parameters(inner))
      if (!is_of_the_note(parameter.name)) names.push_back(parameter.name);
    std::map<std::string, double> values;
    read_values(table, "", name, KnownNames(std::move(names)),
                [&](const std::string& path, const TomlValue& value) {
                  if (path == "name" || path == "type") return;
                  if (!value.is_number()) return report_type(value, name + "." + path, "a number");
                  values[path] = value.number;
                });
    for (const RackParameter& parameter : parameters(inner))
      if (const auto found = values.find(parameter.name); found != values.end())
        parameter.value = found->second;

    const std::size_t first_module = rack_.modules.size(), first_cable = rack_.cables.size();
    for (const auto& each : places) {
      const std::string& inside = each.first;
      const auto keep = [&](std::string_view kind, std::size_t first) {
        const std::optional<std::size_t> number = number_in(inside, kind, true);
        if (!number) return false;
        const std::size_t end = inside.find('.', kind.size());
        places_[std::string(kind) + std::to_string(first + *number) +
                (end == std::string::npos ? "" : inside.substr(end))] = each.second;
        return true;
      };
      if (!keep("module.", first_module) && !keep("cables.", first_cable))
        places_.emplace(name + "." + inside, each.second);
    }
    if (places.empty())
      for (std::size_t m = 0; m < inner.modules.size(); ++m)
        remember("module." + std::to_string(first_module + m), table.place);

    const std::vector<std::string> outputs = names_of_outputs(inner.outputs.size());
    for (std::size_t o = 0; o < outputs.size(); ++o)
      inner_outputs_[name + "." + outputs[o]] = outside(inner.outputs[o]);
    if (outputs.empty()) unread_.insert(name);
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
    const TomlValue* cables = find(root, "", "cables", false, TomlKind::array, "[[from, to], ...]");
    if (cables == nullptr) return;
    for (const TomlValue& value : cables->array) {
      const std::string key = "cables." + std::to_string(rack_.cables.size());
      remember(key, value.place);
      const auto& items = value.array;
      if (value.kind != TomlKind::array || items.size() < 2 || items.size() > 4 ||
          items[0].kind != TomlKind::text || items[1].kind != TomlKind::text ||
          (items.size() > 2 && !items[2].is_number()) ||
          (items.size() > 3 && items[3].kind != TomlKind::text)) {
        report(value.place, key,
               "is no cable; it must be [from, to], [from, to, amount] or [from, to, amount, name], as in "
               "[\"lfo.out\", \"osc.ratio\", 0.5]");
        rack_.cables.emplace_back();  // in its place, so that those behind it keep their numbers
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
        find(root, "", "outputs", true, TomlKind::array, "a list of outputs, as in [\"amp.out\"]");
    if (outputs == nullptr) return;
    for (std::size_t i = 0; i < outputs->array.size(); ++i) {
      const TomlValue& value = outputs->array[i];
      const std::string key = "outputs." + std::to_string(i);
      remember(key, value.place);
      if (value.kind != TomlKind::text) report_type(value, key, "an output in quotes, as in \"amp.out\"");
      rack_.outputs.push_back(resolved(value.text));
    }
  }

  const std::filesystem::path folder_;
  const RackFileOptions& options_;
  Room& room_;
  const std::vector<std::filesystem::path> outer_;
  Rack rack_;
  std::set<std::string> unread_;
  std::map<std::string, std::string> inner_outputs_;  // "lead.out": what it is inside
};

}  // namespace

Rack read_format_2(const TomlValue& root, const std::string& file, const std::filesystem::path& folder,
                   const RackFileOptions& options, FileReports& reports) {
  Room room;
  Format2Reader reader(file, folder, options, reports, room,
                       {std::filesystem::path(file).lexically_normal()});
  Rack rack = reader.read(root);
  reader.report_problems(rack, false);
  return rack;
}

}  // namespace retrograd
