// The file that --resume reads and writes: where a fit stopped, as JSON.
//
//     { "format": 2, "recording": "9f3c...", "loss_floor": -60, "seed": 0, "initial": "<a patch file's text>",
//       "steps_done": 300,
//       "rows": [ { "patch": "<a patch file's text>", "loss": 1.25 }, ... ],
//       "optimizer": { "note.frequency/first_moment": [ ... ], ... },
//       "frozen": [ "env.*" ] }                          left out where nothing is frozen
//
// Numbers are written so that they read back the same; those JSON lacks are "inf", "-inf" and "nan".
#include "fit_file.hpp"

#include <retrograd/files/text_file.hpp>
#include <retrograd/racks/rack_file.hpp>

#include <bit>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <set>

#include "json_number.hpp"

namespace retrograd::tool {
namespace {

using Document = nlohmann::ordered_json;

constexpr int format = 2;

/// Reads values out of the JSON; `name` is the file's, for messages.
class FitReader {
 public:
  explicit FitReader(const std::string& name) : name_(name) {}

  [[noreturn]] void fail(const std::string& key, const std::string& what) const {
    raise<FileError>("'" + name_ + "' is no fit to go on from: " + (key.empty() ? what : key + ": " + what));
  }

  /// `object` with exactly these keys.
  const Document& object(const Document& json, const std::string& key,
                         const std::set<std::string>& keys) const {
    const std::string inside = key.empty() ? "" : key + ".";
    if (!json.is_object()) fail(key, "must be an object");
    for (const auto& [own, value] : json.items())
      if (!keys.contains(own)) fail(inside + own, "unknown key");
    for (const std::string& wanted : keys)
      if (!json.contains(wanted)) fail(inside + wanted, "the key is missing");
    return json;
  }
  double number(const Document& json, const std::string& key) const {
    if (json.is_number()) return json.get<double>();
    if (json == "nan") return std::numeric_limits<double>::quiet_NaN();
    if (json == "inf") return std::numeric_limits<double>::infinity();
    if (json == "-inf") return -std::numeric_limits<double>::infinity();
    fail(key, "must be a number");
  }
  std::uint64_t whole(const Document& json, const std::string& key, std::uint64_t highest) const {
    if (!json.is_number_unsigned() || json.get<std::uint64_t>() > highest)
      fail(key, "must be a whole number from 0 to " + std::to_string(highest));
    return json.get<std::uint64_t>();
  }
  std::string text(const Document& json, const std::string& key) const {
    if (!json.is_string()) fail(key, "must be a text");
    return json.get<std::string>();
  }
  Rack patch(const Document& json, const std::string& key) const {
    return parse_rack(text(json, key), name_ + ": " + key);
  }

 private:
  std::string name_;
};

/// Whether two patches differ in nothing but what a fit changes.
bool is_of_one_structure(Rack a, Rack b) {
  const auto of_a = parameters(a);
  const auto of_b = parameters(b);
  if (of_a.size() != of_b.size()) return false;
  for (std::size_t p = 0; p < of_a.size(); ++p) of_a[p].value = of_b[p].value;
  return a == b;
}

}  // namespace

std::string fingerprint(const FitTarget& target) {
  // FNV-1a (Fowler, Noll and Vo), 64 bits, over whole doubles.
  std::uint64_t hash = 0xcbf29ce484222325ull;
  const auto add = [&](double value) {
    hash = (hash ^ std::bit_cast<std::uint64_t>(value)) * 0x100000001b3ull;
    hash ^= hash >> 32;
  };
  for (const double sample : target.samples) add(sample);
  for (const double value : {target.sample_rate, target.frequency, target.gate.on, target.gate.off})
    add(value);
  constexpr const char* digits = "0123456789abcdef";
  std::string text;
  for (int shift = 60; shift >= 0; shift -= 4) text += digits[hash >> shift & 15];
  return text;
}

std::string format_fit(const SavedFit& fit) {
  Document rows = Document::array();
  for (std::size_t row = 0; row < fit.state.best.size(); ++row)
    rows.push_back(
        {{"patch", format_rack(fit.state.best[row])}, {"loss", json_number(fit.state.best_loss[row])}});
  Document optimizer = Document::object();
  for (const auto& [name, values] : fit.state.optimizer) {
    Document list = Document::array();
    for (const double value : values) list.push_back(json_number(value));
    optimizer[name] = list;
  }
  Document json{{"format", format},
                {"recording", fit.recording},
                {"loss_floor", fit.loss_floor},
                {"seed", fit.seed},
                {"initial", format_rack(fit.initial)},
                {"steps_done", fit.state.steps_done},
                {"rows", rows},
                {"optimizer", optimizer}};
  if (!fit.frozen.empty()) json["frozen"] = fit.frozen;
  return json.dump(1) + "\n";
}

SavedFit parse_fit(const std::string& text, const std::string& name) {
  const FitReader read(name);
  Document json;
  try {
    json = Document::parse(text);
  } catch (const Document::parse_error& error) {
    const std::string what = error.what();
    read.fail("", "not JSON: " + what.substr(what.find("] ") + 2));
  }
  if (json.is_object() && json.contains("format") && json["format"] == 1)
    read.fail("format", "1 is an older version's, whose losses had no floor; begin the fit again");
  if (json.is_object() && json.contains("format") && json["format"] != format)
    read.fail("format", "must be " + std::to_string(format) + ", the one format this version knows");
  SavedFit fit;
  if (json.is_object() && json.contains("frozen")) {
    if (!json["frozen"].is_array()) read.fail("frozen", "must be a list of texts");
    for (const Document& pattern : json["frozen"]) fit.frozen.push_back(read.text(pattern, "frozen"));
    json.erase("frozen");
  }
  read.object(json, "",
              {"format", "recording", "loss_floor", "seed", "initial", "steps_done", "rows", "optimizer"});

  fit.recording = read.text(json["recording"], "recording");
  fit.loss_floor = read.number(json["loss_floor"], "loss_floor");
  fit.seed = read.whole(json["seed"], "seed", std::numeric_limits<std::uint64_t>::max());
  fit.initial = read.patch(json["initial"], "initial");
  fit.state.steps_done = static_cast<int>(read.whole(json["steps_done"], "steps_done", 1000000000));
  if (!json["rows"].is_array() || json["rows"].empty())
    read.fail("rows", "must be a list of one row or more");
  for (const Document& row : json["rows"]) {
    const std::string key = "rows." + std::to_string(fit.state.best.size());
    read.object(row, key, {"patch", "loss"});
    fit.state.best.push_back(read.patch(row["patch"], key + ".patch"));
    fit.state.best_loss.push_back(read.number(row["loss"], key + ".loss"));
    if (!is_of_one_structure(fit.state.best.back(), fit.initial))
      read.fail(key + ".patch", "differs from 'initial' in more than a fit changes");
  }
  if (!json["optimizer"].is_object()) read.fail("optimizer", "must be an object");
  for (const auto& [quantity, values] : json["optimizer"].items()) {
    if (!values.is_array()) read.fail("optimizer." + quantity, "must be a list of numbers");
    std::vector<double>& list = fit.state.optimizer[quantity];
    for (const Document& value : values) list.push_back(read.number(value, "optimizer." + quantity));
    if (quantity == "/steps" && !(list.size() == 1 && list[0] >= 0 && list[0] <= 1e15))
      read.fail("optimizer./steps", "must be one number, 0 or more");
  }
  return fit;
}

SavedFit load_fit(const std::filesystem::path& path) { return parse_fit(read_text(path), path.string()); }

}  // namespace retrograd::tool
