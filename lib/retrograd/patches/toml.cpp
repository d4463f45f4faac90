// Reads patch files with toml++ and writes them as text.
//
// The reader checks the file's shape (keys, types) and remembers where each key is; what values may be is
// ruled in patch.cpp, whose findings are then given the place they came from.
#include <retrograd/files/atomic_file.hpp>
#include <retrograd/files/text_file.hpp>
#include <retrograd/patches/toml.hpp>
#include <retrograd/tensor/errors.hpp>

// toml++ is compiled in here, with its assertions switched off: in 3.3.0 a header that begins with "[[["
// fails one of them, and the code behind it reports the mistake as it should. (Under NDEBUG they would be
// assumptions instead.)
#undef NDEBUG
#undef TOML_SHARED_LIB
#undef TOML_HEADER_ONLY
#define TOML_HEADER_ONLY 1
#define TOML_ASSERT(condition) static_cast<void>(0)
#include <toml++/toml.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <initializer_list>
#include <limits>
#include <map>
#include <numeric>
#include <set>
#include <utility>
#include <vector>

namespace retrograd {
namespace {

constexpr std::int64_t format_version = 1;
constexpr std::size_t largest_file = 16u << 20;  // bytes; an hour of one note every 50 ms takes a tenth of it
constexpr std::size_t most_problems_shown = 20;

using Keys = std::initializer_list<std::string_view>;

std::string describe(const toml::node& node) {
  switch (node.type()) {
    case toml::node_type::table:
      return "a table";
    case toml::node_type::array:
      return "an array";
    case toml::node_type::string:
      return "a string";
    case toml::node_type::integer:
      return "the integer " + std::to_string(node.as_integer()->get());
    case toml::node_type::floating_point:
      return "a number with a fraction";
    case toml::node_type::boolean:
      return "a boolean";
    default:
      return "a date or time";
  }
}

// The number of letters to insert, drop or change to get from one word to the other.
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i + 1);
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t changed = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({changed, row[j] + 1, row[j + 1] + 1});
    }
  }
  return row.back();
}

std::string suggestion(std::string_view unknown, Keys known) {
  const auto nearest = std::min_element(known.begin(), known.end(), [&](auto a, auto b) {
    return edit_distance(unknown, a) < edit_distance(unknown, b);
  });
  if (2 * edit_distance(unknown, *nearest) <= nearest->size()) {
    return "did you mean " + std::string(*nearest) + "?";
  }
  std::string list;
  for (const std::string_view key : known) list += (list.empty() ? "" : ", ") + std::string(key);
  return "the keys here are " + list;
}

// A key as it can stand in a message: on one line, and not without end.
std::string shown(std::string_view key) {
  std::string text(key.substr(0, 64));
  for (char& letter : text) {
    if (static_cast<unsigned char>(letter) < 32 || letter == 127) letter = '?';
  }
  return key.size() > 64 ? text + "..." : text;
}

class PatchReader {
 public:
  explicit PatchReader(const std::string& file) : file_(file) {}

  Patch read(const toml::table& root) {
    check_format(root);
    // Not a number until read, so that a missing one gets no second complaint.
    patch_.sample_rate = patch_.duration = std::numeric_limits<double>::quiet_NaN();
    check_keys(root, "", {"format", "sample_rate", "duration", "note", "fm"});
    read_number(root, "", "sample_rate", patch_.sample_rate);
    read_number(root, "", "duration", patch_.duration);
    read_note(root);
    read_fm(root);
    for (const PatchProblem& problem : find_problems(patch_)) {
      if (!reported_at_or_around(problem.key)) report(place_of(problem.key), problem.key, problem.message);
    }
    raise_if_reported();
    return std::move(patch_);
  }

 private:
  using Place = toml::source_position;

  struct Report {
    Place place;
    std::string line;
  };

  // ---- the keys of the format, from the outside in

  void check_format(const toml::table& root) {
    const toml::node* node = find(root, "", "format");
    if (node == nullptr) return;  // reported; the rest is read all the same
    if (!node->is_integer()) {
      report_type(*node, "format", "the integer 1");
      raise_if_reported();
    } else if (node->as_integer()->get() != format_version) {
      const std::string version = std::to_string(node->as_integer()->get());
      report(node->source().begin, "format",
             "this file is format " + version + "; this version of retrograd reads format " +
                 std::to_string(format_version));
      raise_if_reported();
    }
  }

