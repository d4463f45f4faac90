// The result of a benchmark, as a table, as Markdown or as JSON.
#pragma once

#include <ostream>
#include <string>
#include <vector>

#include "rows.hpp"

namespace retrograd::tool {

struct Measured {
  std::string name, unit;
  Goal goal;
  Figure figure;
};

/// What the figures were measured on.
struct Machine {
  std::string processor;  ///< the model, as the system names it
  std::string simd;       ///< the level in use
  int cores;
};
Machine this_machine();

void print_text(std::ostream& out, const std::vector<Measured>& rows);
void print_markdown(std::ostream& out, const std::vector<Measured>& rows, const Machine& machine,
                    const std::string& command);
void print_json(std::ostream& out, const std::vector<Measured>& rows, const Machine& machine, int threads);

}  // namespace retrograd::tool
