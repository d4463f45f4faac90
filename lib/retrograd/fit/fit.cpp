#include <retrograd/fit/best_rows.hpp>
#include <retrograd/fit/fit.hpp>
#include <retrograd/nodes/slice.hpp>
#include <retrograd/patches/finite.hpp>
#include <retrograd/patches/record.hpp>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace retrograd {

namespace {

// The pitch may follow the recording by so much: a fit that could retune would trade the pitch for a slightly
// better spectrum.
constexpr double most_detuning = 1.003;  // about 5 cents

// How fast a kind of parameter moves, relative to the learning rate. A partial that moves by more than the
// width of a bin sees no slope towards where it came from, so tuning is slow and that of the operators that
// are heard the slowest.
double rate_of(ParameterKind kind, bool is_heard) {
  switch (kind) {
    case ParameterKind::frequency:
      return 0.3;
    case ParameterKind::ratio:
      return is_heard ? 0.0005 : 0.04;
    case ParameterKind::gain:
    case ParameterKind::time:
    case ParameterKind::level:
      return 1.0;
  }
  return 1.0;
}

// The rows of one batch: a patch each, all of one routing.
struct Batch {
  // `options.loss` is what fit_loss made of it.
  Batch(const FitTarget& target, std::span<const Patch> patches, const FitOptions& options)
      : tape([&] {
          TapeOptions tape_of = tape_options(patches[0]);
          tape_of.executor = options.executor;
          tape_of.device = options.device;
          tape_of.gpu = options.gpu;
          return tape_of;
        }()),
        recorded(record(tape, patches[0], static_cast<std::int64_t>(patches.size()),
                        [&](const PatchParameter& parameter) {
                          return parameter.kind == ParameterKind::frequency
                                     ? range(target.frequency / most_detuning,
                                             target.frequency * most_detuning)
                                     : parameter.domain();
                        })),
        wanted(tape.input("target", Tensor(compared(target, options)))),
        loss(multi_resolution_stft_loss(sound_compared(target, options), wanted, options.loss)) {
    set(patches);
  }

  static std::span<const double> compared(const FitTarget& target, const FitOptions& options) {
    return std::span(target.samples).subspan(static_cast<std::size_t>(first_compared(target, options.loss)));
  }
  Var sound_compared(const FitTarget& target, const FitOptions& options) const {
    const std::int64_t from = first_compared(target, options.loss);
    return from == 0 ? recorded.audio : slice(recorded.audio, -1, from, recorded.audio.shape().length());
  }

  // By parameter and row.
  std::vector<std::vector<double>> values_of(std::span<const Patch> patches) const {
    std::vector<std::vector<double>> values(recorded.parameters.size());
    for (const Patch& patch : patches) {
      Patch row = patch;
      const std::vector<PatchParameter> of_row = parameters(row);
      for (std::size_t p = 0; p < values.size(); ++p) values[p].push_back(of_row[p].value);
    }
    return values;
  }

  void set(std::span<const Patch> patches) {
    const std::vector<std::vector<double>> values = values_of(patches);
    for (std::size_t p = 0; p < values.size(); ++p)
      tape.set(recorded.parameters[p], Tensor(std::span(values[p]), recorded.parameters[p].shape()));
  }

  double loss_of(std::size_t row) const { return tape.value(loss).at(static_cast<std::int64_t>(row)); }

  // After a play: how many rows have a loss that is NaN or infinite.
  int rows_not_finite() const {
    int count = 0;
    for (std::int64_t row = 0; row < loss.shape().rows(); ++row)
      if (!std::isfinite(tape.value(loss).at(row))) ++count;
    return count;
  }

