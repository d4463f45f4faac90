#include "lanes.hpp"

#include <retrograd/math/floating_point.hpp>

#include <atomic>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

#if defined(__SANITIZE_THREAD__)
#define RETROGRAD_FIBERS 0
#elif defined(__x86_64__) && defined(__linux__)
#define RETROGRAD_FIBERS 1
#else
#define RETROGRAD_FIBERS 0
#endif

#if RETROGRAD_FIBERS
#include <sys/mman.h>
#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/common_interface_defs.h>
#endif
#endif

namespace retrograd::cuda {

const char* name(Operation operation) {
  switch (operation) {
    case Operation::barrier:
      return "barrier";
    case Operation::sum_of_lanes:
      return "sum_of_lanes";
    case Operation::least:
      return "least";
    case Operation::add_earlier:
      return "add_earlier";
    case Operation::add_later_of_16:
      return "add_later_of_16";
    case Operation::shuffle:
      return "a shuffle";
    case Operation::next_block:
      return "the next block";
    case Operation::end:
      return "the kernel's end";
  }
  return "?";
}

namespace {

thread_local int current_lane = 0;

// All, the warps, the sixteens.
constexpr int meetings = 1 + 4 + 8;
std::size_t meeting_of(int lane, int members) {
  return static_cast<std::size_t>(members == 128 ? 0 : members == 32 ? 1 + lane / 32 : 5 + lane / 16);
}

/// Unwinds a lane whose run has failed already.
struct Abandoned {};

std::string lane_and(int lane, Operation operation) {
  return "lane " + std::to_string(lane) + " is at " + name(operation);
}

std::string different(int lane, Operation operation, int first_lane, Operation first) {
  return "lanes of one block meet for different things: " + lane_and(lane, operation) + ", and " +
         lane_and(first_lane, first);
}

std::size_t index(int i) { return static_cast<std::size_t>(i); }

/// Where each lane waits, when none can go on.
template <class Waiting>
std::string stuck(const Waiting& waiting) {
  std::string message = "no lane can go on:";
  for (int lane = 0; lane < Lanes::count;) {
    int last = lane;
    while (last + 1 < Lanes::count && waiting[index(last + 1)] == waiting[index(lane)]) ++last;
    message += (lane > 0 ? ", lanes " : " lanes ") + std::to_string(lane) + " to " + std::to_string(last) +
               " wait at " + name(waiting[index(lane)]);
    lane = last + 1;
  }
  return message;
}

class ThreadLanes final : public Lanes {
 public:
  ThreadLanes() {
    for (int lane = 0; lane < count; ++lane) threads_.emplace_back([this, lane] { live(lane); });
  }
  ~ThreadLanes() override {
    body_ = nullptr;
    job_.fetch_add(1, std::memory_order_release);
    job_.notify_all();
    for (std::thread& thread : threads_) thread.join();
  }
  const char* kind() const override { return "threads"; }

  void run(FunctionView body) override {
    for (Meeting& meeting : meetings_) meeting.arrived = 0;
    waiting_ = 0;
    running_ = count;
    failed_ = false;
    failure_ = nullptr;
    body_ = &body;
    job_.fetch_add(1, std::memory_order_release);
    job_.notify_all();
    for (int left = running_.load(std::memory_order_acquire); left > 0;
         left = running_.load(std::memory_order_acquire))
      running_.wait(left, std::memory_order_acquire);
    if (failure_) std::rethrow_exception(failure_);
  }

  void meet(int lane, int members, Operation operation, FunctionView complete) override {
    Meeting& meeting = meetings_[meeting_of(lane, members)];
    unsigned generation;
    {
      const std::lock_guard lock(meeting.mutex);
      if (failed_) throw Abandoned();
      if (meeting.arrived == 0) meeting.operation = operation, meeting.first_lane = lane;
      if (meeting.operation != operation)
        throw LanesError(different(lane, operation, meeting.first_lane, meeting.operation));
      generation = meeting.generation.load(std::memory_order_acquire);
      where_[index(lane)].store(operation, std::memory_order_relaxed);
      if (++meeting.arrived == members) {
        complete();
        meeting.arrived = 0;
        waiting_.fetch_sub(members - 1, std::memory_order_relaxed);
        meeting.generation.fetch_add(1, std::memory_order_release);
        meeting.generation.notify_all();
        return;
      }
      if (waiting_.fetch_add(1, std::memory_order_relaxed) + 1 == count) throw LanesError(stuck(where_));
    }
    while (!failed_ && meeting.generation.load(std::memory_order_acquire) == generation)
      meeting.generation.wait(generation, std::memory_order_acquire);
    if (failed_) throw Abandoned();
  }

