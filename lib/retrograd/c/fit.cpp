// rg_fit
#include <retrograd/c/call.hpp>
#include <retrograd/fit/fit.hpp>

#include <vector>

namespace retrograd::c {

namespace {

rg_fit_options default_fit_options() {
  const FitOptions defaults;
  rg_fit_options options{};
  options.steps = defaults.steps;
  options.restarts = defaults.restarts;
  options.seed = defaults.seed;
  options.learning_rate = defaults.learning_rate;
  options.threads = 1;
  options.loss_floor = defaults.loss_floor;
  return options;
}

void check(const rg_fit_options& options) {
  const auto refuse = [](const std::string& what) { fail(RG_BAD_ARGUMENT, what); };
  if (options.steps < 0) refuse("steps is " + std::to_string(options.steps) + "; it must be 0 or more");
  if (options.restarts < 1 || options.restarts > 10000)
    refuse("restarts is " + std::to_string(options.restarts) + "; it must lie between 1 and 10000");
  if (!(options.learning_rate > 0.0 && std::isfinite(options.learning_rate)))
    refuse("learning_rate is " + std::to_string(options.learning_rate) + "; it must be a number above 0");
  if (!is_loss_floor(options.loss_floor))
    refuse("loss_floor is " + std::to_string(options.loss_floor) + "; it must lie between " +
           std::to_string(lowest_loss_floor) + " and 0 dB");
  if (options.frozen_count > 0 && options.frozen == nullptr)
    refuse("frozen is null; frozen_count patterns are wanted");
}

std::vector<std::string> frozen_of(const rg_fit_options& options) {
  std::vector<std::string> patterns;
  for (std::size_t i = 0; i < options.frozen_count; ++i) {
    require(options.frozen[i], "a pattern of frozen");
    patterns.emplace_back(options.frozen[i]);
  }
  return patterns;
}

FitTarget target_of(const float* recording, std::int64_t length, double sample_rate, double patch_rate,
                    const rg_fit_options& options) {
  const std::vector<double> samples(recording, recording + length);
  std::optional<double> frequency;
  std::optional<GatePair> gate;
  if (options.frequency != 0.0) frequency = options.frequency;
  if (options.gate_on != 0.0 || options.gate_off != 0.0) gate = {options.gate_on, options.gate_off};
  return prepare_target(samples, sample_rate, patch_rate, frequency, gate);
}

}  // namespace

}  // namespace retrograd::c

using namespace retrograd;
using namespace retrograd::c;

rg_status rg_fit_options_init(rg_fit_options* options, size_t size) {
  return set_defaults(options, size, default_fit_options(), "rg_fit_options");
}

rg_status rg_fit(const float* recording, int64_t length, double sample_rate, rg_patch initial,
                 const rg_fit_options* options, rg_patch* fitted, rg_fit_result* result) {
  return guarded([&] {
    require(recording, "recording");
    require(fitted, "fitted");
    // Before the work, not after it.
    if (result != nullptr) require_size(result->size, sizeof *result, "rg_fit_result");
    if (length < 1) fail(RG_BAD_SHAPE, "the recording has " + std::to_string(length) + " samples");
    const rg_fit_options read = read_struct(options, default_fit_options(), "rg_fit_options");
    check(read);
    const Rack begin = initial.id == 0 ? default_rack_to_fit() : patch_of(initial);
    *fitted = {0};
    const FitTarget target = target_of(recording, length, sample_rate, begin.sample_rate, read);

    Threads threads(read.threads);
    FitOptions fit_options;
    fit_options.steps = read.steps;
    fit_options.restarts = read.restarts;
    fit_options.seed = read.seed;
    fit_options.learning_rate = read.learning_rate;
    fit_options.loss_floor = read.loss_floor;
    fit_options.frozen = frozen_of(read);
    fit_options.executor = threads.executor();
    FitWatcher watcher;
    if (read.progress != nullptr)
      watcher = [&](const FitProgress& progress) {
        return read.progress(read.context, progress.step, progress.steps, progress.best_loss) == 0;
      };
    FitResult found = fit(target, begin, fit_options, watcher);

    rg_fit_result written{};
    written.loss_before = found.loss_before;
    written.loss_after = found.loss_after;
    written.frequency = target.frequency;
    written.gate_on = target.gate.on;
    written.gate_off = target.gate.off;
    written.confidence = target.confidence;
    written.steps_done = found.steps_done;
    *fitted = open_patch(std::move(found.rack));
    if (result != nullptr) write_struct(written, result);
  });
}
