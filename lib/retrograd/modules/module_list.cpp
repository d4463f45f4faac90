#include <retrograd/modules/all.hpp>
#include <retrograd/modules/module_list.hpp>
#include <retrograd/modules/note.hpp>
#include <retrograd/tensor/errors.hpp>

#include <algorithm>

namespace retrograd {

namespace {

bool is_name(std::string_view name) {
  return !name.empty() && std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
  });
}

}  // namespace

ModuleList::ModuleList() {
  for (const ModuleType& type : all_modules) types_.push_back(&type);
}

void ModuleList::add(const ModuleType* type) {
  const std::string name = type->name;
  if (!is_name(name))
    raise<DomainError>("[modules] a module type cannot be named '" + name +
                       "'; names are letters, digits and _");
  if (find(name) != nullptr || name == note_module().name)
    raise<DomainError>("[modules] there is a module type named " + name +
                       " already; give yours another name");
  types_.push_back(type);
}

void ModuleList::remove(std::string_view name) {
  std::erase_if(types_, [&](const ModuleType* type) { return type->name == name; });
}

const ModuleType* ModuleList::find(std::string_view name) const {
  const auto found =
      std::ranges::find(types_, name, [](const ModuleType* type) { return std::string_view(type->name); });
  return found == types_.end() ? nullptr : *found;
}

const ModuleType& note_module() {
  static constexpr ModuleType note = type_of<NoteModule>();
  return note;
}

}  // namespace retrograd
