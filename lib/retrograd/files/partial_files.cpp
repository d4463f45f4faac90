// The files beside their targets that are being written, so that a program that is ended leaves none.
#include <retrograd/files/partial_files.hpp>

#include <unistd.h>

#include <array>
#include <atomic>
#include <csignal>
#include <cstring>

namespace retrograd {
namespace {

struct Slot {
  enum State { empty, taken, named };
  std::atomic<int> state{empty};
  std::array<char, 4096> name{};
};
using Slots = std::array<Slot, 16>;

// Null until a program asks. It is never freed: a signal may come until the very end.
std::atomic<Slots*> slots = nullptr;
static_assert(std::atomic<Slots*>::is_always_lock_free && std::atomic<int>::is_always_lock_free,
              "what a signal's handler reads must not lock");

void remove_partial_files_and_end(int signal) {
  if (Slots* const all = slots.load())
    for (const Slot& slot : *all)
      if (slot.state.load() == Slot::named) ::unlink(slot.name.data());
  ::signal(signal, SIG_DFL);
  ::raise(signal);
}

}  // namespace

void remove_partial_files_on_signals() {
  if (slots.load() == nullptr) {
    auto* const made = new Slots;
    Slots* none = nullptr;
    if (!slots.compare_exchange_strong(none, made)) delete made;
  }
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
    struct sigaction before {};
    ::sigaction(signal, nullptr, &before);
    if (before.sa_handler == SIG_IGN) continue;  // in the background of a shell, or under nohup
    struct sigaction action {};
    action.sa_handler = remove_partial_files_and_end;
    ::sigaction(signal, &action, nullptr);
  }
}

void remember_partial_file(const std::string& name) {
  Slots* const all = slots.load();
  if (all == nullptr) return;
  for (Slot& slot : *all) {
    int empty = Slot::empty;
    if (name.size() >= slot.name.size() || !slot.state.compare_exchange_strong(empty, Slot::taken)) continue;
    std::memcpy(slot.name.data(), name.c_str(), name.size() + 1);
    slot.state.store(Slot::named);
    return;
  }
}

void forget_partial_file(const std::string& name) {
  Slots* const all = slots.load();
  if (all == nullptr) return;
  for (Slot& slot : *all)
    if (slot.state.load() == Slot::named && name == slot.name.data()) slot.state.store(Slot::empty);
}

}  // namespace retrograd
