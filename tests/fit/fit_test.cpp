// Fitting a patch to a sound it could have made itself.
#include <doctest/doctest.h>
#include <retrograd/audio/partial.hpp>
#include <retrograd/fit/fit.hpp>
#include <retrograd/racks/rack_file.hpp>
#include <retrograd/racks/record.hpp>

#include <algorithm>
#include <cmath>
#include <random>
#include <string>

using namespace retrograd;

namespace {

std::vector<double> render(const Rack& patch) {
  Tape tape(tape_options(patch));
  const RecordedRack recorded = record(tape, patch);
  tape.play({recorded.audio});
  const auto samples = tape.value(recorded.audio).as<float>();
  return {samples.begin(), samples.end()};
}

// A short bell-like note at 8 kHz.
Rack bell() {
  Rack patch = default_rack();
  patch.sample_rate = 8000;
  patch.duration = 0.3;
  patch.note = {.frequency = 400.0, .gate = {{0.0, 0.15}}};
  patch.modules[0].values = {1.0, 1.0, 0.002, 0.1, 0.2, 0.1};
  patch.modules[1].values = {3.0, 1.5, 0.001, 0.05, 0.1, 0.05};
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
  Rack initial = default_rack();
  initial.sample_rate = 8000;
  const FitOptions options = quick(120);
  std::vector<Rack> random;
  for (int i = 0; i < 50; ++i) random.push_back(RackDraws(target, initial).draw(99, i));
  const std::vector<double> losses = losses_of(target, random, options);
  const FitResult result = fit(target, initial, options);
  CHECK(result.loss_after < 0.6 * *std::ranges::min_element(losses));
  CHECK(result.loss_after < result.loss_before);
  CHECK(losses_of(target, std::vector{result.rack}, options)[0] ==
        doctest::Approx(result.loss_after).epsilon(1e-6));
  const double cents = 1200.0 * std::log2(strongest_partial(render(result.rack), 8000) /
                                          strongest_partial(target.samples, 8000));
  CHECK(std::abs(cents) < 10.0);
  CHECK(parse_rack(format_rack(result.rack), "fitted") == result.rack);
}

TEST_CASE("a fit is the same for the same seed, whatever the threads, and another for another seed") {
  const FitTarget target = prepare_target(render(bell()), 8000, 8000);
  ThreadPool threads(3);
  const Rack initial = bell();
  const FitResult one = fit(target, initial, quick(15)), two = fit(target, initial, quick(15, &threads));
  CHECK(one.rack == two.rack);
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
  CHECK(rest.rack == whole.rack);
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
  const FitResult at_once = fit(target, default_rack(), quick(20), [&](const FitProgress& progress) {
    told.push_back(progress.best_loss);
    return progress.step > 0;
  });
  CHECK(told == std::vector{at_once.loss_before});
  CHECK(at_once.rack == RackDraws(target, default_rack()).tuned());

  told.clear();
  const FitResult later = fit(target, default_rack(), quick(20), [&](const FitProgress& progress) {
    CHECK(progress.step == 0);
    told.push_back(progress.best_loss);
    return told.size() < 2;
  });
  CHECK(told.size() == 2);
  CHECK(later.steps_done == 0);
  CHECK(later.loss_before == at_once.loss_before);
  CHECK(later.loss_after < later.loss_before);  // sixteen were drawn
  CHECK(later.loss_after == told[1]);
  CHECK(losses_of(target, std::vector{later.rack}, quick(20))[0] ==
        doctest::Approx(later.loss_after).epsilon(1e-6));
  CHECK(later.state.best.empty());
}

TEST_CASE("an operator without a gain learns to be heard") {
  const FitTarget target = prepare_target(render(bell()), 8000, 8000);
  Rack silent = bell();
  find_parameter(silent, "fm.operator.1.gain").value = 0.0;
  find_parameter(silent, "fm.operator.1.envelope.attack").value = 0.0;
  FitOptions options = quick(60);
  options.restarts = 1;
  const FitResult result = fit(target, silent, options);
  Rack fitted = result.rack;
  CHECK(find_parameter(fitted, "fm.operator.1.gain").value > 0.1);
  CHECK(result.loss_after < 0.7 * result.loss_before);
}

TEST_CASE("what was given is not detected: frequency and gate") {
  const std::vector<double> sound = render(bell());
  const FitTarget target = prepare_target(sound, 8000, 16000, 123.0, GatePair{0.01, 0.2});
  CHECK(target.frequency == 123.0);
  CHECK(target.gate == GatePair{0.01, 0.2});
  CHECK(target.samples.size() == 2 * sound.size());
  CHECK_THROWS_AS(prepare_target(sound, 8000, 8000, 5000.0), DomainError);
  CHECK_THROWS_AS(prepare_target(sound, 8000, 8000, 440.0, GatePair{0.2, 0.1}), DomainError);
  CHECK_THROWS_AS(prepare_target(std::vector<double>(1000, 0.0), 8000, 8000), DomainError);
}

TEST_CASE("silence before a note is a gate that rises later, and nothing is cut off") {
  const std::vector<double> note = render(bell());
  const FitTarget at_once = prepare_target(note, 8000, 8000);
  std::vector<double> sound(4000, 0.0);
  sound.insert(sound.end(), note.begin(), note.end());
  const FitTarget target = prepare_target(sound, 8000, 8000);
  CHECK(target.samples == sound);
  CHECK(target.frequency == doctest::Approx(at_once.frequency).epsilon(1e-4));
  CHECK(std::abs(target.gate.on - (at_once.gate.on + 0.5)) < 0.001);
  CHECK(target.gate.off == doctest::Approx(at_once.gate.off + 0.5).epsilon(0.01));

  Rack initial = bell();
  const FitResult result = fit(target, initial, quick(5));
  const std::vector<double> fitted = render(result.rack);
  REQUIRE(fitted.size() == sound.size());
  const auto loud = [](double x) { return std::abs(x) > 0.01; };
  const auto first = std::ranges::find_if(fitted, loud) - fitted.begin();
  CHECK(std::abs(first - (std::ranges::find_if(sound, loud) - sound.begin())) < 40);  // 5 ms
}

TEST_CASE("a patch fitted to its own sound at its own gate has a loss of rounding, wherever the gate is") {
  // A slow attack: what lies 40 dB under the peak is no silence.
  Rack truth = bell();
  find_parameter(truth, "fm.operator.0.envelope.attack").value = 0.15;
  for (const double later : {0.0, 0.05, 0.5}) {
    CAPTURE(later);
    truth.duration = 0.3 + later;
    truth.note.gate = {{later, later + 0.15}};
    const FitTarget target =
        prepare_target(render(truth), 8000, 8000, truth.note.frequency, truth.note.gate[0]);
    CHECK(target.samples == render(truth));
    // Tuning scales gains to the recording's peak, which is no operator's gain.
    CHECK(losses_of(target, std::vector{truth}, quick(0))[0] < 1e-4);
  }
}

TEST_CASE("a long silence before the note is no part of the loss") {
  const Rack note = bell();
  const FitTarget at_once = prepare_target(render(note), 8000, 8000, 400.0, note.note.gate[0]);
  Rack wrong = note;
  find_parameter(wrong, "fm.operator.1.gain").value = 0.5;
  Rack late = wrong;
  // A whole number of periods and of hops, so that the sound and its frames are the same.
  const double silence = 3.2;
  FitTarget target = at_once;
  target.samples.insert(target.samples.begin(), static_cast<std::size_t>(silence * 8000), 0.0);
  target.gate = late.note.gate[0] = {silence, silence + 0.15};
  late.duration += silence;
  const FitOptions options = quick(0);
  CHECK(first_compared(target, options.loss) >= 3.2 * 8000 - 2 * 256);
  CHECK(first_compared(target, options.loss) <= 3.2 * 8000 - 256);
  CHECK(first_compared(target, options.loss) % 64 == 0);
  CHECK(first_compared(at_once, options.loss) == 0);
  // The first frames, of silence alone, are the only others.
  CHECK(losses_of(target, std::vector{late}, options)[0] ==
        doctest::Approx(losses_of(at_once, std::vector{wrong}, options)[0]).epsilon(0.15));
}

TEST_CASE("a fit's loss is that of the sound, not of its level") {
  const std::vector<double> sound = render(bell());
  std::vector<double> quiet = sound;
  for (double& x : quiet) x *= 0.001;
  Rack wrong = bell();
  find_parameter(wrong, "fm.operator.1.gain").value = 0.5;
  const FitTarget loud_target = prepare_target(sound, 8000, 8000, 400.0, bell().note.gate[0]);
  const FitTarget quiet_target = prepare_target(quiet, 8000, 8000, 400.0, bell().note.gate[0]);
  const double loss = losses_of(loud_target, std::vector{wrong}, quick(0))[0];
  find_parameter(wrong, "fm.operator.0.gain").value *= 0.001;
  CHECK(losses_of(quiet_target, std::vector{wrong}, quick(0))[0] == doctest::Approx(loss).epsilon(1e-4));
}

TEST_CASE("noise 55 dB under a note does not hide it: the note alone is by far the best of many patches") {
  const Rack truth = bell();
  std::vector<double> noisy = render(truth);
  std::mt19937 random(1);
  std::normal_distribution<double> normal;
  const double peak = std::abs(*std::ranges::max_element(noisy, {}, [](double x) { return std::abs(x); }));
  for (double& x : noisy) x += peak * std::pow(10.0, -55.0 / 20.0) * normal(random);
  const FitTarget target = prepare_target(noisy, 8000, 8000, 400.0, truth.note.gate[0]);
  std::vector<Rack> others;
  const RackDraws draws(target, truth);
  for (int i = 0; i < 100; ++i) others.push_back(draws.draw(5, i));
  FitOptions options;
  options.loss.windows = {512, 256, 128, 64};
  const double best = std::ranges::min(losses_of(target, others, options));
  CHECK(losses_of(target, std::vector{truth}, options)[0] < 0.6 * best);
}

TEST_CASE("random patches have attacks as long as the recording takes to become loud") {
  Rack swell = bell();
  swell.sample_rate = 8000;
  swell.duration = 3.0;
  swell.note.gate = {{0.5, 2.9}};
  swell.modules[0].values = {1.0, 1.0, 1.5, 1.0, 1.0, 0.1};
  const auto attacks = [](const FitTarget& target) {
    std::vector<double> all;
    const RackDraws draws(target, bell());
    for (int i = 0; i < 200; ++i) {
      Rack drawn = draws.draw(3, i);
      for (const char* attack : {"fm.operator.0.envelope.attack", "fm.operator.1.envelope.attack"})
        all.push_back(find_parameter(drawn, attack).value);
    }
    return all;
  };
  const auto slow = attacks(prepare_target(render(swell), 8000, 8000, 400.0, swell.note.gate[0]));
  CHECK(std::ranges::max(slow) > 0.8);
  CHECK(std::ranges::max(slow) < 1.6);
  CHECK(std::ranges::min(slow) < 0.002);
  CHECK(std::ranges::max(attacks(prepare_target(render(bell()), 8000, 8000))) < 0.031);
}

TEST_CASE(
    "a loss that is not finite is an error where nothing can be fitted, and else no row's but its own") {
  const FitTarget target = prepare_target(render(bell()), 8000, 8000);
  Rack too_loud = bell();
  find_parameter(too_loud, "fm.operator.1.gain").value = 1e300;
  // The modulator is one, so what overflows is the phase.
  const std::string message = [&] {
    try {
      fit(target, too_loud, quick(2));
    } catch (const NotFiniteError& error) {
      return std::string(error.what());
    }
    return std::string("none");
  }();
  CHECK(message.find("of the patch to begin with, the loss is ") == 0);
  CHECK(message.find("fm.operator.1.gain, 1e+300") != std::string::npos);

  FitTarget huge = target;
  for (double& x : huge.samples) x *= 1e300;
  CHECK_THROWS_AS(fit(huge, bell(), quick(2)), DomainError);

  // Steps that go too far: what was reached before them is kept.
  FitOptions options = quick(3);
  options.learning_rate = 1e300;
  const FitResult result = fit(target, bell(), options);
  CHECK(std::isfinite(result.loss_after));
  CHECK(result.loss_after <= result.loss_before);
}

TEST_CASE("a fit's floor lies 60 dB under each window's peak, and rises with the recording's own noise") {
  std::mt19937 random(1);
  std::uniform_real_distribution<double> noise(-0.05, 0.05);
  FitTarget clean{.samples = {}, .sample_rate = 8000, .frequency = 400, .gate = {0.0, 1.5}};
  for (int i = 0; i < 16000; ++i)
    clean.samples.push_back(i < 12000 ? 0.5 * std::sin(2.0 * 3.141592653589793 * 400 * i / 8000.0) : 0.0);
  FitTarget noisy = clean;
  for (double& sample : noisy.samples) sample += noise(random);
  const SpectralLossOptions of_clean = fit_loss(clean), of_noisy = fit_loss(noisy);
  REQUIRE(of_clean.floors.size() == of_clean.windows.size());
  const auto smallest =
      static_cast<std::size_t>(std::ranges::min_element(of_clean.windows) - of_clean.windows.begin());
  CHECK(of_noisy.floors[smallest] > 2.0 * of_clean.floors[smallest]);
  CHECK(of_noisy.floors[smallest] < 4.0 * of_clean.floors[smallest]);  // 50 dB under the peak at most
  for (std::size_t i = 0; i < of_clean.floors.size(); ++i) {
    CHECK(of_clean.floors[i] < 1.1e-3 * 0.5);
    CHECK(of_noisy.floors[i] >= of_clean.floors[i] * 0.99);
  }
}
