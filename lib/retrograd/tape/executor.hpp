// Who runs the rows of a plan: the calling thread, a pool of the library's, or threads a host lends.
#pragma once

#include <memory>
#include <type_traits>

namespace retrograd {

/// Runs `count` independent tasks. A host implements it over its own threads.
class Executor {
 public:
  /// A task by its number, and the worker (0 <= worker < workers()) that runs it. The library's never throw: what one of
  /// them throws is kept, and thrown where `run` was called.
  struct Task {
    void (*call)(void* context, int task, int worker);  ///< what runs it
    void* context;                                      ///< for `call`
    /// Runs the task of that number.
    void operator()(int task, int worker) const { call(context, task, worker); }
  };
  virtual ~Executor() = default;
  /// How many tasks may run at once; it must not change during a tape's life.
  virtual int workers() const = 0;
  /// Runs tasks 0 to count - 1 in any order and returns when all are done. No two run as the same worker at
  /// once. Where tapes on several threads share an executor, they call this at the same time.
  virtual void run(int count, Task task) = 0;
};

/// Runs everything on the calling thread.
class SerialExecutor final : public Executor {
 public:
  int workers() const override { return 1; }
  void run(int count, Task task) override {
    for (int i = 0; i < count; ++i) task(i, 0);
  }
};

/// `threads` workers, the caller being one of them; fewer where the system gives no more (half of what it
/// gave, to leave room for the work). 0: as many as the machine has cores.
///
/// Any thread may call `run` at any time: callers take turns, in the order in which they came. A task may call it too,
/// of its own pool or of another. It never waits for a pool that is busy, so that nothing can wait in a circle: its
/// thread runs all of those tasks itself.
class ThreadPool final : public Executor {
 public:
  /// Starts the threads; they wait until there is work: awake for 200 us after the last, then asleep.
  explicit ThreadPool(int threads = 0);
  ~ThreadPool() override;
  int workers() const override;
  /// Tasks may throw: those that have not begun are left out then, and when the others have ended the first exception is
  /// thrown here.
  void run(int count, Task task) override;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// Has `executor`, which may be a host's own, run tasks that may throw. After the first exception those that have not
/// begun do nothing; it is thrown here when all are done.
void run_to_the_end(Executor& executor, int count, Executor::Task task);

/// Runs `body(task, worker)` for tasks 0 to count - 1 without allocating; exceptions as run_to_the_end.
template <class Body>
void run_tasks(Executor& executor, int count, Body&& body) {
  const auto call = [](void* context, int task, int worker) {
    (*static_cast<std::remove_reference_t<Body>*>(context))(task, worker);
  };
  run_to_the_end(executor, count, {call, const_cast<void*>(static_cast<const void*>(&body))});
}

}  // namespace retrograd
