// What is known of a file or of the program: lines for people, and members of a JSON object for programs.
#include "facts.hpp"

#include <algorithm>
#include <iostream>

namespace retrograd::tool {

void print_facts(const Facts& facts) {
  std::size_t width = 0;
  for (const Fact& fact : facts) width = std::max(width, fact.name.size());
  for (const Fact& fact : facts)
    if (!fact.name.empty())
      std::cout << fact.name << std::string(width + 2 - fact.name.size(), ' ') << fact.text << '\n';
}

void add_facts(Json& object, const Facts& facts) {
  for (const Fact& fact : facts)
    if (!fact.key.empty()) object.add(fact.key, fact.value);
}

}  // namespace retrograd::tool
