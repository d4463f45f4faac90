#include <retrograd/fit/best_rows.hpp>
#include <retrograd/fit/fit.hpp>
#include <retrograd/nodes/slice.hpp>
#include <retrograd/racks/finite.hpp>
#include <retrograd/racks/record.hpp>
#include <retrograd/racks/rules.hpp>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace retrograd {

namespace {

// The pitch may follow the recording by so much: a fit that could retune would trade the pitch for a slightly
// better spectrum.
constexpr double most_detuning = 1.003;  // about 5 cents

// The rows of one batch: a rack each, all of the same modules and cables.
struct Batch {
  // `options.loss` is what fit_loss made of it.
  Batch(const FitTarget& target, std::span<const Rack> racks, const FitOptions& options)
      : tape([&] {
          TapeOptions tape_of = tape_options(racks[0]);
          tape_of.executor = options.executor;
          tape_of.device = options.device;
          tape_of.gpu = options.gpu;
          return tape_of;
        }()),
        recorded(record(tape, racks[0],
                        {.rows = static_cast<std::int64_t>(racks.size()),
                         .domain_of =
                             [&](const RackParameter& parameter) {
                               const Domain near =
                                   range(target.frequency / most_detuning, target.frequency * most_detuning);
                               // It may be frozen elsewhere.
                               return parameter.spec.role == Role::note_frequency &&
                                              near.contains(parameter.value)
                                          ? near
                                          : parameter.domain();
                             }})),
        wanted(tape.input("target", Tensor(compared(target, options)))),
        loss(multi_resolution_stft_loss(sound_compared(target, options), wanted, options.loss)) {
    set(racks);
  }

  static std::span<const double> compared(const FitTarget& target, const FitOptions& options) {
    return std::span(target.samples).subspan(static_cast<std::size_t>(first_compared(target, options.loss)));
  }
  Var sound_compared(const FitTarget& target, const FitOptions& options) const {
    const std::int64_t from = first_compared(target, options.loss);
    return from == 0 ? recorded.audio : slice(recorded.audio, -1, from, recorded.audio.shape().length());
  }

  // By parameter and row.
  std::vector<std::vector<double>> values_of(std::span<const Rack> racks) const {
    std::vector<std::vector<double>> values(recorded.parameters.size());
    for (const Rack& rack : racks) {
      Rack row = rack;
      const std::vector<RackParameter> of_row = parameters(row);
      for (std::size_t p = 0; p < values.size(); ++p) values[p].push_back(of_row[p].value);
    }
    return values;
  }

