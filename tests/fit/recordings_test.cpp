// The fit on real recordings (Debian's sonic-pi-samples), under the conditions that README reports.
#include <doctest/doctest.h>
#include <retrograd/audio/partial.hpp>
#include <retrograd/audio/trim.hpp>
#include <retrograd/fit/fit.hpp>
#include <retrograd/racks/record.hpp>

#include <algorithm>
#include <cmath>
#include <filesystem>

#include "../../tools/retrograd/sound_file.hpp"

using namespace retrograd;

namespace {

std::vector<double> render(const Rack& patch) {
  Tape tape(tape_options(patch));
  const RecordedRack recorded = record(tape, patch);
  tape.play({recorded.audio});
  const auto samples = tape.value(recorded.audio).as<float>();
  return {samples.begin(), samples.end()};
}

// A measure that no fit descends: by how much magnitudes are off, as a share of all there are, in windows that a fit
// does not have.
double distance_to(const std::vector<double>& wanted, const std::vector<double>& found) {
  const spectrum::SpectralLoss<double> loss({.windows = {4096, 32}, .log_weight = 0.0});
  spectrum::SpectrumWorkspace<double> workspace;
  spectrum::TargetSpectra<double> target;
  const auto length = static_cast<std::int64_t>(wanted.size());
  loss.prepare_target(wanted.data(), length, target, workspace);
  const std::vector<double> silence(wanted.size());
  return loss.loss(found.data(), length, target, workspace) /
         loss.loss(silence.data(), length, target, workspace);
}

}  // namespace

TEST_CASE(
    "300 steps and 8 restarts come much nearer than the best of 200 random patches, on the recording's "
    "pitch") {
  ThreadPool threads(2);
  FitOptions options;
  options.executor = &threads;
  for (const char* name : {"elec_bell", "elec_ping"}) {
    const std::string path = std::string("/usr/share/sonic-pi/samples/") + name + ".flac";
    if (!std::filesystem::exists(path)) {
      MESSAGE("skipped: ", path, " is not there (Debian: sonic-pi-samples)");
      continue;
    }
    const tool::Sound sound = tool::read_sound(path);
    const FitTarget target =
        prepare_target(mix_to_mono(sound.samples, sound.channels), sound.sample_rate, 44100);
    std::vector<Rack> random;
    const RackDraws draws(target, default_rack_to_fit());
    for (int i = 0; i < 200; ++i) random.push_back(draws.draw(12345, i));
    const std::vector<double> losses = losses_of(target, random, options);
    const auto best = std::ranges::min_element(losses);
    const double best_random = *best;
    const FitResult result = fit(target, default_rack_to_fit(), options);

    const std::vector<double> fitted = render(result.rack);
    const double distance = distance_to(target.samples, fitted);
    const double distance_of_random =
        distance_to(target.samples, render(random[static_cast<std::size_t>(best - losses.begin())]));
    const double cents =
        1200.0 * std::log2(strongest_partial(fitted, 44100) / strongest_partial(target.samples, 44100));
    MESSAGE(name, ": loss ", result.loss_after, ", best of 200 random patches ", best_random, ", ratio ",
            result.loss_after / best_random, "; ", distance, " of the recording's spectrum is off, ",
            distance_of_random, " in the best random patch; strongest partial off by ", cents, " cents");
    CHECK(result.loss_after <= 0.8 * best_random);
    CHECK(distance <= 0.8 * distance_of_random);
    CHECK(std::abs(cents) <= 10.0);
  }
}
