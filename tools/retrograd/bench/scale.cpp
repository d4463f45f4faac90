// Whether time grows with rows, length and operators and no faster, and how much a second thread helps.
#include "rows.hpp"
#include "synth.hpp"
#include "timing.hpp"

namespace retrograd::tool {
namespace {

// How many times longer the larger synth takes per operator and sample.
double growth(const SynthShape& large_shape, const SynthShape& small_shape, void (Synth::*run)()) {
  Synth large(large_shape), small(small_shape);
  return compare([&] { (large.*run)(); }, [&] { (small.*run)(); }).ratio * small_shape.operator_samples() /
         large_shape.operator_samples();
}

// How many times faster the same synth is on `workers` threads than on one.
double speed_up(SynthShape shape, int workers) {
  ThreadPool threads(workers);
  Synth one(shape);
  shape.executor = &threads;
  Synth many(shape);
  return compare([&] { one.forward_and_backward(); }, [&] { many.forward_and_backward(); }).ratio;
}

}  // namespace

void add_scale_rows(Rows& rows, const BenchOptions& options) {
  const int workers = options.threads();
  const std::string threads = std::to_string(workers) + " threads against one, fm 2 operators, ";
  rows.push_back({threads + "16 rows x 1 s, forward + backward", "times as fast", at_least(1.9),
                  [=] { return speed_up({}, workers); }});
  rows.push_back({threads + "1 row x 60 s, forward + backward", "times as fast", at_least(1.7),
                  [=] { return speed_up({.rows = 1, .length = 60 * bench_sample_rate}, workers); }});

  const auto add_growth = [&](const std::string& what, const SynthShape& large, const SynthShape& small) {
    const char* unit = "ratio of times per operator and sample";
    rows.push_back(
        {what + ", forward", unit, at_most(1.1), [=] { return growth(large, small, &Synth::forward); }});
    rows.push_back({what + ", forward + backward", unit, at_most(1.1),
                    [=] { return growth(large, small, &Synth::forward_and_backward); }});
  };
  const SynthShape one_row{.rows = 1};
  add_growth("64 rows over 1, fm 2 operators, 1 s", {.rows = 64}, one_row);
  add_growth("60 s over 1 s, fm 2 operators, 1 row", {.rows = 1, .length = 60 * bench_sample_rate}, one_row);
  if (options.long_signals)
    add_growth("600 s over 1 s, fm 2 operators, 1 row", {.rows = 1, .length = 600 * bench_sample_rate},
               one_row);
  add_growth("60 operators over 2, fm, 1 row x 1 s", {.operators = 60, .rows = 1}, one_row);
}

}  // namespace retrograd::tool