  void set(std::span<const Rack> racks) {
    const std::vector<std::vector<double>> values = values_of(racks);
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
  RecordedRack recorded;
  Var wanted;  // the target
  Var loss;
};

bool are_built_alike(const Rack& a, const Rack& b) {
  const auto same_module = [](const Module& x, const Module& y) {
    return x.name == y.name && x.type->name == std::string_view(y.type->name) && x.structure == y.structure;
  };
  const auto same_cable = [](const Cable& x, const Cable& y) { return x.from == y.from && x.to == y.to; };
  return std::ranges::equal(a.modules, b.modules, same_module) &&
         std::ranges::equal(a.cables, b.cables, same_cable) && a.outputs == b.outputs;
}

FitOptions with_loss_against(const FitTarget& target, FitOptions options) {
  options.loss = fit_loss(target, options.loss, options.loss_floor);
  return options;
}

std::vector<double> losses_in_batches(const FitTarget& target, std::span<const Rack> racks,
                                      const FitOptions& options,
                                      const std::function<bool(std::span<const double>)>& go_on) {
  constexpr std::size_t batch = 16;
  std::vector<double> losses;
  for (std::size_t first = 0; first < racks.size(); first += batch) {
    if (go_on && !go_on(losses)) break;
    const auto some = racks.subspan(first, std::min(batch, racks.size() - first));
    Batch rows(target, some, options);
    rows.tape.play({rows.loss});
    for (std::size_t row = 0; row < some.size(); ++row) losses.push_back(rows.loss_of(row));
  }
  return losses;
}

// The rows a fit begins with: the initial rack, and the best of a larger draw. None where the watcher ends
// the draw: then `result` gets the best rack that was drawn, if it is better than what it has.
std::vector<Rack> first_rows(const FitTarget& target, const RackDraws& draws, const FitOptions& options,
                             const FitWatcher& watcher, FitResult& result) {
  constexpr int draws_per_row = 8, batch = 16;
  std::vector<Rack> rows{draws.tuned()};
  const int wanted = options.restarts - 1, all = draws_per_row * wanted;
  std::vector<double> losses;
  while (std::ssize(losses) < all) {
    if (watcher && !watcher({0, options.steps, result.loss_after})) return {};
    std::vector<Rack> some;
    const auto first = static_cast<int>(losses.size());
    for (int i = first; i < std::min(first + batch, all); ++i) some.push_back(draws.draw(options.seed, i));
    for (const double loss : losses_in_batches(target, some, options, {})) {
      const auto place = losses.size() - static_cast<std::size_t>(first);
      losses.push_back(loss);
      if (!(loss < result.loss_after)) continue;
      result.rack = some[place];
      result.loss_after = loss;
    }
  }
  std::vector<int> order(losses.size());
  std::iota(order.begin(), order.end(), 0);
  std::ranges::stable_sort(order, {}, [&](int i) {
    const double loss = losses[static_cast<std::size_t>(i)];
    return std::isfinite(loss) ? loss : std::numeric_limits<double>::infinity();
  });
  // Drawn once more, so that thousands need not be kept.
  for (int i = 0; i < wanted; ++i)
    rows.push_back(draws.draw(options.seed, order[static_cast<std::size_t>(i)]));
  return rows;
}

// Of the initial rack. A NotFiniteError says that it is that rack, or the recording, that no step could mend.
double loss_to_begin_with(const FitTarget& target, const Rack& rack, const FitOptions& options) {
  Batch batch(target, std::span(&rack, 1), options);
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

std::vector<double> losses_of(const FitTarget& target, std::span<const Rack> racks, const FitOptions& options,
                              const std::function<bool(std::span<const double>)>& go_on) {
  return losses_in_batches(target, racks, with_loss_against(target, options), go_on);
}

FitResult fit(const FitTarget& target, const Rack& initial, const FitOptions& given,
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
    for (const Rack& rack : resume->best)
      if (!are_built_alike(rack, initial))
        raise<DomainError>("the fit to resume was of another patch: its modules or its cables differ");

  FitResult result;
  FitState& state = result.state;
  const RackDraws draws(target, initial, options.frozen);
  result.rack = draws.tuned();
  result.loss_before = result.loss_after = loss_to_begin_with(target, result.rack, options);
  if (resume != nullptr)
    state = *resume;
  else
    state.best = first_rows(target, draws, options, watcher, result);
  if (state.best.empty()) return result;
  Batch batch(target, state.best, options);
  Adam adam(batch.tape, {.learning_rate = options.learning_rate, .clip = 10.0});
  Rack specified = initial;
  const std::vector<RackParameter> all = parameters(specified);
  for (std::size_t p = 0; p < all.size(); ++p) {
    const Var parameter = batch.recorded.parameters[p];
    adam.scale_rate(parameter, all[p].is_heard ? all[p].spec.fit_rate_heard : all[p].spec.fit_rate);
    if (all[p].spec.role == Role::seed || draws.frozen()[p] != 0) batch.tape.freeze(parameter);
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
    const std::vector<RackParameter> of_row = parameters(state.best[row]);
    for (std::size_t p = 0; p < of_row.size(); ++p) of_row[p].value = values[p][row];
  }
  state.optimizer = adam.save();
  result.rows_not_finite = batch.rows_not_finite();
  const auto best_row = std::ranges::min_element(state.best_loss) - state.best_loss.begin();
  result.rack = state.best[static_cast<std::size_t>(best_row)];
  result.loss_after = state.best_loss[static_cast<std::size_t>(best_row)];
  result.steps_done = state.steps_done;
  validate(result.rack, "the fitted patch");
  return result;
}

}  // namespace retrograd
