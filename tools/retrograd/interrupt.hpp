// Ctrl-C and its kind, taken as a request to come to an end.
#pragma once

namespace retrograd::tool {

/// While it lives, the first SIGINT (Ctrl-C), SIGTERM (kill, a system that shuts down) or SIGHUP (a terminal
/// that closes) is only noted; a second signal of any of these does what it did before, that is, ends the program
/// at once. A signal that is ignored stays ignored. One at a time.
class Interrupt {
 public:
  Interrupt();
  ~Interrupt();
  Interrupt(const Interrupt&) = delete;
  Interrupt& operator=(const Interrupt&) = delete;

  bool is_requested() const;
};

}  // namespace retrograd::tool
