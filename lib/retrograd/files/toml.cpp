#include <retrograd/files/toml.hpp>
#include <retrograd/tensor/errors.hpp>

// toml++ is compiled in here, with its assertions switched off: in 3.3.0 a header that begins with "[[["
// fails one of them, and the code behind it reports the mistake as it should. (Under NDEBUG they would be
// assumptions instead.)
#undef NDEBUG
#undef TOML_SHARED_LIB
#undef TOML_HEADER_ONLY
#define TOML_HEADER_ONLY 1
#define TOML_ENABLE_FORMATTERS 0
#define TOML_ASSERT(condition) static_cast<void>(0)
#include <toml++/toml.h>

#include <algorithm>

namespace retrograd {

namespace {

// Tables that the file only implies have no place of their own.
FilePlace place_of(const toml::source_position& position) {
  return {std::max<std::uint32_t>(position.line, 1), std::max<std::uint32_t>(position.column, 1)};
}

// toml++ bounds how deep values lie in each other.
TomlValue value_of(const toml::node& node) {
  using Kind = TomlValue::Kind;
  TomlValue value;
  value.place = place_of(node.source().begin);
  switch (node.type()) {
    case toml::node_type::table:
      value.kind = Kind::table;
      for (const auto& [key, inner] : *node.as_table())
        value.table.push_back({std::string(key.str()), place_of(key.source().begin), value_of(inner)});
      std::ranges::stable_sort(value.table, {}, &TomlEntry::place);
      break;
    case toml::node_type::array:
      value.kind = Kind::array;
      for (const toml::node& inner : *node.as_array()) value.array.push_back(value_of(inner));
      break;
    case toml::node_type::string:
      value.kind = Kind::text;
      value.text = node.as_string()->get();
      break;
    case toml::node_type::integer:
      value.kind = Kind::integer;
      value.integer = node.as_integer()->get();
      value.number = static_cast<double>(value.integer);
      break;
    case toml::node_type::floating_point:
      value.kind = Kind::number;
      value.number = node.as_floating_point()->get();
      break;
    case toml::node_type::boolean:
      value.kind = Kind::boolean;
      break;
    default:
      value.kind = Kind::time;
  }
  return value;
}

}  // namespace

const TomlValue* TomlValue::find(std::string_view key) const {
  const auto found = std::ranges::find(table, key, &TomlEntry::key);
  return found == table.end() ? nullptr : &found->value;
}

std::string TomlValue::what_it_is() const {
  switch (kind) {
    case Kind::table:
      return "a table";
    case Kind::array:
      return "an array";
    case Kind::text:
      return "a string";
    case Kind::integer:
      return "the integer " + std::to_string(integer);
    case Kind::number:
      return "a number with a fraction";
    case Kind::boolean:
      return "a boolean";
    case Kind::time:
      break;
  }
  return "a date or time";
}

TomlValue parse_toml(std::string_view text, const std::string& name_for_errors) {
  try {
    return value_of(toml::parse(text, name_for_errors));
  } catch (const toml::parse_error& error) {
    const FilePlace place = place_of(error.source().begin);
    raise<FileError>(name_for_errors + ":" + std::to_string(place.line) + ":" + std::to_string(place.column) +
                     ": is not TOML: " + std::string(error.description()));
  }
}

}  // namespace retrograd
