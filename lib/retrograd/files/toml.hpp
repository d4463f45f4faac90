// TOML as a tree of values that know where they stand. All that the library reads of TOML comes through here.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace retrograd {

/// Line and column of a file, from 1.
struct FilePlace {
  std::uint32_t line = 1, column = 1;
  auto operator<=>(const FilePlace&) const = default;
};

struct TomlEntry;

struct TomlValue {
  enum class Kind { table, array, text, integer, number, boolean, time };
  Kind kind = Kind::table;
  FilePlace place;
  std::string text;              ///< of a text
  std::int64_t integer = 0;      ///< of an integer
  double number = 0.0;           ///< of an integer or a number
  std::vector<TomlValue> array;  ///< of an array
  std::vector<TomlEntry> table;  ///< of a table, in the order of the file

  bool is_number() const { return kind == Kind::number || kind == Kind::integer; }
  /// Null where the table has no such key.
  const TomlValue* find(std::string_view key) const;
  /// "a table", "the integer 3": for messages.
  std::string what_it_is() const;
};

struct TomlEntry {
  std::string key;
  FilePlace place;  ///< of the key
  TomlValue value;
};

/// FileError with `name_for_errors`, line and column where the text is not TOML.
TomlValue parse_toml(std::string_view text, const std::string& name_for_errors);

}  // namespace retrograd
