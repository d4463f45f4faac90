// Ctrl-C and its kind, taken as a request to come to an end.
#include "interrupt.hpp"

#include <array>
#include <csignal>

namespace retrograd::tool {
namespace {

constexpr std::array signals{SIGINT, SIGTERM, SIGHUP};

volatile std::sig_atomic_t requested = 0;
std::array<struct sigaction, signals.size()> before;

void put_back() {
  for (std::size_t i = 0; i < signals.size(); ++i) ::sigaction(signals[i], &before[i], nullptr);
}

void note(int) {
  requested = 1;
  put_back();
}

}  // namespace

Interrupt::Interrupt() {
  requested = 0;
  for (std::size_t i = 0; i < signals.size(); ++i) ::sigaction(signals[i], nullptr, &before[i]);
  for (std::size_t i = 0; i < signals.size(); ++i) {
    if (before[i].sa_handler == SIG_IGN) continue;  // in the background of a shell, or under nohup
    struct sigaction action {};
    action.sa_handler = note;
    action.sa_flags = SA_RESTART;
    for (const int signal : signals) ::sigaddset(&action.sa_mask, signal);
    ::sigaction(signals[i], &action, nullptr);
  }
}

Interrupt::~Interrupt() { put_back(); }

bool Interrupt::is_requested() const { return requested != 0; }

}  // namespace retrograd::tool