 private:
  /// Each has a mutex of its own: one for all would order, for ThreadSanitizer, lanes that do not meet.
  struct Meeting {
    std::mutex mutex;
    int arrived = 0, first_lane = 0;
    Operation operation = Operation::barrier;
    std::atomic<unsigned> generation = 0;
  };

  void live(int lane) {
    const math::DefaultFloatingPoint environment;
    current_lane = lane;
    for (unsigned done = 0;;) {
      job_.wait(done, std::memory_order_acquire);
      done = job_.load(std::memory_order_acquire);
      if (body_ == nullptr) return;
      try {
        (*body_)(lane);
        meet(lane, count, Operation::end, [] {});
      } catch (const Abandoned&) {
      } catch (...) {
        fail(std::current_exception());
      }
      if (running_.fetch_sub(1, std::memory_order_acq_rel) == 1) running_.notify_all();
    }
  }

  void fail(std::exception_ptr failure) {
    {
      const std::lock_guard lock(failure_mutex_);
      if (!failure_) failure_ = std::move(failure);
    }
    failed_ = true;
    for (Meeting& meeting : meetings_) {
      meeting.generation.fetch_add(1, std::memory_order_release);
      meeting.generation.notify_all();
    }
  }

  std::vector<std::thread> threads_;
  const FunctionView* body_ = nullptr;
  std::atomic<unsigned> job_ = 0;
  std::atomic<int> running_ = 0, waiting_ = 0;
  std::atomic<bool> failed_ = false;
  std::mutex failure_mutex_;
  std::exception_ptr failure_;
  std::array<std::atomic<Operation>, count> where_;
  std::array<Meeting, meetings> meetings_;
};

#if RETROGRAD_FIBERS

// Saves what a call keeps, and the stack it is on in *from; goes on where `to` was saved.
extern "C" void retrograd_switch_stack(void** from, void* to);
asm(R"(
.text
.type retrograd_switch_stack, @function
retrograd_switch_stack:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
.size retrograd_switch_stack, .-retrograd_switch_stack
)");

class FiberLanes final : public Lanes {
 public:
  explicit FiberLanes(std::uint64_t seed) : random_(seed * 2 + 1) {
    void* memory =
        mmap(nullptr, all_stacks, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) throw std::bad_alloc();
    memory_ = static_cast<std::byte*>(memory);
    for (int lane = 0; lane < count; ++lane)  // below each, so that one that is too small is a crash
      if (mprotect(memory_ + stack_bytes * index(lane), page, PROT_NONE) != 0) throw std::bad_alloc();
  }
  ~FiberLanes() override { munmap(memory_, all_stacks); }
  const char* kind() const override { return "fibers"; }

  void run(FunctionView body) override {
    const math::DefaultFloatingPoint environment;
    body_ = &body;
    failure_ = nullptr;
    running_ = count;
    for (Meeting& meeting : meetings_) meeting.arrived = 0;
    ready_count_ = 0;
    for (int lane = 0; lane < count; ++lane) {
      prepare(lane);
      ready_[index(ready_count_++)] = lane;
    }
    while (running_ > 0) {
      if (ready_count_ == 0) fail(std::make_exception_ptr(LanesError(stuck(where_))), -1);
      const int chosen = static_cast<int>(draw() % static_cast<unsigned>(ready_count_));
      current_ = ready_[index(chosen)];
      ready_[index(chosen)] = ready_[index(--ready_count_)];
      switch_to_lane();
    }
    if (failure_) std::rethrow_exception(failure_);
  }

  void meet(int lane, int members, Operation operation, FunctionView complete) override {
    Meeting& meeting = meetings_[meeting_of(lane, members)];
    if (failure_) throw Abandoned();
    if (meeting.arrived == 0) meeting.operation = operation, meeting.first_lane = lane;
    if (meeting.operation != operation)
      throw LanesError(different(lane, operation, meeting.first_lane, meeting.operation));
    where_[index(lane)] = operation;
    if (++meeting.arrived == members) {
      complete();
      meeting.arrived = 0;
      const int first = lane / members * members;
      for (int member = first; member < first + members; ++member) ready_[index(ready_count_++)] = member;
    }
    switch_to_scheduler();
    if (failure_) throw Abandoned();
  }

 private:
  static constexpr std::size_t page = 4096, stack_bytes = 256 * 1024,
                               all_stacks = stack_bytes * static_cast<std::size_t>(count);

