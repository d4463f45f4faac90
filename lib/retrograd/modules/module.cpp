#include <retrograd/modules/module.hpp>

namespace retrograd {

const char* to_string(Unit unit) {
  constexpr const char* names[] = {"", "Hz", "s", "st", "dB", "rad", "turns"};
  return names[static_cast<int>(unit)];
}

Description describe(const ModuleType& type, const StructureValues& structure) {
  Description description;
  type.describe(structure, description);
  return description;
}

StructureValues usual_structure(const ModuleType& type) {
  StructureValues values;
  for (const Structure& one : type.structure) values.push_back(one.usual);
  return values;
}

}  // namespace retrograd
