// What who runs the rows promises: turns for callers on many threads, tasks that call again, exceptions.
#include <doctest/doctest.h>

#include <retrograd/backends/cpu/own_node.hpp>
#include <retrograd/nodes/all.hpp>
#include <retrograd/nodes/oscillator.hpp>
#include <retrograd/tape/executor.hpp>
#include <retrograd/tape/tape.hpp>

#include <atomic>
#include <new>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

using namespace retrograd;

namespace {

// A host's executor that knows nothing of exceptions: one that left a task would end the process.
class HostThreads final : public Executor {
 public:
  int workers() const override { return 3; }
  void run(int count, Task task) override {
    std::vector<std::thread> threads;
    std::atomic<int> next{0};
    for (int worker = 0; worker < workers(); ++worker)
      threads.emplace_back([&next, count, task, worker] {
        for (int i = next++; i < count; i = next++) task(i, worker);
      });
    for (std::thread& thread : threads) thread.join();
  }
};

// Throws where it is told to. (On the way back its forward is run too.)
enum class Fails { nowhere, forwards, backwards };
std::atomic<Fails> fails{Fails::nowhere};
struct Failing : OwnPointwise<Failing, 1> {
  static constexpr const char* name = "failing";
  template <class T>
  T forward(T x) const {
    if (fails == Fails::forwards) throw std::bad_alloc();
    return x * x;
  }
  template <class T>
  std::array<T, 1> adjoint(T gy, T, T x) const {
    if (fails == Fails::backwards) throw std::runtime_error("on the way back");
    return {gy * (x + x)};
  }
};

std::vector<float> play_synth(Executor* executor, double frequency, int plays) {
  Tape tape({.sample_rate = 44100.0, .length = 700, .executor = executor});
  Tensor rows(Shape{5, 1});
  for (std::size_t row = 0; row < 5; ++row) rows.as<double>()[row] = frequency * static_cast<double>(row + 1);
  const Var pitch = tape.parameter("pitch", rows), sound = sinusoid(pitch) * sinusoid(pitch * 1.5);
  const Var loss = sum(square(sound));
  std::vector<float> first;
  for (int i = 0; i < plays; ++i) {
    tape.play({sound, loss});
    tape.rewind(loss);
    const auto samples = tape.value(sound).as<float>();
    std::vector<float> all(samples.begin(), samples.end());
    for (std::int64_t row = 0; row < 5; ++row)
      all.push_back(static_cast<float>(tape.gradient(pitch).at(row)));
    if (i == 0) first = all;
    if (all != first) return {};
  }
  return first;
}

}  // namespace

TEST_CASE("tapes on several threads share one pool, and each has its own values") {
  for (const int workers : {1, 2, 4}) {
    CAPTURE(workers);
    ThreadPool pool(workers);
    constexpr int threads = 4;
    std::vector<std::vector<float>> wanted, played(threads);
    for (int i = 0; i < threads; ++i) wanted.push_back(play_synth(nullptr, 200.0 + 50.0 * i, 1));
    std::vector<std::thread> players;
    for (int i = 0; i < threads; ++i)
      players.emplace_back(
          [&, i] { played[static_cast<std::size_t>(i)] = play_synth(&pool, 200.0 + 50.0 * i, 150); });
    for (std::thread& player : players) player.join();
    CHECK(played == wanted);
  }
}

TEST_CASE("every task of every caller runs once, and none at the same time as another of its worker") {
  ThreadPool pool(3);
  std::atomic<int> mistakes{0};
  std::vector<std::thread> callers;
  for (int caller = 0; caller < 5; ++caller)
    callers.emplace_back([&] {
      for (int call = 0; call < 200; ++call) {
        const int count = call % 7;
        std::vector<std::atomic<int>> runs(static_cast<std::size_t>(count));
        std::vector<std::atomic<int>> at_work(static_cast<std::size_t>(pool.workers()));
        run_tasks(pool, count, [&](int task, int worker) {
          if (at_work[static_cast<std::size_t>(worker)]++ != 0) ++mistakes;
          ++runs[static_cast<std::size_t>(task)];
          --at_work[static_cast<std::size_t>(worker)];
        });
        for (const std::atomic<int>& run : runs)
          if (run != 1) ++mistakes;
      }
    });
  for (std::thread& caller : callers) caller.join();
  CHECK(mistakes == 0);
}

