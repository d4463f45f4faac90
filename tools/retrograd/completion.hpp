// Scripts by which a shell completes the program's command line.
#pragma once

#include <string>

#include "command_line.hpp"

namespace retrograd::tool {

/// The script for "bash", "zsh" or "fish".
std::string completion_for(const std::string& shell, const Program& program);

}  // namespace retrograd::tool
