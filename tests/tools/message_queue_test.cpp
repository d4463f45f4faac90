// Messages from one thread to another.
#include <doctest/doctest.h>

#include <thread>

#include "../../tools/retrograd/message_queue.hpp"

using namespace retrograd::tool;

TEST_CASE("a queue gives what it was given, in order, and refuses more than it holds") {
  MessageQueue queue;
  CHECK(queue.front() == nullptr);
  for (int round = 0; round < 3; ++round) {
    for (std::size_t i = 0; i < MessageQueue::capacity; ++i)
      REQUIRE(
          queue.push({{0x90, static_cast<unsigned char>(i % 128), static_cast<unsigned char>(i / 128)}, 3}));
    CHECK_FALSE(queue.was_full());
    CHECK_FALSE(queue.push({{0x80, 0, 0}, 3}));
    CHECK_FALSE(queue.was_full());  // not before those that came earlier are taken
    for (std::size_t i = 0; i < MessageQueue::capacity; ++i) {
      REQUIRE(queue.front() != nullptr);
      REQUIRE(queue.front()->bytes[1] == i % 128);
      REQUIRE(queue.front()->bytes[2] == i / 128);
      queue.pop();
    }
    CHECK(queue.front() == nullptr);
    CHECK(queue.was_full());
    CHECK_FALSE(queue.was_full());
  }
}

TEST_CASE("between two threads nothing is lost, doubled, torn or out of order") {
  MessageQueue queue;
  constexpr int total = 300000;
  std::thread pushing([&] {
    for (int i = 0; i < total;) {
      const auto low = static_cast<unsigned char>(i % 128), high = static_cast<unsigned char>(i / 128 % 128);
      if (queue.push({{static_cast<unsigned char>(low ^ high), low, high}, 3}))
        ++i;
      else
        std::this_thread::yield();
    }
  });
  int wrong = 0;
  for (int i = 0; i < total;) {
    const ShortMessage* message = queue.front();
    if (message == nullptr) {
      std::this_thread::yield();
      continue;
    }
    wrong += message->bytes[1] != i % 128 || message->bytes[2] != i / 128 % 128 ||
             message->bytes[0] != (message->bytes[1] ^ message->bytes[2]);
    queue.pop();
    ++i;
  }
  pushing.join();
  CHECK(wrong == 0);
  CHECK(queue.front() == nullptr);
}
