#include <retrograd/tape/executor.hpp>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <new>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

namespace retrograd {

namespace {

// Waits until `is_so()`, but not for long: then the caller sleeps. A thread that sleeps is woken some 80 us late, and the
// stages of a plan follow one another sooner than that.
template <class IsSo>
void wait_a_little(const IsSo& is_so) {
  using Clock = std::chrono::steady_clock;
  const Clock::time_point end = Clock::now() + std::chrono::microseconds(200);
  while (!is_so() && Clock::now() < end) std::this_thread::yield();
}

// The first exception of several tasks.
class FirstException {
 public:
  /// Keeps the exception that is being handled.
  void take() noexcept {
    if (!was_taken_.exchange(true, std::memory_order_relaxed)) exception_ = std::current_exception();
  }
  bool is_there() const noexcept { return was_taken_.load(std::memory_order_relaxed); }
  /// When all tasks have ended.
  void rethrow() {
    if (exception_) std::rethrow_exception(std::exchange(exception_, nullptr));
  }

 private:
  std::atomic<bool> was_taken_{false};
  std::exception_ptr exception_;
};

// A pool whose task this thread runs, and as which worker; then the pool whose task called that one, and so on.
struct Inside {
  const void* pool;
  int worker;
  const Inside* caller;
};
thread_local const Inside* inside = nullptr;

const Inside* find_inside(const void* pool) {
  for (const Inside* each = inside; each != nullptr; each = each->caller)
    if (each->pool == pool) return each;
  return nullptr;
}

}  // namespace

void run_to_the_end(Executor& executor, int count, Executor::Task task) {
  struct Guarded {
    Executor::Task task;
    FirstException exception;
  } guarded{task, {}};
  executor.run(count, {[](void* context, int i, int worker) {
                         auto& of = *static_cast<Guarded*>(context);
                         if (of.exception.is_there()) return;
                         try {
                           of.task(i, worker);
                         } catch (...) {
                           of.exception.take();
                         }
                       },
                       &guarded});
  guarded.exception.rethrow();
}

struct ThreadPool::State {
  std::mutex mutex;
  std::condition_variable work, done, turn;
  Task task{};
  const Inside* caller = nullptr;  // what the call that is being run comes from
  std::exception_ptr exception;    // of one of its tasks
  int count = 0, next = 0;
  unsigned arrived = 0;  // calls so far
  bool stop = false;
  // Written under the mutex like the others; these are looked at without it too.
  std::atomic<unsigned> calls{0};  // how often there was something new for the workers
  std::atomic<int> running{0};
  std::atomic<unsigned> ended{0};  // calls that have; the next in order is being run
  std::vector<std::thread> threads;

  // Takes tasks until none is left. `lock` is held on entry and on exit.
  void take_tasks(std::unique_lock<std::mutex>& lock, int worker) {
    while (next < count) {
      const int mine = next++;
      const Task current = task;
      ++running;
      const Inside here{this, worker, caller}, *const outside = std::exchange(inside, &here);
      lock.unlock();
      std::exception_ptr thrown;
      try {
        current(mine, worker);
      } catch (...) {
        thrown = std::current_exception();
      }
      lock.lock();
      inside = outside;
      if (thrown) {
        if (!exception) exception = std::move(thrown);
        next = count;
      }
      --running;
    }
    if (running == 0) done.notify_all();
  }

  // Starts the workers but the caller. False where the system gives fewer; those started go on waiting.
  bool start(int workers) {
    stop = false;
    try {
      for (int worker = 1; worker < workers; ++worker)
        threads.emplace_back([this, worker] {
          std::unique_lock lock(mutex);
          while (true) {
            const unsigned known = calls;
            lock.unlock();
            wait_a_little([&] { return calls != known; });
            lock.lock();
            work.wait(lock, [this] { return stop || next < count; });
            if (stop) return;
            take_tasks(lock, worker);
          }
        });
    } catch (const std::system_error&) {
      return false;
    } catch (const std::bad_alloc&) {
      return false;
    }
    return true;
  }

  void end() {
    {
      const std::lock_guard lock(mutex);
      stop = true;
      ++calls;
    }
    work.notify_all();
    for (std::thread& thread : threads) thread.join();
    threads.clear();
  }
};

ThreadPool::ThreadPool(int threads) : state_(std::make_unique<State>()) {
  int workers = threads > 0 ? threads : static_cast<int>(std::thread::hardware_concurrency());
  while (!state_->start(workers)) {
    // Half of those that could be started: all of them would leave no memory for the work itself.
    workers = static_cast<int>(state_->threads.size()) / 2 + 1;
    state_->end();
  }
}

ThreadPool::~ThreadPool() { state_->end(); }

int ThreadPool::workers() const { return static_cast<int>(state_->threads.size()) + 1; }

void ThreadPool::run(int count, Task task) {
  const auto run_here = [&](int worker) {
    for (int i = 0; i < count; ++i) task(i, worker);
  };
  State& state = *state_;
  if (const Inside* here = find_inside(&state)) return run_here(here->worker);
  std::unique_lock lock(state.mutex);
  if (inside != nullptr && state.arrived != state.ended) {
    lock.unlock();
    return run_here(0);
  }
  if (const unsigned mine = state.arrived++; mine != state.ended) {
    lock.unlock();
    wait_a_little([&] { return state.ended == mine; });
    lock.lock();
    state.turn.wait(lock, [&] { return state.ended == mine; });
  }
  state.task = task;
  state.caller = inside;
  state.next = 0;
  state.count = count;
  if (count > 1) {  // a task alone is the caller's
    ++state.calls;
    state.work.notify_all();
  }
  state.take_tasks(lock, 0);
  lock.unlock();
  wait_a_little([&] { return state.running == 0; });
  lock.lock();
  state.done.wait(lock, [&] { return state.running == 0 && state.next >= state.count; });
  const std::exception_ptr thrown = std::exchange(state.exception, nullptr);
  ++state.ended;
  if (state.arrived != state.ended) state.turn.notify_all();
  lock.unlock();
  if (thrown) std::rethrow_exception(thrown);
}

}  // namespace retrograd
