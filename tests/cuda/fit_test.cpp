// A fit on a GPU takes the steps of a fit on the CPU, and no value comes to the host on the way but the losses.
#include <doctest/doctest.h>

#include "emulated_gpu.hpp"

#include <retrograd/fit/fit.hpp>
#include <retrograd/racks/record.hpp>

#include <cmath>

using namespace retrograd;
using namespace retrograd::cuda;

namespace {

Rack short_note() {
  Rack patch = default_rack();
  patch.sample_rate = 8000.0;
  patch.duration = 0.2;
  patch.note.gate = {{0.0, 0.1}};
  return patch;
}

FitTarget target_of(const Rack& patch) {
  Rack other = patch;
  find_parameter(other, "fm.operator.1.gain").value *= 0.5;
  Tape tape(tape_options(other));
  const RecordedRack recorded = record(tape, other);
  tape.play({recorded.audio});
  FitTarget target;
  for (const float x : tape.value(recorded.audio).as<float>()) target.samples.push_back(x);
  target.sample_rate = other.sample_rate;
  target.frequency = other.note.frequency;
  target.gate = other.note.gate[0];
  return target;
}

}  // namespace

TEST_CASE("a fit on a GPU reaches what a fit on the CPU reaches") {
  EmulatedGpu gpu;
  const Rack initial = short_note();
  const FitTarget target = target_of(initial);
  // Two steps: rounding grows from step to step, for the loss bends much faster than a pitch moves.
  FitOptions options{.steps = 2, .restarts = 3, .loss = {.windows = {256, 64}}};
  const FitResult cpu = fit(target, initial, options);
  options.device = Device::cuda;
  options.gpu = &gpu;
  int told = 0;
  const FitResult other = fit(target, initial, options, [&](const FitProgress& progress) {
    ++told;
    return progress.best_loss > 0.0;
  });
  CHECK(told >= 3);
  CHECK(other.steps_done == cpu.steps_done);
  CHECK(other.loss_before == doctest::Approx(cpu.loss_before).epsilon(1e-5));
  CHECK(other.loss_after == doctest::Approx(cpu.loss_after).epsilon(1e-3));
  REQUIRE(other.state.best_loss.size() == 3);
  for (std::size_t row = 0; row < 3; ++row)
    CHECK(other.state.best_loss[row] == doctest::Approx(cpu.state.best_loss[row]).epsilon(1e-3));
}

TEST_CASE("a step of a fit copies nothing to the host, and the losses where somebody watches") {
  const Rack initial = short_note();
  const FitTarget target = target_of(initial);
  const auto copies = [&](int steps, bool is_watched) {
    EmulatedGpu gpu;
    const FitOptions options{
        .steps = steps, .restarts = 1, .loss = {.windows = {64}}, .device = Device::cuda, .gpu = &gpu};
    fit(target, initial, options,
        is_watched ? FitWatcher([](const FitProgress&) { return true; }) : FitWatcher());
    return gpu.counts().bytes_to_host;
  };
  CHECK(copies(6, false) == copies(2, false));
  CHECK(copies(6, true) == copies(2, true) + 4 * sizeof(double));
}
