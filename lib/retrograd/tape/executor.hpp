// Who runs the rows of a plan: the calling thread, a pool of the library's, or threads a host lends.
#pragma once

#include <memory>

namespace retrograd {

/// Runs `count` independent tasks. A host implements it over its own threads.
class Executor {
 public:
  /// A task by its number, and the worker (0 <= worker < workers()) that runs it. Never throws.
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
  /// once.
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
class ThreadPool final : public Executor {
 public:
  /// Starts the threads; they wait until there is work: awake for 200 us after the last, then asleep.
  explicit ThreadPool(int threads = 0);
  ~ThreadPool() override;
  int workers() const override;
  void run(int count, Task task) override;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// Runs `body(task, worker)` for tasks 0 to count - 1 without allocating.
template <class Body>
void run_tasks(Executor& executor, int count, Body&& body) {
  executor.run(count, {[](void* context, int task, int worker) {
                         (*static_cast<std::remove_reference_t<Body>*>(context))(task, worker);
                       },
                       const_cast<void*>(static_cast<const void*>(&body))});
}

}  // namespace retrograd