  void read_note(const toml::table& root) {
    const toml::table* note = find_table(root, "", "note");
    if (note == nullptr) return;
    check_keys(*note, "note", {"frequency", "gate"});
    read_number(*note, "note", "frequency", patch_.note.frequency);
    read_gate(*note);
  }

  void read_gate(const toml::table& note) {
    const toml::array* gate = find_array(note, "note", "gate", "[[on, off], ...] in seconds");
    if (gate == nullptr) return;
    for (std::size_t i = 0; i < gate->size(); ++i) {
      const std::string key = remember("note.gate", i, *gate);
      const toml::node& node = (*gate)[i];
      const toml::array* pair = node.as_array();
      if (pair == nullptr || pair->size() != 2 || !(*pair)[0].is_number() || !(*pair)[1].is_number()) {
        report(node.source().begin, key,
               not_a_pair(node) + "; it must be a pair of times [on, off] in seconds");
        patch_.note.gate.clear();
        return;
      }
      patch_.note.gate.push_back({number((*pair)[0]), number((*pair)[1])});
    }
  }

  void read_fm(const toml::table& root) {
    const toml::table* fm = find_table(root, "", "fm");
    if (fm == nullptr) return;
    check_keys(*fm, "fm", {"routing", "audible", "operator"});
    read_routing(*fm);
    if (fm->contains("audible")) read_audible(*fm);
    const toml::array* operators =
        find_array(*fm, "fm", "operator", "a list of tables, each begun by [[fm.operator]]");
    if (operators == nullptr) return;
    for (std::size_t i = 0; i < operators->size(); ++i) {
      patch_.fm.operators.push_back(read_operator((*operators)[i], remember("fm.operator", i, *operators)));
    }
  }

  void read_routing(const toml::table& fm) {
    const toml::array* routing =
        find_array(fm, "fm", "routing", "[[modulator, carrier], ...], or [] for none");
    if (routing == nullptr) return;
    for (std::size_t i = 0; i < routing->size(); ++i) {
      const std::string key = remember("fm.routing", i, *routing);
      const toml::node& node = (*routing)[i];
      const toml::array* pair = node.as_array();
      if (pair == nullptr || pair->size() != 2 || !is_index((*pair)[0]) || !is_index((*pair)[1])) {
        report(node.source().begin, key,
               not_a_pair(node) + "; it must be a pair of operators [modulator, carrier], counted from 0");
        patch_.fm.routing.clear();
        return;
      }
      patch_.fm.routing.push_back({index((*pair)[0]), index((*pair)[1])});
    }
  }

  void read_audible(const toml::table& fm) {
    const toml::array* audible = find_array(fm, "fm", "audible", "a list of operators, as in [0, 2]");
    if (audible == nullptr) return;
    if (audible->empty()) {
      report(
          audible->source().begin, "fm.audible",
          "is empty; name the operators that are heard, or leave it out to hear those that modulate nobody");
    }
    for (std::size_t i = 0; i < audible->size(); ++i) {
      const std::string key = remember("fm.audible", i, *audible);
      const toml::node& node = (*audible)[i];
      if (!is_index(node)) {
        report_type(node, key, "an operator, counted from 0");
        patch_.fm.audible.clear();
        return;
      }
      patch_.fm.audible.push_back(index(node));
    }
  }

  FMOperator read_operator(const toml::node& node, const std::string& path) {
    FMOperator fm_operator;
    const toml::table* table = node.as_table();
    if (table == nullptr) {
      report_type(node, path, "a table, begun by [[fm.operator]]");
      return fm_operator;
    }
    check_keys(*table, path, {"ratio", "gain", "envelope"});
    read_number(*table, path, "ratio", fm_operator.ratio);
    read_number(*table, path, "gain", fm_operator.gain);
    const toml::table* envelope = find_table(*table, path, "envelope");
    if (envelope == nullptr) return fm_operator;
    const std::string inside = path + ".envelope";
    check_keys(*envelope, inside, {"attack", "decay", "sustain", "release"});
    read_number(*envelope, inside, "attack", fm_operator.envelope.attack);
    read_number(*envelope, inside, "decay", fm_operator.envelope.decay);
    read_number(*envelope, inside, "sustain", fm_operator.envelope.sustain);
    read_number(*envelope, inside, "release", fm_operator.envelope.release);
    return fm_operator;
  }

  // ---- finding a key and its type

  static std::string join(const std::string& path, std::string_view key) {
    return path.empty() ? std::string(key) : path + "." + std::string(key);
  }

