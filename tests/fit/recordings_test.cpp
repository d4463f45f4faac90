// The fit on real recordings (Debian's sonic-pi-samples), under the conditions that README reports.
#include <doctest/doctest.h>
#include <retrograd/audio/partial.hpp>
#include <retrograd/audio/trim.hpp>
#include <retrograd/fit/fit.hpp>
#include <retrograd/patches/record.hpp>

#include <algorithm>
#include <cmath>
#include <filesystem>

#include "../../tools/retrograd/sound_file.hpp"

using namespace retrograd;

TEST_CASE(
    "300 steps and 8 restarts come to 0.6 of the best of 200 random patches, on the recording's pitch") {
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
    std::vector<Patch> random;
    for (int i = 0; i < 200; ++i) random.push_back(random_patch(target, default_patch_to_fit(), 12345, i));
    const double best_random = std::ranges::min(losses_of(target, random, options));
    const FitResult result = fit(target, default_patch_to_fit(), options);

    Tape tape(tape_options(result.patch));
    const RecordedPatch recorded = record(tape, result.patch);
    tape.play({recorded.audio});
    const auto samples = tape.value(recorded.audio).as<float>();
    const std::vector<double> fitted(samples.begin(), samples.end());
    const double cents =
        1200.0 * std::log2(strongest_partial(fitted, 44100) / strongest_partial(target.samples, 44100));
    MESSAGE(name, ": loss ", result.loss_after, ", best of 200 random patches ", best_random, ", ratio ",
            result.loss_after / best_random, ", strongest partial off by ", cents, " cents");
    CHECK(result.loss_after <= 0.6 * best_random);
    CHECK(std::abs(cents) <= 10.0);
  }
}
