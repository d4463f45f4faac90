// What this machine can do, so that the other rows can be read as a share of it.
#include <retrograd/math/functions.hpp>
#include <retrograd/math/simd.hpp>
#include <retrograd/spectrum/fft.hpp>
#include <retrograd/tape/executor.hpp>

#include <cstring>
#include <vector>

#include "rows.hpp"
#include "timing.hpp"

namespace retrograd::tool {
namespace {

using math::real_t;
using spectrum::AlignedArray;

struct Sine {
  template <class T>
  RETROGRAD_INLINE static void run(const real_t<T>* __restrict x, real_t<T>* __restrict y, int count) {
    for (int i = 0; i < count; ++i) y[i] = real_t<T>(math::sin_turns(T(x[i])));
  }
};

struct Exponential {
  template <class T>
  RETROGRAD_INLINE static void run(const real_t<T>* __restrict x, real_t<T>* __restrict y, int count) {
    for (int i = 0; i < count; ++i) y[i] = real_t<T>(math::decay_exp2(T(x[i])));
  }
};

// A loop over values in the first-level cache, at the SIMD level in use.
template <class Loop>
class InCache {
 public:
  static constexpr int count = 2048;
  InCache() {
    for (std::size_t i = 0; i < count; ++i) x_[i] = -0.5f * static_cast<float>(i) / count;
  }
  void run() { loop_(x_.data(), y_.data(), count); }

 private:
  AlignedArray<float> x_{count}, y_{count};
  decltype(math::Kernel<Loop, float>::at(math::simd_level())) loop_ =
      math::Kernel<Loop, float>::at(math::simd_level());
};

// A copy between arrays that no cache holds.
class Copy {
 public:
  static constexpr std::size_t bytes = std::size_t{64} << 20;
  void run() { std::memcpy(to_.data(), from_.data(), bytes); }

 private:
  AlignedArray<float> from_{bytes / sizeof(float)}, to_{bytes / sizeof(float)};
};

template <class Loop>
double nanoseconds_per_value() {
  InCache<Loop> loop;
  return nanoseconds([&] { loop.run(); }) / InCache<Loop>::count;
}

double copied_gigabytes_per_second() {
  Copy copy;
  return 2.0 * Copy::bytes / nanoseconds([&] { copy.run(); });  // those read and those written
}

// How many times as fast `workers` threads do something of their own `times` times as one after the other.
template <class Work>
double speed_up(int workers, int times) {
  std::vector<Work> work(static_cast<std::size_t>(workers));
  const auto run = [&](int i) {
    for (int n = 0; n < times; ++n) work[static_cast<std::size_t>(i)].run();
  };
  ThreadPool threads(workers);
  const auto one = [&] {
    for (int i = 0; i < workers; ++i) run(i);
  };
  const auto many = [&] { run_tasks(threads, workers, [&](int i, int) { run(i); }); };
  return compare(one, many).ratio;
}

}  // namespace

void add_machine_rows(Rows& rows, const BenchOptions& options) {
  rows.push_back(
      {"machine: copying, 1 thread", "GB/s read and written", no_goal, copied_gigabytes_per_second});
  rows.push_back({"machine: sine of a phase in turns", "ns per value", no_goal, nanoseconds_per_value<Sine>});
  rows.push_back(
      {"machine: exponential of a decay", "ns per value", no_goal, nanoseconds_per_value<Exponential>});
  const int workers = options.threads();
  const std::string threads =
      "machine: " + std::to_string(workers) + " threads against one, each with its own ";
  rows.push_back({threads + "sines in its cache", "times as fast", no_goal,
                  [=] { return speed_up<InCache<Sine>>(workers, 50'000); }});
  rows.push_back({threads + "copying", "times as fast", no_goal, [=] { return speed_up<Copy>(workers, 1); }});
}

}  // namespace retrograd::tool
