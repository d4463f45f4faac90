// The 128 lanes of a block on the host: real threads, or fibers of the calling thread.
//
// Threads are what ThreadSanitizer can watch, but a meeting of 128 on two cores takes a tenth of a millisecond. Fibers
// meet in microseconds; which of them runs on is drawn by lot, so that a missing barrier is seen in the results.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <type_traits>

namespace retrograd::cuda {

/// Lanes that do not all come to the same barriers, or that meet for different things.
struct LanesError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// What lanes meet for.
enum class Operation { barrier, sum_of_lanes, least, add_earlier, add_later_of_16, shuffle, next_block, end };
const char* name(Operation operation);

/// A function that is called while the one who passes it waits.
class FunctionView {
 public:
  template <class Function>
  FunctionView(const Function& function)
      : function_(&function), call_([](const void* f, int lane) {
          if constexpr (std::is_invocable_v<const Function&, int>)
            (*static_cast<const Function*>(f))(lane);
          else
            (*static_cast<const Function*>(f))();
        }) {}
  void operator()(int lane = 0) const { call_(function_, lane); }

 private:
  const void* function_;
  void (*call_)(const void*, int);
};

class Lanes {
 public:
  static constexpr int count = 128;

  virtual ~Lanes() = default;
  virtual const char* kind() const = 0;

  /// Runs `body(lane)` on every lane, and returns when all have; throws what the first of them threw. LanesError where
  /// some wait for others who will not come.
  virtual void run(FunctionView body) = 0;

  /// Called by each lane: waits for the others of its `members`, 128, 32 or 16 lanes. The last to come calls `complete`
  /// before any goes on.
  virtual void meet(int lane, int members, Operation operation, FunctionView complete) = 0;

  /// The lane that calls.
  static int current();

  static std::unique_ptr<Lanes> threads();
  /// Null where this compiler and processor have none, or ThreadSanitizer watches.
  static std::unique_ptr<Lanes> fibers(std::uint64_t seed);
};

}  // namespace retrograd::cuda
