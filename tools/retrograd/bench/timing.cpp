// How long something takes, and how long two things take beside each other.
#include "timing.hpp"

#include <benchmark/benchmark.h>
#include <retrograd/tensor/tensor.hpp>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <vector>

namespace retrograd::tool {
namespace {

double median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::ranges::nth_element(values, middle);
  return *middle;
}

// Collects the real time of each repetition.
class Times final : public benchmark::BenchmarkReporter {
 public:
  bool ReportContext(const Context&) override { return true; }
  void ReportRuns(const std::vector<Run>& runs) override {
    for (const Run& run : runs)
      if (run.run_type == Run::RT_Iteration)
        nanoseconds.push_back(run.real_accumulated_time / static_cast<double>(run.iterations) * 1e9);
  }
  std::vector<double> nanoseconds;
};

double nanoseconds_of(const Run& run, int times) {
  using Clock = std::chrono::steady_clock;
  const auto start = Clock::now();
  for (int i = 0; i < times; ++i) run();
  return std::chrono::duration<double, std::nano>(Clock::now() - start).count() / times;
}

// Runs it takes for a time that a clock's resolution and an interrupt do not spoil.
int runs_in_a_round(const Run& run) {
  constexpr double round_nanoseconds = 5e6;
  run();  // the first one plans and allocates
  const double once = std::max(nanoseconds_of(run, 1), 1.0);
  return static_cast<int>(std::ceil(round_nanoseconds / std::min(once, round_nanoseconds)));
}

}  // namespace

double nanoseconds(const Run& run) {
  run();
  benchmark::RegisterBenchmark("run",
                               [&](benchmark::State& state) {
                                 for (auto _ : state) run();
                               })
      ->Repetitions(repetitions)
      ->UseRealTime()
      ->MinTime(0.05);
  Times times;
  benchmark::RunSpecifiedBenchmarks(&times, "all");
  benchmark::ClearRegisteredBenchmarks();
  return median(times.nanoseconds);
}

double nanoseconds_on_gpu(const Run& run) {
  constexpr int together = 10;
  const Tensor probe = Tensor(0.0).to(Device::cuda);
  return nanoseconds([&] {
           for (int i = 0; i < together; ++i) run();
           probe.to(Device::cpu);  // waits for all that was asked for before
         }) /
         together;
}

Comparison compare(const Run& a, const Run& b) {
  constexpr double budget_nanoseconds = 0.8e9;
  constexpr std::size_t least_rounds = 7, most_rounds = 101;
  const int a_runs = runs_in_a_round(a), b_runs = runs_in_a_round(b);
  std::vector<double> a_times, b_times, ratios;
  for (double spent = 0.0;
       ratios.size() < least_rounds || (ratios.size() < most_rounds && spent < budget_nanoseconds);) {
    a_times.push_back(nanoseconds_of(a, a_runs));
    b_times.push_back(nanoseconds_of(b, b_runs));
    ratios.push_back(a_times.back() / b_times.back());
    spent += a_times.back() * a_runs + b_times.back() * b_runs;
  }
  return {median(a_times), median(b_times), median(ratios)};
}

}  // namespace retrograd::tool