TEST_CASE("a task may call the pool that runs it, and another, in a circle too") {
  ThreadPool a(3), b(2);
  std::atomic<int> runs{0};
  run_tasks(a, 5, [&](int, int) {
    run_tasks(a, 4, [&](int, int worker) {
      CHECK(worker < a.workers());
      ++runs;
    });
  });
  CHECK(runs == 20);

  runs = 0;
  std::vector<std::thread> callers;
  for (int caller = 0; caller < 4; ++caller)
    callers.emplace_back([&, caller] {
      ThreadPool &first = caller % 2 == 0 ? a : b, &second = caller % 2 == 0 ? b : a;
      for (int call = 0; call < 50; ++call)
        run_tasks(first, 3, [&](int, int) {
          run_tasks(second, 3, [&](int, int) { run_tasks(first, 2, [&](int, int) { ++runs; }); });
        });
    });
  for (std::thread& caller : callers) caller.join();
  CHECK(runs == 4 * 50 * 3 * 3 * 2);
}

TEST_CASE("what a task throws arrives where the tasks were asked for, and the pool goes on") {
  ThreadPool pool(3);
  HostThreads host;
  SerialExecutor serial;
  for (Executor* executor :
       {static_cast<Executor*>(&pool), static_cast<Executor*>(&host), static_cast<Executor*>(&serial)}) {
    for (int thrower = 0; thrower < 20; ++thrower) {
      std::atomic<int> after{0};
      const auto tasks = [&](int task, int) {
        if (task == thrower) throw std::runtime_error("task " + std::to_string(task));
        if (task > thrower) ++after;
      };
      CHECK_THROWS_WITH_AS(run_tasks(*executor, 1000, tasks), ("task " + std::to_string(thrower)).c_str(),
                           std::runtime_error);
      if (executor == &serial) CHECK(after == 0);  // what has not begun is left out
    }
    CHECK_THROWS_AS(run_tasks(*executor, 50, [](int, int) { throw std::bad_alloc(); }), std::bad_alloc);
    std::atomic<int> runs{0};
    run_tasks(*executor, 50, [&](int, int) { ++runs; });
    CHECK(runs == 50);
  }
  // Without run_tasks: the pool itself.
  const Executor::Task task{[](void*, int i, int) {
                              if (i == 7) throw std::out_of_range("seven");
                            },
                            nullptr};
  CHECK_THROWS_WITH_AS(pool.run(50, task), "seven", std::out_of_range);
}

TEST_CASE("a node that throws on another thread ends a play or a rewind, and the next has the right values") {
  ThreadPool pool(3);
  HostThreads host;
  for (Executor* executor : {static_cast<Executor*>(&pool), static_cast<Executor*>(&host)}) {
    Tape tape({.type = ElementType::f32, .executor = executor});
    Tensor values(Shape{8, 300});
    values.fill(3.0);
    const Var x = tape.parameter("x", values), y = pointwise(Failing{}, x);
    tape.play({y});
    fails = Fails::forwards;
    CHECK_THROWS_AS(tape.play({y}), std::bad_alloc);
    fails = Fails::nowhere;
    CHECK_THROWS_AS(tape.value(y), TapeError);
    tape.play({y});
    fails = Fails::backwards;
    CHECK_THROWS_WITH_AS(tape.rewind(y, Tensor(tape.value(y))), "on the way back", std::runtime_error);
    fails = Fails::nowhere;
    CHECK_THROWS_AS(tape.gradient(x), TapeError);
    tape.rewind(y);
    CHECK(tape.value(y).at(2399) == 9.0);
    CHECK(tape.gradient(x).at(2399) == 6.0);
  }
}
