// Ctrl-C, taken as a request to come to an end.
#pragma once

#include <csignal>

namespace retrograd::tool {

/// While it lives, the first Ctrl-C (SIGINT) is only noted; a second one does what it did before, that is,
/// ends the program at once. One at a time.
class Interrupt {
 public:
  Interrupt();
  ~Interrupt();
  Interrupt(const Interrupt&) = delete;
  Interrupt& operator=(const Interrupt&) = delete;

  bool is_requested() const;
};

}  // namespace retrograd::tool
