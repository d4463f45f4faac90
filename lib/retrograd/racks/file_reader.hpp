// What readers of rack files share: finding keys and their types, and reporting all that is wrong at once, each with
// file, line and column.
#pragma once

#include <retrograd/files/toml.hpp>
#include <retrograd/racks/rack.hpp>

#include <map>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace retrograd {

/// A place in one of the files that a rack is made of.
struct RackPlace {
  std::string file;
  FilePlace place;
  auto operator<=>(const RackPlace&) const = default;
};

/// The problems of a rack's files, in the order in which they are read, sorted by place within each file.
class FileReports {
 public:
  void add(const RackPlace& place, const std::string& key, const std::string& message);
  /// Whether a problem is known of the file's key, of what it is in or of what is in it; then one more tells nothing new.
  bool has_around(const std::string& file, std::string key) const;
  bool has_at(const RackPlace& place) const { return places_.contains(place); }
  /// Then nobody reads on, and no more names are compared with each other.
  bool are_many() const { return reports_.size() >= 100; }
  /// FileError with a line for each, "file:line:column: key: message".
  void raise_if_any();

 private:
  struct Report {
    std::size_t file;  // in the order of files
    FilePlace place;
    std::string line;
  };
  std::vector<std::string> files_;
  std::vector<Report> reports_;
  std::set<std::pair<std::string, std::string>> keys_;  // file and key
  std::set<RackPlace> places_;
};

class FileReader {
 public:
  FileReader(std::string file, FileReports& reports) : file_(std::move(file)), reports_(reports) {}

 protected:
  static std::string join(const std::string& path, std::string_view key) {
    return path.empty() ? std::string(key) : path + "." + std::string(key);
  }
  void report(FilePlace place, const std::string& key, const std::string& message) {
    reports_.add({file_, place}, key, message);
  }
  void report_type(const TomlValue& value, const std::string& key, const std::string& right) {
    report(value.place, key, "is " + value.what_it_is() + "; it must be " + right);
  }
  void report_unknown(FilePlace place, const std::string& path, const std::string& key,
                      std::span<const std::string> known);
  /// Reports the keys that are not known.
  void check_keys(const TomlValue& table, const std::string& path, std::span<const std::string> known);
  /// The value of a key, or nothing, reported where it must be there.
  const TomlValue* find(const TomlValue& table, const std::string& path, std::string_view key,
                        bool is_required);
  /// The same where it must be of a kind.
  const TomlValue* find(const TomlValue& table, const std::string& path, std::string_view key,
                        bool is_required, TomlValue::Kind kind, const std::string& right);
  void read_number(const TomlValue& table, const std::string& path, std::string_view key, bool is_required,
                   double& value);
  /// note.gate: pairs of times.
  void read_gate(const TomlValue& note, bool is_required, std::vector<GatePair>& gate);
  static std::string not_a_pair(const TomlValue& value);

  void remember(const std::string& key, FilePlace place) { places_[key] = {file_, place}; }
  /// Of a key that has no place of its own, the place of the nearest around it.
  RackPlace place_of(std::string key) const;

  std::string file_;
  FileReports& reports_;
  std::map<std::string, RackPlace> places_;
};

}  // namespace retrograd
