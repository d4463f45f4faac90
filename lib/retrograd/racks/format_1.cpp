#include <retrograd/racks/format_1.hpp>
#include <retrograd/racks/rules.hpp>
#include <retrograd/tensor/errors.hpp>

#include <algorithm>
#include <limits>

namespace retrograd {

namespace {

class Format1Reader : FileReader {
 public:
  Format1Reader(const std::string& file, const ModuleList& modules, FileReports& reports)
      : FileReader(file, reports), modules_(modules) {}

  Rack read(const TomlValue& root) {
    check(root, "", {"format", "sample_rate", "duration", "note", "fm"});
    // Not a number until read, so that a missing one gets no second complaint.
    double sample_rate = std::numeric_limits<double>::quiet_NaN(), duration = sample_rate;
    Note note;
    read_number(root, "", "sample_rate", true, sample_rate);
    read_number(root, "", "duration", true, duration);
    read_note(root, note);
    read_fm(root);
    Rack rack;
    try {
      rack = fm_rack(operators_, routing_, audible_, modules_);
    } catch (const RoutingError& error) {
      if (!reports_.has_around(file_, "fm")) reports_.add(place_of("fm"), "fm", error.what());
    }
    rack.sample_rate = sample_rate;
    rack.duration = duration;
    rack.note = note;
    for (const RackProblem& problem : find_problems(rack)) {
      const std::string key = key_in_file(problem.key);
      // Where all are in loops nothing is heard, which the loops say.
      if (key != "outputs" && !key.starts_with("module.") && !reports_.has_around(file_, key))
        reports_.add(place_of(key), key, problem.message);
    }
    return rack;
  }

 private:
  using Kind = TomlValue::Kind;

  void check(const TomlValue& table, const std::string& path, const std::vector<std::string>& known) {
    check_keys(table, path, known);
  }
  const TomlValue* find_table(const TomlValue& table, const std::string& path, std::string_view key) {
    return find(table, path, key, true, Kind::table, "a table of keys and values");
  }

  // A route is a cable.
  static std::string key_in_file(const std::string& key) {
    return key.starts_with("cables.") ? "fm.routing." + key.substr(7) : key;
  }

  void read_note(const TomlValue& root, Note& note) {
    const TomlValue* table = find_table(root, "", "note");
    if (table == nullptr) return;
    check(*table, "note", {"frequency", "gate"});
    read_number(*table, "note", "frequency", true, note.frequency);
    read_gate(*table, true, note.gate);
  }

  void read_fm(const TomlValue& root) {
    const TomlValue* fm = find_table(root, "", "fm");
    if (fm == nullptr) return;
    check(*fm, "fm", {"routing", "audible", "operator"});
    const TomlValue* operators =
        find(*fm, "fm", "operator", true, Kind::array, "a list of tables, each begun by [[fm.operator]]");
    for (std::size_t i = 0; operators != nullptr && i < operators->array.size(); ++i) {
      const std::string path = "fm.operator." + std::to_string(i);
      remember(path, operators->array[i].place);
      operators_.push_back(read_operator(operators->array[i], path));
    }
    if (operators != nullptr && operators_.empty())
      report(operators->place, "fm.operator", "is empty; an FM synth has at least one operator");
    read_routing(*fm);
    if (fm->find("audible") != nullptr) read_audible(*fm);
  }

  // Whether it is an operator of the file; reported where it is not.
  bool is_operator(const TomlValue& value, const std::string& key, const std::string& who) {
    if (value.kind != Kind::integer) {
      report_type(value, key, "an operator, counted from 0");
      return false;
    }
    if (value.integer >= 0 && value.integer < static_cast<std::int64_t>(operators_.size())) return true;
    if (!operators_.empty())
      report(value.place, key,
             who + "names operator " + std::to_string(value.integer) + "; there are " +
                 std::to_string(operators_.size()) + ", counted from 0");
    return false;
  }

  void read_routing(const TomlValue& fm) {
    const TomlValue* routing =
        find(fm, "fm", "routing", true, Kind::array, "[[modulator, carrier], ...], or [] for none");
    if (routing == nullptr) return;
    for (std::size_t i = 0; i < routing->array.size(); ++i) {
      const TomlValue& pair = routing->array[i];
      const std::string key = "fm.routing." + std::to_string(i);
      remember(key, pair.place);
      if (pair.array.size() != 2 || pair.array[0].kind != Kind::integer ||
          pair.array[1].kind != Kind::integer) {
        report(pair.place, key,
               not_a_pair(pair) + "; it must be a pair of operators [modulator, carrier], counted from 0");
        return routing_.clear();
      }
      const std::int64_t modulator = pair.array[0].integer, carrier = pair.array[1].integer;
      const std::string route = "route [" + std::to_string(modulator) + ", " + std::to_string(carrier) + "] ";
      if (!is_operator(pair.array[0], key, route) || !is_operator(pair.array[1], key, route))
        return routing_.clear();
      routing_.push_back({static_cast<int>(modulator), static_cast<int>(carrier)});
    }
  }

  void read_audible(const TomlValue& fm) {
    const TomlValue* audible =
        find(fm, "fm", "audible", true, Kind::array, "a list of operators, as in [0, 2]");
    if (audible == nullptr) return;
    if (audible->array.empty())
      report(
          audible->place, "fm.audible",
          "is empty; name the operators that are heard, or leave it out to hear those that modulate nobody");
    for (std::size_t i = 0; i < audible->array.size(); ++i) {
      const TomlValue& value = audible->array[i];
      const std::string key = "fm.audible." + std::to_string(i);
      if (!is_operator(value, key, "")) return audible_.clear();
      const auto index = static_cast<int>(value.integer);
      if (std::ranges::find(audible_, index) != audible_.end())
        report(value.place, key,
               "names operator " + std::to_string(index) + " a second time; once is enough");
      else
        audible_.push_back(index);
    }
  }

  FMOperator read_operator(const TomlValue& table, const std::string& path) {
    FMOperator one;
    if (table.kind != Kind::table) {
      report_type(table, path, "a table, begun by [[fm.operator]]");
      return one;
    }
    check(table, path, {"ratio", "gain", "envelope"});
    read_number(table, path, "ratio", true, one.ratio);
    read_number(table, path, "gain", true, one.gain);
    const TomlValue* envelope = find_table(table, path, "envelope");
    if (envelope == nullptr) return one;
    const std::string inside = path + ".envelope";
    check(*envelope, inside, {"attack", "decay", "sustain", "release"});
    read_number(*envelope, inside, "attack", true, one.envelope.attack);
    read_number(*envelope, inside, "decay", true, one.envelope.decay);
    read_number(*envelope, inside, "sustain", true, one.envelope.sustain);
    read_number(*envelope, inside, "release", true, one.envelope.release);
    return one;
  }

  const ModuleList& modules_;
  std::vector<FMOperator> operators_;
  std::vector<Route> routing_;
  std::vector<int> audible_;
};

}  // namespace

Rack read_format_1(const TomlValue& root, const std::string& file, const ModuleList& modules,
                   FileReports& reports) {
  return Format1Reader(file, modules, reports).read(root);
}

}  // namespace retrograd
