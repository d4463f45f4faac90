#include <retrograd/tape/executor.hpp>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <new>
#include <system_error>
#include <thread>
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

}  // namespace

struct ThreadPool::State {
  std::mutex mutex;
  std::condition_variable work, done;
  Task task{};
  int count = 0, next = 0;
  bool stop = false;
  // Written under the mutex like the others; these are looked at without it too.
  std::atomic<unsigned> calls{0};  // how often there was something new for the workers
  std::atomic<int> running{0};
  std::vector<std::thread> threads;

  // Takes tasks until none is left. `lock` is held on entry and on exit.
  void take_tasks(std::unique_lock<std::mutex>& lock, int worker) {
    while (next < count) {
      const int mine = next++;
      const Task current = task;
      ++running;
      lock.unlock();
      current(mine, worker);
      lock.lock();
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
  std::unique_lock lock(state_->mutex);
  state_->task = task;
  state_->next = 0;
  state_->count = count;
  if (count > 1) {  // a task alone is the caller's
    ++state_->calls;
    state_->work.notify_all();
  }
  state_->take_tasks(lock, 0);
  lock.unlock();
  wait_a_little([this] { return state_->running == 0; });
  lock.lock();
  state_->done.wait(lock, [this] { return state_->running == 0 && state_->next >= state_->count; });
}

}  // namespace retrograd