  void check_keys(const toml::table& table, const std::string& path, Keys known) {
    for (const auto& [key, value] : table) {
      if (std::find(known.begin(), known.end(), key.str()) != known.end()) continue;
      report(key.source().begin, join(path, shown(key.str())),
             "unknown key; " + suggestion(shown(key.str()), known));
    }
  }

  // The value of a key, or nothing, reported.
  const toml::node* find(const toml::table& table, const std::string& path, std::string_view key) {
    const std::string whole = join(path, key);
    const toml::node* node = table.get(key);
    if (node == nullptr) {
      report(table.source().begin, whole, "missing key; every patch has it");
    } else {
      places_[whole] = node->source().begin;
    }
    return node;
  }

  const toml::table* find_table(const toml::table& table, const std::string& path, std::string_view key) {
    const toml::node* node = find(table, path, key);
    if (node != nullptr && !node->is_table())
      report_type(*node, join(path, key), "a table of keys and values");
    return node != nullptr ? node->as_table() : nullptr;
  }

  const toml::array* find_array(const toml::table& table, const std::string& path, std::string_view key,
                                const std::string& right) {
    const toml::node* node = find(table, path, key);
    if (node != nullptr && !node->is_array()) report_type(*node, join(path, key), right);
    return node != nullptr ? node->as_array() : nullptr;
  }

  void read_number(const toml::table& table, const std::string& path, std::string_view key, double& value) {
    const toml::node* node = find(table, path, key);
    if (node == nullptr) return;
    if (node->is_number()) {
      value = number(*node);
    } else {
      report_type(*node, join(path, key), "a number");
    }
  }

  // An integer is as good as a number with a fraction.
  static double number(const toml::node& node) {
    return node.is_integer() ? static_cast<double>(node.as_integer()->get())
                             : node.as_floating_point()->get();
  }

  static bool is_index(const toml::node& node) {
    return node.is_integer() && node.as_integer()->get() >= 0 &&
           node.as_integer()->get() <= std::numeric_limits<int>::max();
  }

  static int index(const toml::node& node) { return static_cast<int>(node.as_integer()->get()); }

  static std::string not_a_pair(const toml::node& node) {
    const toml::array* array = node.as_array();
    if (array == nullptr) return "is " + describe(node);
    if (array->size() != 2) return "has length " + std::to_string(array->size());
    return "holds " + describe((*array)[0]) + " and " + describe((*array)[1]);
  }

  // ---- places and problems

  std::string remember(const std::string& path, std::size_t i, const toml::array& array) {
    const std::string key = join(path, std::to_string(i));
    places_[key] = array[i].source().begin;
    return key;
  }

  // Of a key that has no place of its own, the place of the nearest around it.
  Place place_of(std::string key) const {
    for (;;) {
      if (const auto found = places_.find(key); found != places_.end()) return found->second;
      const std::size_t dot = key.rfind('.');
      if (dot == std::string::npos) return {};
      key.resize(dot);
    }
  }

  // Whether a problem is known of the key, of what it is in or of what is in it; then one more tells nothing
  // new.
  bool reported_at_or_around(std::string key) const {
    const auto inside = reported_keys_.lower_bound(key + ".");
    if (inside != reported_keys_.end() && inside->starts_with(key + ".")) return true;
    for (;;) {
      if (reported_keys_.contains(key)) return true;
      const std::size_t dot = key.rfind('.');
      if (dot == std::string::npos) return false;
      key.resize(dot);
    }
  }

  void report_type(const toml::node& node, const std::string& key, const std::string& right) {
    report(node.source().begin, key, "is " + describe(node) + "; it must be " + right);
  }

  void report(Place place, const std::string& key, const std::string& message) {
    // Tables that the file only implies have no place of their own.
    place.line = std::max(place.line, toml::source_index{1});
    place.column = std::max(place.column, toml::source_index{1});
    reported_keys_.insert(key);
    reports_.push_back({place, file_ + ":" + std::to_string(place.line) + ":" + std::to_string(place.column) +
                                   ": " + key + ": " + message});
  }

  void raise_if_reported() {
    if (reports_.empty()) return;
    std::stable_sort(reports_.begin(), reports_.end(),
                     [](const Report& a, const Report& b) { return a.place < b.place; });
    std::string lines;
    const std::size_t count = std::min(reports_.size(), most_problems_shown);
    for (std::size_t i = 0; i < count; ++i) lines += (i == 0 ? "" : "\n") + reports_[i].line;
    if (reports_.size() > count) {
      lines +=
          "\n" + file_ + ": and " + std::to_string(reports_.size() - count) + " more problems like these";
    }
    raise<FileError>(lines);
  }

