// Runs a Python script in a process of its own.
#pragma once

#include <string>

namespace retrograd::tool {

struct PythonResult {
  int exit_code;  ///< 127 where there is no such program, 128 and more where a signal ended it
  std::string out, err;
};

/// `program -c script`, with `input` on its standard input.
PythonResult run_python(const std::string& program, const std::string& script, const std::string& input);

}  // namespace retrograd::tool