  Tape tape;
  RecordedPatch recorded;
  Var wanted;  // the target
  Var loss;
};

FitOptions with_loss_against(const FitTarget& target, FitOptions options) {
  options.loss = fit_loss(target, options.loss, options.loss_floor);
  return options;
}

std::vector<double> losses_in_batches(const FitTarget& target, std::span<const Patch> patches,
                                      const FitOptions& options,
                                      const std::function<bool(std::span<const double>)>& go_on) {
  constexpr std::size_t batch = 16;
  std::vector<double> losses;
  for (std::size_t first = 0; first < patches.size(); first += batch) {
    if (go_on && !go_on(losses)) break;
    const auto some = patches.subspan(first, std::min(batch, patches.size() - first));
    Batch rows(target, some, options);
    rows.tape.play({rows.loss});
    for (std::size_t row = 0; row < some.size(); ++row) losses.push_back(rows.loss_of(row));
  }
  return losses;
}

// The rows a fit begins with: the initial patch, and the best of a larger draw. None where the watcher ends
// the draw: then `result` gets the best patch that was drawn, if it is better than what it has.
std::vector<Patch> first_rows(const FitTarget& target, const Patch& initial, const FitOptions& options,
                              const FitWatcher& watcher, FitResult& result) {
  constexpr int draws_per_row = 8;
  std::vector<Patch> rows{tuned_to(target, initial)};
  const int wanted = options.restarts - 1;
  if (wanted == 0) return rows;
  std::vector<Patch> drawn;
  for (int i = 0; i < draws_per_row * wanted; ++i)
    drawn.push_back(random_patch(target, initial, options.seed, i));
  const std::vector<double> losses =
      losses_in_batches(target, drawn, options, [&](std::span<const double> so_far) {
        for (std::size_t i = 0; i < so_far.size(); ++i)
          if (so_far[i] < result.loss_after) {
            result.patch = drawn[i];
            result.loss_after = so_far[i];
          }
        return !watcher || watcher({0, options.steps, result.loss_after});
      });
  if (losses.size() < drawn.size()) return {};
  std::vector<std::size_t> order(drawn.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::stable_sort(order, {}, [&](std::size_t i) {
    return std::isfinite(losses[i]) ? losses[i] : std::numeric_limits<double>::infinity();
  });
  for (int i = 0; i < wanted; ++i) rows.push_back(drawn[order[static_cast<std::size_t>(i)]]);
  return rows;
}

// Of the initial patch. A NotFiniteError says that it is that patch, or the recording, that no step could mend.
double loss_to_begin_with(const FitTarget& target, const Patch& patch, const FitOptions& options) {
  Batch batch(target, std::span(&patch, 1), options);
  batch.tape.play({batch.loss});
  try {
    check_loss(batch.tape, batch.recorded, batch.loss, batch.wanted);
  } catch (const NotFiniteError& error) {
    raise<NotFiniteError>(std::string("of the patch to begin with, ") + error.what());
  }
  return batch.loss_of(0);
}

// Falls with the steps done alone, so that a fit that is resumed goes on as if it had never stopped.
double learning_rate_at(const FitOptions& options, int step) {
  return options.learning_rate / (1.0 + step / 100.0);
}

}  // namespace

std::vector<double> losses_of(const FitTarget& target, std::span<const Patch> patches,
                              const FitOptions& options,
                              const std::function<bool(std::span<const double>)>& go_on) {
  return losses_in_batches(target, patches, with_loss_against(target, options), go_on);
}

FitResult fit(const FitTarget& target, const Patch& initial, const FitOptions& given,
              const FitWatcher& watcher, const FitState* resume) {
  if (given.restarts < 1)
    raise<DomainError>("a fit of " + std::to_string(given.restarts) + " rows; at least 1");
  if (given.steps < 0) raise<DomainError>("a fit of " + std::to_string(given.steps) + " steps; at least 0");
  const FitOptions options = with_loss_against(target, given);
  const auto rows = static_cast<std::size_t>(options.restarts);
  if (resume != nullptr && (resume->best.size() != rows || resume->best_loss.size() != rows))
    raise<DomainError>("the fit to resume had " + std::to_string(resume->best.size()) + " rows, and " +
                       std::to_string(rows) + " are asked for");

  if (resume != nullptr)
    for (const Patch& patch : resume->best)
      if (patch.fm.operators.size() != initial.fm.operators.size() || patch.fm.routing != initial.fm.routing)
        raise<DomainError>("the fit to resume was of another patch: its operators or its routing differ");

  FitResult result;
  FitState& state = result.state;
  result.patch = tuned_to(target, initial);
  result.loss_before = result.loss_after = loss_to_begin_with(target, result.patch, options);
  if (resume != nullptr)
    state = *resume;
  else
    state.best = first_rows(target, initial, options, watcher, result);
  if (state.best.empty()) return result;
  Batch batch(target, state.best, options);
  Adam adam(batch.tape, {.learning_rate = options.learning_rate, .clip = 10.0});
  for (std::size_t p = 0; p < batch.recorded.parameters.size(); ++p) {
    Patch patch = initial;
    const PatchParameter parameter = parameters(patch)[p];
    const std::vector<int> heard = audible_operators(patch);
    const bool is_heard = std::ranges::any_of(
        heard, [&](int i) { return parameter.name.starts_with("fm.operator." + std::to_string(i) + "."); });
    adam.scale_rate(batch.recorded.parameters[p], rate_of(parameter.kind, is_heard));
  }
  if (resume != nullptr) adam.load(resume->optimizer);

  if (state.best_loss.empty()) state.best_loss.assign(rows, std::numeric_limits<double>::infinity());
  BestRows best(batch.tape, batch.loss, batch.recorded.parameters, state.best_loss,
                batch.values_of(state.best));
  const auto keep_best = [&] {
    batch.tape.play({batch.loss});
    best.keep();
  };
  const auto goes_on = [&](int step) {
    return !watcher || watcher({step, options.steps, std::ranges::min(best.losses())});
  };

  keep_best();
  if (batch.rows_not_finite() == options.restarts)
    check_loss(batch.tape, batch.recorded, batch.loss, batch.wanted);
  for (int step = 0; goes_on(step) && step < options.steps; ++step) {
    adam.set_learning_rate(learning_rate_at(options, state.steps_done));
    batch.tape.rewind(batch.loss);
    adam.step();
    ++state.steps_done;
    keep_best();
  }
  state.best_loss = best.losses();
  const std::vector<std::vector<double>>& values = best.values();
  for (std::size_t row = 0; row < rows; ++row) {
    const std::vector<PatchParameter> of_row = parameters(state.best[row]);
    for (std::size_t p = 0; p < of_row.size(); ++p) of_row[p].value = values[p][row];
  }
  state.optimizer = adam.save();
  result.rows_not_finite = batch.rows_not_finite();
  const auto best_row = std::ranges::min_element(state.best_loss) - state.best_loss.begin();
  result.patch = state.best[static_cast<std::size_t>(best_row)];
  result.loss_after = state.best_loss[static_cast<std::size_t>(best_row)];
  result.steps_done = state.steps_done;
  validate(result.patch, "the fitted patch");
  return result;
}

}  // namespace retrograd
