// What is known of a file or of the program: lines for people, and members of a JSON object for programs.
#pragma once

#include <string>
#include <vector>

#include "json.hpp"

namespace retrograd::tool {

struct Fact {
  std::string name, text;  ///< for people; without a name only programs are told
  std::string key;         ///< of the JSON object; without one only people are told
  Json value;
};
using Facts = std::vector<Fact>;

/// Names and texts in two columns, on stdout.
void print_facts(const Facts& facts);

/// Adds them to an object.
void add_facts(Json& object, const Facts& facts);

}  // namespace retrograd::tool
