#include <retrograd/racks/file_reader.hpp>
#include <retrograd/racks/wording.hpp>
#include <retrograd/tensor/errors.hpp>

#include <algorithm>

namespace retrograd {

namespace {

constexpr std::size_t most_problems_shown = 20;

}  // namespace

void FileReports::add(const RackPlace& place, const std::string& key, const std::string& message) {
  const auto file = static_cast<std::size_t>(std::ranges::find(files_, place.file) - files_.begin());
  if (file == files_.size()) files_.push_back(place.file);
  keys_.insert({place.file, key});
  places_.insert(place);
  reports_.push_back({file, place.place,
                      place.file + ":" + std::to_string(place.place.line) + ":" +
                          std::to_string(place.place.column) + ": " + shown_key(key) + ": " + message});
}

bool FileReports::has_around(const std::string& file, std::string key) const {
  const auto inside = keys_.lower_bound({file, key + "."});
  if (inside != keys_.end() && inside->first == file && inside->second.starts_with(key + ".")) return true;
  for (;;) {
    if (keys_.contains({file, key})) return true;
    const std::size_t dot = key.rfind('.');
    if (dot == std::string::npos) return false;
    key.resize(dot);
  }
}

void FileReports::raise_if_any() {
  if (reports_.empty()) return;
  std::ranges::stable_sort(reports_, [](const Report& a, const Report& b) {
    return a.file != b.file ? a.file < b.file : a.place < b.place;
  });
  std::string lines;
  const std::size_t count = std::min(reports_.size(), most_problems_shown);
  for (std::size_t i = 0; i < count; ++i) lines += (i == 0 ? "" : "\n") + reports_[i].line;
  if (reports_.size() > count)
    lines += "\n" + files_.front() + ": and " + std::to_string(reports_.size() - count) +
             " more problems like these";
  raise<FileError>(lines);
}

void FileReader::report_unknown(FilePlace place, const std::string& path, const std::string& key,
                                std::span<const std::string> known) {
  report(place, join(path, shown(key)),
         "unknown key" + (reports_.are_many() ? "" : "; " + did_you_mean(key, known, "keys here")));
}

void FileReader::check_keys(const TomlValue& table, const std::string& path,
                            std::span<const std::string> known) {
  for (const auto& [key, place, value] : table.table) {
    if (std::ranges::find(known, key) != known.end()) continue;
    report_unknown(place, path, key, known);
  }
}

const TomlValue* FileReader::find(const TomlValue& table, const std::string& path, std::string_view key,
                                  bool is_required) {
  const std::string whole = join(path, key);
  const TomlValue* value = table.find(key);
  if (value != nullptr)
    remember(whole, value->place);
  else if (is_required)
    report(table.place, whole, "missing key; every patch has it");
  return value;
}

const TomlValue* FileReader::find(const TomlValue& table, const std::string& path, std::string_view key,
                                  bool is_required, TomlValue::Kind kind, const std::string& right) {
  const TomlValue* value = find(table, path, key, is_required);
  if (value == nullptr || value->kind == kind) return value;
  report_type(*value, join(path, key), right);
  return nullptr;
}

void FileReader::read_number(const TomlValue& table, const std::string& path, std::string_view key,
                             bool is_required, double& value) {
  const TomlValue* found = find(table, path, key, is_required);
  if (found == nullptr) return;
  if (found->is_number())
    value = found->number;
  else
    report_type(*found, join(path, key), "a number");
}

std::string FileReader::not_a_pair(const TomlValue& value) {
  if (value.kind != TomlValue::Kind::array) return "is " + value.what_it_is();
  if (value.array.size() != 2) return "has length " + std::to_string(value.array.size());
  return "holds " + value.array[0].what_it_is() + " and " + value.array[1].what_it_is();
}

void FileReader::read_gate(const TomlValue& note, bool is_required, std::vector<GatePair>& gate) {
  const TomlValue* pairs =
      find(note, "note", "gate", is_required, TomlValue::Kind::array, "[[on, off], ...] in seconds");
  if (pairs == nullptr) return;
  gate.clear();
  for (std::size_t i = 0; i < pairs->array.size(); ++i) {
    const TomlValue& pair = pairs->array[i];
    const std::string key = "note.gate." + std::to_string(i);
    remember(key, pair.place);
    if (pair.array.size() != 2 || !pair.array[0].is_number() || !pair.array[1].is_number()) {
      report(pair.place, key, not_a_pair(pair) + "; it must be a pair of times [on, off] in seconds");
      gate.clear();
      return;
    }
    gate.push_back({pair.array[0].number, pair.array[1].number});
  }
}

RackPlace FileReader::place_of(std::string key) const {
  for (;;) {
    if (const auto found = places_.find(key); found != places_.end()) return found->second;
    const std::size_t dot = key.rfind('.');
    if (dot == std::string::npos) return {file_, {}};
    key.resize(dot);
  }
}

}  // namespace retrograd
