// What the program's exit code says to the shell that ran it.
#pragma once

namespace retrograd::tool {

enum class ExitCode {
  done = 0,
  check_failed = 1,
  bad_usage = 2,
  bad_input = 3,  ///< also an output that cannot be written, and too little memory
  no_device = 4,
  broken = 70,  ///< a mistake of the program's own
};

}  // namespace retrograd::tool
