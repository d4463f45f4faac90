// The subcommands: each file of one adds it, with its options, to the program's command line.
#pragma once

#include "command_line.hpp"

namespace retrograd::tool {

void add_render(Program& program);
void add_play(Program& program);
void add_patch(Program& program);
void add_modules(Program& program);
void add_graph(Program& program);
void add_convert(Program& program);
void add_export_lv2(Program& program);
void add_gradient(Program& program);
void add_gradcheck(Program& program);
void add_fit(Program& program);
void add_bench(Program& program);
void add_info(Program& program);
void add_help(Program& program);
void add_completion(Program& program);

}  // namespace retrograd::tool
