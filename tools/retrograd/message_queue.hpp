// MIDI messages on their way from one thread to another.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>

namespace retrograd::tool {

/// One message of 1 to 3 bytes.
struct ShortMessage {
  std::array<unsigned char, 3> bytes{};
  int count = 0;
};

/// First in, first out, from one thread that pushes to one that pops. Neither ever waits, locks or allocates.
class MessageQueue {
 public:
  static constexpr std::size_t capacity = 1024;

  /// False, and the message is lost, where `capacity` messages wait. The one that pops is told.
  bool push(const ShortMessage& message) noexcept {
    const std::size_t end = end_.load(std::memory_order_relaxed);
    if (end - begin_.load(std::memory_order_acquire) == capacity) {
      was_full_.store(true, std::memory_order_release);
      return false;
    }
    messages_[end % capacity] = message;
    end_.store(end + 1, std::memory_order_release);
    return true;
  }

  /// Whether messages were lost since this was asked last, and none waits any more that came before them.
  bool was_full() noexcept {
    return front() == nullptr && was_full_.load(std::memory_order_relaxed) &&
           was_full_.exchange(false, std::memory_order_acquire);
  }
  /// The oldest message, which stays; null where there is none.
  const ShortMessage* front() const noexcept {
    const std::size_t begin = begin_.load(std::memory_order_relaxed);
    return begin == end_.load(std::memory_order_acquire) ? nullptr : &messages_[begin % capacity];
  }
  /// Removes what front() gave.
  void pop() noexcept { begin_.store(begin_.load(std::memory_order_relaxed) + 1, std::memory_order_release); }

 private:
  std::array<ShortMessage, capacity> messages_{};
  std::atomic<bool> was_full_{false};
  // On cache lines of their own: each is written by another thread.
  alignas(64) std::atomic<std::size_t> begin_{0};
  alignas(64) std::atomic<std::size_t> end_{0};
};

}  // namespace retrograd::tool
