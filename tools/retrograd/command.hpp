// The subcommands: each file of one adds it, with its options, to the program's command line.
#pragma once

#include <functional>

#include "exit_codes.hpp"

namespace CLI {
class App;
}

namespace retrograd::tool {

/// What the command line asked for, run when all of it has been read. May raise any Error of the library.
using Action = std::function<ExitCode()>;

/// Each adds one subcommand, which sets `action` when the command line names it.
void add_render(CLI::App& program, Action& action);
void add_play(CLI::App& program, Action& action);
void add_gradient(CLI::App& program, Action& action);
void add_gradcheck(CLI::App& program, Action& action);
void add_fit(CLI::App& program, Action& action);
void add_bench(CLI::App& program, Action& action);
void add_info(CLI::App& program, Action& action);

}  // namespace retrograd::tool
