// retrograd help: what --help says, asked in the other way.
#include <iostream>
#include <memory>

#include "command.hpp"
#include "usage_error.hpp"

namespace retrograd::tool {

void add_help(Program& program) {
  const auto name = std::make_shared<std::string>();
  Command command = program.add("help", "Show the help of the program, or of a subcommand");
  command.option("SUBCOMMAND", *name, "The subcommand; the whole program where not given").value_name("");
  command.runs([&program, name] {
    const std::optional<std::string> help = program.help_of(*name);
    if (!help) throw UsageError("help", "'" + *name + "' is no subcommand; 'retrograd help' lists them");
    std::cout << *help;
    return ExitCode::done;
  });
}

}  // namespace retrograd::tool