  struct Meeting {
    int arrived = 0, first_lane = 0;
    Operation operation = Operation::barrier;
  };

  std::uint64_t draw() {  // xorshift64*
    random_ ^= random_ >> 12, random_ ^= random_ << 25, random_ ^= random_ >> 27;
    return (random_ * 0x2545F4914F6CDD1Du) >> 33;
  }

  /// All lanes that wait go on, to unwind; `running` does not.
  void fail(std::exception_ptr failure, int running) {
    if (failure_) return;
    failure_ = std::move(failure);
    std::array<bool, count> is_ready = has_ended_;
    for (int i = 0; i < ready_count_; ++i) is_ready[index(ready_[index(i)])] = true;
    for (int lane = 0; lane < count; ++lane)
      if (!is_ready[index(lane)] && lane != running) ready_[index(ready_count_++)] = lane;
  }

  void prepare(int lane) {
    const auto l = index(lane);
    has_ended_[l] = false;
    // As retrograd_switch_stack leaves a stack: six registers, the place to go on, and 8 bytes so that it begins with
    // the alignment of a function that was called.
    void** top = reinterpret_cast<void**>(memory_ + stack_bytes * (l + 1)) - 1;
    *--top = reinterpret_cast<void*>(&begin_lane);
    for (int i = 0; i < 6; ++i) *--top = nullptr;
    stacks_[l] = top;
  }

  [[noreturn]] static void begin_lane() {
    FiberLanes& lanes = *running_here_;
    lanes.arrived_in_lane(nullptr);
    lanes.live(lanes.current_);
    std::terminate();
  }
  void live(int lane) {
    try {
      (*body_)(lane);
      meet(lane, count, Operation::end, [] {});
    } catch (const Abandoned&) {
    } catch (...) {
      fail(std::current_exception(), lane);
    }
    --running_;
    has_ended_[index(lane)] = true;
    switch_to_scheduler();
  }

#if defined(__SANITIZE_ADDRESS__)
  void switch_to_lane() {
    running_here_ = this;
    current_lane = current_;
    const auto lane = static_cast<std::size_t>(current_);
    void* fake = nullptr;
    __sanitizer_start_switch_fiber(&fake, memory_ + stack_bytes * lane + page, stack_bytes - page);
    retrograd_switch_stack(&scheduler_, stacks_[lane]);
    __sanitizer_finish_switch_fiber(fake, nullptr, nullptr);
  }
  void arrived_in_lane(void* fake) {
    __sanitizer_finish_switch_fiber(fake, &scheduler_bottom_, &scheduler_bytes_);
  }
  void switch_to_scheduler() {
    const auto lane = static_cast<std::size_t>(current_);
    void* fake = nullptr;
    __sanitizer_start_switch_fiber(has_ended_[lane] ? nullptr : &fake, scheduler_bottom_, scheduler_bytes_);
    retrograd_switch_stack(&stacks_[lane], scheduler_);
    arrived_in_lane(fake);
  }
  const void* scheduler_bottom_ = nullptr;
  std::size_t scheduler_bytes_ = 0;
#else
  void switch_to_lane() {
    running_here_ = this;
    current_lane = current_;
    retrograd_switch_stack(&scheduler_, stacks_[static_cast<std::size_t>(current_)]);
  }
  void arrived_in_lane(void*) {}
  void switch_to_scheduler() {
    retrograd_switch_stack(&stacks_[static_cast<std::size_t>(current_)], scheduler_);
  }
#endif

  static thread_local FiberLanes* running_here_;

  std::uint64_t random_;
  std::byte* memory_ = nullptr;
  const FunctionView* body_ = nullptr;
  std::exception_ptr failure_;
  int running_ = 0, ready_count_ = 0, current_ = 0;
  std::array<int, count> ready_{};
  std::array<bool, count> has_ended_{};
  std::array<void*, count> stacks_{};
  void* scheduler_ = nullptr;
  std::array<Operation, count> where_{};
  std::array<Meeting, meetings> meetings_{};
};

thread_local FiberLanes* FiberLanes::running_here_ = nullptr;

#endif

}  // namespace

int Lanes::current() { return current_lane; }

std::unique_ptr<Lanes> Lanes::threads() { return std::make_unique<ThreadLanes>(); }

std::unique_ptr<Lanes> Lanes::fibers([[maybe_unused]] std::uint64_t seed) {
#if RETROGRAD_FIBERS
  return std::make_unique<FiberLanes>(seed);
#else
  return nullptr;
#endif
}

}  // namespace retrograd::cuda
