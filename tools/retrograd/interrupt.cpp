// Ctrl-C, taken as a request to come to an end.
#include "interrupt.hpp"

namespace retrograd::tool {
namespace {

volatile std::sig_atomic_t requested = 0;
struct sigaction before;

void note(int signal) {
  requested = 1;
  ::sigaction(signal, &before, nullptr);
}

}  // namespace

Interrupt::Interrupt() {
  requested = 0;
  ::sigaction(SIGINT, nullptr, &before);
  if (before.sa_handler == SIG_IGN) return;  // in the background of a shell, or under nohup
  struct sigaction action {};
  action.sa_handler = note;
  action.sa_flags = SA_RESTART;
  ::sigaction(SIGINT, &action, nullptr);
}

Interrupt::~Interrupt() { ::sigaction(SIGINT, &before, nullptr); }

bool Interrupt::is_requested() const { return requested != 0; }

}  // namespace retrograd::tool
