// Fitting a patch to a sound it could have made itself.
#include <doctest/doctest.h>
#include <retrograd/audio/partial.hpp>
#include <retrograd/fit/fit.hpp>
#include <retrograd/patches/record.hpp>
#include <retrograd/patches/toml.hpp>

#include <algorithm>
#include <cmath>

using namespace retrograd;

namespace {

std::vector<double> render(const Patch& patch) {
  Tape tape(tape_options(patch));
  const RecordedPatch recorded = record(tape, patch);
  tape.play({recorded.audio});
  const auto samples = tape.value(recorded.audio).as<float>();
  return {samples.begin(), samples.end()};
}

// A short bell-like note at 8 kHz.
Patch bell() {
  Patch patch = default_patch();
  patch.sample_rate = 8000;
  patch.duration = 0.3;
  patch.note = {.frequency = 400.0, .gate = {{0.0, 0.15}}};
  patch.fm.operators[0].envelope = {0.002, 0.1, 0.2, 0.1};
  patch.fm.operators[1] = {3.0, 1.5, {0.001, 0.05, 0.1, 0.05}};
  return patch;
}

FitOptions quick(int steps, Executor* executor = nullptr) {
  FitOptions options;
  options.steps = steps;
  options.restarts = 4;
  options.loss.windows = {256, 64};
  options.executor = executor;
  return options;
}

}  // namespace

TEST_CASE(
    "a fit comes much closer than random patches do, keeps the pitch, and writes what the loader reads") {
  const FitTarget target = prepare_target(render(bell()), 8000, 8000);
  CHECK(target.frequency == doctest::Approx(400.0).epsilon(0.003));
  Patch initial = default_patch();
  initial.sample_rate = 8000;
  const FitOptions options = quick(120);
  std::vector<Patch> random;
  for (int i = 0; i < 50; ++i) random.push_back(random_patch(target, initial, 99, i));
  const std::vector<double> losses = losses_of(target, random, options);
  const FitResult result = fit(target, initial, options);
  CHECK(result.loss_after < 0.6 * *std::ranges::min_element(losses));
  CHECK(result.loss_after < result.loss_before);
  CHECK(losses_of(target, std::vector{result.patch}, options)[0] ==
        doctest::Approx(result.loss_after).epsilon(1e-6));
  const double cents = 1200.0 * std::log2(strongest_partial(render(result.patch), 8000) /
                                          strongest_partial(target.samples, 8000));
  CHECK(std::abs(cents) < 10.0);
  CHECK(parse_patch(format_patch(result.patch), "fitted") == result.patch);
}

TEST_CASE("a fit is the same for the same seed, whatever the threads, and another for another seed") {
  const FitTarget target = prepare_target(render(bell()), 8000, 8000);
  ThreadPool threads(3);
  const Patch initial = bell();
  const FitResult one = fit(target, initial, quick(15)), two = fit(target, initial, quick(15, &threads));
  CHECK(one.patch == two.patch);
  CHECK(one.loss_after == two.loss_after);
  FitOptions other = quick(15);
  other.seed = 7;
  CHECK_FALSE(fit(target, initial, other).state.best == one.state.best);
}

TEST_CASE("a fit that is stopped and resumed ends where one without a pause does") {
  const FitTarget target = prepare_target(render(bell()), 8000, 8000);
  const FitResult whole = fit(target, bell(), quick(20));
  const FitResult half =
      fit(target, bell(), quick(20), [](const FitProgress& progress) { return progress.step < 9; });
  CHECK(half.steps_done == 9);
  const FitResult rest = fit(target, bell(), quick(11), {}, &half.state);
  CHECK(rest.patch == whole.patch);
  CHECK(rest.loss_after == whole.loss_after);
  CHECK(rest.steps_done == 20);
  FitOptions more_rows = quick(1);
  more_rows.restarts = 5;
  CHECK_THROWS_AS(fit(target, bell(), more_rows, {}, &half.state), DomainError);
}

TEST_CASE(
    "a fit that is stopped while its first rows are drawn gives the best so far, and no row to go on from") {
  const FitTarget target = prepare_target(render(bell()), 8000, 8000);
  std::vector<double> told;
  const FitResult at_once = fit(target, default_patch(), quick(20), [&](const FitProgress& progress) {
    told.push_back(progress.best_loss);
    return progress.step > 0;
  });
  CHECK(told == std::vector{at_once.loss_before});
  CHECK(at_once.patch == tuned_to(target, default_patch()));

  told.clear();
  const FitResult later = fit(target, default_patch(), quick(20), [&](const FitProgress& progress) {
    CHECK(progress.step == 0);
    told.push_back(progress.best_loss);
    return told.size() < 2;
  });
  CHECK(told.size() == 2);
  CHECK(later.steps_done == 0);
  CHECK(later.loss_before == at_once.loss_before);
  CHECK(later.loss_after < later.loss_before);  // sixteen were drawn
  CHECK(later.loss_after == told[1]);
  CHECK(losses_of(target, std::vector{later.patch}, quick(20))[0] ==
        doctest::Approx(later.loss_after).epsilon(1e-6));
  CHECK(later.state.best.empty());
}

TEST_CASE("an operator without a gain learns to be heard") {
  const FitTarget target = prepare_target(render(bell()), 8000, 8000);
  Patch silent = bell();
  silent.fm.operators[1].gain = 0.0;
  silent.fm.operators[1].envelope.attack = 0.0;
  FitOptions options = quick(60);
  options.restarts = 1;
  const FitResult result = fit(target, silent, options);
  CHECK(result.patch.fm.operators[1].gain > 0.1);
  CHECK(result.loss_after < 0.7 * result.loss_before);
}

TEST_CASE("what was given is not detected: frequency and gate") {
  const std::vector<double> sound = render(bell());
  const FitTarget target = prepare_target(sound, 8000, 16000, 123.0, GatePair{0.01, 0.2});
  CHECK(target.frequency == 123.0);
  CHECK(target.gate == GatePair{0.01, 0.2});
  CHECK(target.samples.size() <= 2 * sound.size());  // less what was trimmed
  CHECK(target.samples.size() + 20 > 2 * sound.size());
  CHECK_THROWS_AS(prepare_target(sound, 8000, 8000, 5000.0), DomainError);
  CHECK_THROWS_AS(prepare_target(sound, 8000, 8000, 440.0, GatePair{0.2, 0.1}), DomainError);
  CHECK_THROWS_AS(prepare_target(std::vector<double>(1000, 0.0), 8000, 8000), DomainError);
}

TEST_CASE("leading silence is trimmed before anything is found") {
  std::vector<double> sound(1000, 0.0);
  const std::vector<double> note = render(bell());
  sound.insert(sound.end(), note.begin(), note.end());
  const FitTarget target = prepare_target(sound, 8000, 8000);
  CHECK(target.samples.size() <= note.size());
  CHECK(target.samples.size() + 100 > note.size());
}
