// The kinds of modules that a rack file may name: those of the library, and a host's own.
//
//     ModuleList modules;                      // all of the library's
//     modules.add(&my_filter);                 // a ModuleType that outlives the racks made with it
//     Rack rack = load_rack("bass.toml", modules);
#pragma once

#include <retrograd/modules/module.hpp>

#include <string_view>
#include <vector>

namespace retrograd {

/// Kinds of modules, by their names.
class ModuleList {
 public:
  /// Those of the library.
  ModuleList();

  /// Adds a kind; DomainError where the list has one of that name, or where a name is not one that files can hold:
  /// letters, digits and _.
  void add(const ModuleType* type);
  /// Takes a kind out: files that name it are refused from then on. Nothing where there is none of that name.
  void remove(std::string_view name);
  /// Null where there is none of that name.
  const ModuleType* find(std::string_view name) const;
  /// In the order in which they were added, the library's first.
  const std::vector<const ModuleType*>& types() const { return types_; }

 private:
  std::vector<const ModuleType*> types_;
};

/// The note, which every rack has and no list names.
const ModuleType& note_module();

}  // namespace retrograd
