#include "library_parts.hpp"

#include <algorithm>
#include <cctype>
#include <cstdint>
#include <functional>

namespace retrograd::tool {
namespace {

/// Code or data: of loops, which exist for several, with their type and SIMD level.
struct Part {
  std::string name, type, level;
  std::int64_t bytes;
};

const std::vector<Part>& parts() {
  static const std::vector<Part> parts {
#if defined(RETROGRAD_HAS_LIBRARY_PARTS)
#include "library_parts.inc"
#endif
  };
  return parts;
}

std::int64_t bytes_of(const std::string& name, const std::string& type = {}, const std::string& level = {}) {
  std::int64_t bytes = 0;
  for (const Part& part : parts())
    if ((name.empty() || part.name == name) && (type.empty() || part.type == type) &&
        (level.empty() || part.level == level))
      bytes += part.bytes;
  return bytes;
}

/// A name as a key of JSON: "loops of nodes" is "loops_of_nodes".
std::string key_of(std::string name) {
  for (char& letter : name)
    letter = letter == ' ' ? '_' : static_cast<char>(std::tolower(static_cast<unsigned char>(letter)));
  return name;
}

std::string kilobytes(std::int64_t bytes) { return std::to_string((bytes + 500) / 1000); }

/// Of loops, for each type the levels that there are: "f32 plain 12, v3 10; f64 plain 11".
void add_levels(const std::string& name, std::string& text, Json& json) {
  for (const std::string type : {"f32", "f64"}) {
    if (bytes_of(name, type) == 0) continue;
    text += (text.empty() ? "" : "; ") + type;
    Json levels = Json::object();
    bool is_first = true;
    for (const std::string level : {"plain", "v3", "v4"})
      if (const std::int64_t bytes = bytes_of(name, type, level); bytes > 0) {
        text += (is_first ? " " : ", ") + level + " " + kilobytes(bytes);
        levels.add(level, bytes);
        is_first = false;
      }
    json.add(type, levels);
  }
}

}  // namespace

Facts facts_of_library() {
  if (parts().empty()) return {};
  std::string text = kilobytes(bytes_of({})) + " kB: ";
  Json json = Json::object({{"bytes", bytes_of({})}}), of_parts = Json::object();
  std::vector<std::string> names;
  for (const Part& part : parts())
    if (std::ranges::find(names, part.name) == names.end()) names.push_back(part.name);
  std::ranges::stable_sort(names, std::greater(), [](const std::string& name) { return bytes_of(name); });
  for (const std::string& name : names) {
    text += (&name == &names[0] ? "" : ", ") + name + " " + kilobytes(bytes_of(name));
    std::string levels;
    Json of_levels = Json::object({{"bytes", bytes_of(name)}});
    add_levels(name, levels, of_levels);
    if (!levels.empty()) text += " (" + levels + ")";
    of_parts.add(key_of(name), levels.empty() ? Json(bytes_of(name)) : of_levels);
  }
  json.add("parts", of_parts);
  return {{"library", text, "library", json}};
}

}  // namespace retrograd::tool