  const std::string& file_;
  Patch patch_;
  std::map<std::string, Place> places_;
  std::set<std::string> reported_keys_;
  std::vector<Report> reports_;
};

// ---- writing

// The shortest digits that read back as the same double, always as a TOML float.
std::string written(double value) {
  const double magnitude = std::abs(value);
  const bool plain = magnitude == 0.0 || (magnitude >= 1e-5 && magnitude < 1e9);
  char digits[64];
  const auto end = std::to_chars(digits, digits + sizeof digits, value,
                                 plain ? std::chars_format::fixed : std::chars_format::scientific)
                       .ptr;
  std::string text(digits, end);
  return plain && text.find('.') == std::string::npos ? text + ".0" : text;
}

// A list in brackets: on one line, or one item a line when there are many.
std::string list(const std::vector<std::string>& items) {
  const bool one_line = items.size() <= 6;
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
  const std::size_t last_line = text.size() - (text.rfind('\n') + 1);  // npos + 1 is 0
  const std::size_t gap = last_line + 2 > comment_column ? 2 : comment_column - last_line;
  return text + std::string(gap, ' ') + "# " + comment + "\n";
}

std::string written(const Envelope& envelope) {
  return "{ attack = " + written(envelope.attack) + ", decay = " + written(envelope.decay) +
         ", sustain = " + written(envelope.sustain) + ", release = " + written(envelope.release) + " }";
}

}  // namespace

Patch parse_patch(std::string_view text, const std::string& name_for_errors) {
  if (text.find_first_not_of(" \t\r\n") == std::string_view::npos) {
    raise<FileError>(name_for_errors + ":1:1: is empty; a patch begins with format = 1");
  }
  toml::table root;
  try {
    root = toml::parse(text, name_for_errors);
  } catch (const toml::parse_error& error) {
    const toml::source_position place = error.source().begin;
    raise<FileError>(name_for_errors + ":" + std::to_string(place.line) + ":" + std::to_string(place.column) +
                     ": is not TOML: " + std::string(error.description()));
  }
  return PatchReader(name_for_errors).read(root);
}

Patch load_patch(const std::string& path) {
  const std::string text = read_text(path, largest_file + 1);
  if (text.size() > largest_file)
    raise<FileError>("cannot read '" + path + "': it is larger than 16 MiB; a patch is a text file in TOML");
  return parse_patch(text, path);
}

std::string format_patch(const Patch& patch) {
  validate(patch, "the patch to write");

  std::vector<std::string> gate, routing, audible;
  for (const auto& [on, off] : patch.note.gate)
    gate.push_back(std::string("[") + written(on) + ", " + written(off) + "]");
  for (const auto& [modulator, carrier] : patch.fm.routing) {
    routing.push_back(std::string("[") + std::to_string(modulator) + ", " + std::to_string(carrier) + "]");
  }
  for (const int i : patch.fm.audible) audible.push_back(std::to_string(i));

  std::string text;
  text += "format = " + std::to_string(format_version) + "\n";
  text += line("sample_rate", std::to_string(static_cast<int>(patch.sample_rate)), "Hz");
  text += line("duration", written(patch.duration), "seconds");
  text += "\n[note]\n";
  text += line("frequency", written(patch.note.frequency), "Hz");
  text += line("gate", list(gate), "pairs of on and off times in seconds; several pairs retrigger");
  text += "\n[fm]\n";
  text += line("routing", list(routing), "pairs of modulator and carrier, counted from 0");
  if (!audible.empty()) text += line("audible", list(audible), "the operators that are heard");
  for (std::size_t i = 0; i < patch.fm.operators.size(); ++i) {
    const FMOperator& fm_operator = patch.fm.operators[i];
    text += "\n[[fm.operator]]" + std::string(21, ' ') + "# operator " + std::to_string(i) + "\n";
    text += line("ratio", written(fm_operator.ratio), "of the note's frequency");
    text += line("gain", written(fm_operator.gain), "linear; radians where it modulates");
    text += "envelope = " + written(fm_operator.envelope) + "  # seconds; sustain is a level\n";
  }
  return text;
}

void save_patch(const Patch& patch, const std::string& path) { write_text(path, format_patch(patch)); }

}  // namespace retrograd
