// Small files on which programs of this kind go wrong, each with what is right: a table. Every file stands for a kind of fault.
// The MIDI files are at 120 beats a minute and 960 ticks a second; org.toml is one sine operator of gain 0.5 and sustain 1, so that a note
// of velocity 100 has the level 0.5 * 100/127 = 0.39.
#include <doctest/doctest.h>
#include <sys/wait.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <numbers>
#include <string>
#include <vector>

#include "../../tools/retrograd/sound_file.hpp"
#include "../tools/scratch.hpp"

using namespace retrograd::tool;

namespace {

struct Outcome {
  int code = -1;
  std::string out, err;
  Sound sound;  // what was rendered, if anything was

  double seconds() const {
    return static_cast<double>(sound.samples.size()) / (sound.channels * sound.sample_rate);
  }
  /// The largest magnitude within 20 ms from `time` on; 0 beyond the end.
  double level_at(double time) const {
    const auto first = static_cast<std::size_t>(time * sound.sample_rate);
    const auto end =
        std::min(sound.samples.size(), static_cast<std::size_t>((time + 0.02) * sound.sample_rate));
    double level = 0.0;
    for (std::size_t i = first; i < end; ++i) level = std::max(level, std::abs(sound.samples[i]));
    return level;
  }
  /// Hz, from the first to the last rising zero crossing between two times.
  double frequency_between(double from, double to) const {
    std::vector<double> crossings;
    const auto end = std::min(sound.samples.size(), static_cast<std::size_t>(to * sound.sample_rate));
    for (auto i = static_cast<std::size_t>(from * sound.sample_rate) + 1; i < end; ++i)
      if (sound.samples[i - 1] < 0.0 && sound.samples[i] >= 0.0)
        crossings.push_back(static_cast<double>(i) -
                            sound.samples[i] / (sound.samples[i] - sound.samples[i - 1]));
    if (crossings.size() < 2) return 0.0;
    return static_cast<double>(crossings.size() - 1) / (crossings.back() - crossings.front()) *
           sound.sample_rate;
  }
  /// The amplitude of a partial between two times.
  double partial(double hertz, double from, double to) const {
    double re = 0.0, im = 0.0;
    const auto first = static_cast<std::size_t>(from * sound.sample_rate);
    const auto end = std::min(sound.samples.size(), static_cast<std::size_t>(to * sound.sample_rate));
    for (std::size_t i = first; i < end; ++i) {
      const double angle = 2.0 * std::numbers::pi * hertz * static_cast<double>(i) / sound.sample_rate;
      re += sound.samples[i] * std::cos(angle);
      im += sound.samples[i] * std::sin(angle);
    }
    return 2.0 * std::hypot(re, im) / static_cast<double>(std::max<std::size_t>(1, end - first));
  }
  /// The first number after a word of the output; NaN where there is none.
  double number_after(const std::string& word) const {
    const std::size_t place = out.find(word);
    const std::size_t digit = place == std::string::npos ? place : out.find_first_of("0123456789", place);
    return digit == std::string::npos ? std::nan("") : std::strtod(out.c_str() + digit, nullptr);
  }
  bool says(const std::string& words) const { return (out + err).find(words) != std::string::npos; }
};

/// Runs the program on the files of this folder; OUT in `arguments` is the sound that is read back.
Outcome run(std::string arguments) {
  const Scratch scratch;
  const std::string folder = std::string(RETROGRAD_SOURCE_ROOT) + "/tests/cases";
  std::filesystem::copy(folder, scratch / "cases");
  const std::string sound = scratch / "out.wav";
  if (const std::size_t place = arguments.find("OUT"); place != std::string::npos)
    arguments.replace(place, 3, sound);
  const std::string command = "cd '" + (scratch / "cases").string() + "' && ulimit -t 60 && '" +
                              RETROGRAD_PROGRAM + "' " + arguments + " > '" + (scratch / "stdout").string() +
                              "' 2> '" + (scratch / "stderr").string() + "'";
  Outcome outcome;
  const int status = std::system(command.c_str());
  outcome.code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  outcome.out = content(scratch / "stdout");
  outcome.err = content(scratch / "stderr");
  if (std::filesystem::exists(sound)) outcome.sound = read_sound(sound);
  return outcome;
}

Outcome played(const std::string& notes) { return run("render org.toml --notes " + notes + " -o OUT"); }

/// A note of velocity 100 (of org.toml) sounds all the time between.
void sounds_between(const Outcome& outcome, double from, double to) {
  double lowest = 1.0, highest = 0.0;
  for (double time = from; time < to; time += 0.05) {
    lowest = std::min(lowest, outcome.level_at(time));
    highest = std::max(highest, outcome.level_at(time));
  }
  CHECK(lowest > 0.38);
  CHECK(highest < 0.41);
}

struct Case {
  const char* name;
  const char* right;
  Outcome (*run)();
  void (*check)(const Outcome&);
};

const Case cases[] = {
    {"m01", "a note off of one channel leaves another channel's note of that key",
     [] { return played("m01_two_channels_one_key.mid"); },
     [](const Outcome& o) {
       CHECK(o.code == 0);
       sounds_between(o, 0.05, 0.95);  // until 2 s the two notes add up, whatever their phases make of that
       sounds_between(o, 2.05, 3.95);
     }},
    {"m03", "a note on that meets a note off of its key at one tick sounds, whatever the order of the tracks",
     [] { return played("m03_two_hands_lost_note.mid"); },
     [](const Outcome& o) {
       CHECK(o.code == 0);
       sounds_between(o, 0.05, 0.9);
       sounds_between(o, 1.1, 1.9);
     }},
    {"m05", "a bend of one channel bends that channel alone",
     [] { return played("m05_bend_of_channel_2.mid"); },
     [](const Outcome& o) {
       CHECK(o.code == 0);
       CHECK(o.frequency_between(0.1, 1.9) == doctest::Approx(440.0).epsilon(1e-4));
       CHECK(o.frequency_between(2.1, 3.9) == doctest::Approx(440.0).epsilon(1e-4));
     }},
    {"m06", "the range of bends is what RPN 0 says", [] { return played("m06_rpn_bend_range_12.mid"); },
     [](const Outcome& o) {
       CHECK(o.code == 0);
       CHECK(o.frequency_between(0.1, 1.9) == doctest::Approx(440.0).epsilon(1e-4));
       CHECK(o.frequency_between(2.1, 3.9) == doctest::Approx(880.0).epsilon(1e-4));
     }},
    {"m09", "a running status goes on after a meta event",
     [] { return played("m09_running_status_over_meta.mid"); },
     [](const Outcome& o) {
       CHECK(o.code == 0);
       CHECK(o.says("status byte"));
       sounds_between(o, 0.05, 0.9);
       CHECK(o.level_at(1.1) < 1e-3);
     }},
    {"m12", "tracks beyond those the header counts are played",
     [] { return played("m12_header_says_1_track.mid"); },
     [](const Outcome& o) {
       CHECK(o.code == 0);
       CHECK(o.says("track"));
       CHECK(o.partial(261.6256, 0.1, 0.9) > 0.35);
       CHECK(o.partial(523.2511, 1.1, 1.9) > 0.35);
     }},
    {"m13", "a track whose size is too large is played to its end",
     [] { return played("m13_track_size_too_large.mid"); },
     [](const Outcome& o) {
       CHECK(o.code == 0);
       CHECK(o.says("m13_track_size_too_large.mid"));
       sounds_between(o, 0.05, 0.9);
     }},
    {"m15", "all notes off waits for the pedal to rise", [] { return played("m15_pedal_and_cc123.mid"); },
     [](const Outcome& o) {
       CHECK(o.code == 0);
       for (const double hertz : {261.6256, 329.6276, 391.9954, 523.2511}) {
         CAPTURE(hertz);
         CHECK(o.partial(hertz, 1.8, 2.4) > 0.35);
       }
       CHECK(o.level_at(2.6) < 1e-3);
     }},
    {"m16", "an end of track minutes away does not lengthen the sound",
     [] { return played("m16_end_of_track_far_away.mid"); },
     [](const Outcome& o) {
       CHECK(o.code == 0);
       CHECK(o.seconds() > 0.5);
       CHECK(o.seconds() < 1.0);
     }},
    {"p01", "gates that touch are two attacks", [] { return run("render p01_touching_pairs.toml -o OUT"); },
     [](const Outcome& o) {
       CHECK(o.code == 0);
       CHECK(o.level_at(0.25) == doctest::Approx(0.1).epsilon(0.05));
       CHECK(o.level_at(0.3) > 0.4);
     }},
    {"p03", "a gate after the end is said", [] { return run("render p03_gate_after_the_end.toml -o OUT"); },
     [](const Outcome& o) {
       CHECK(o.code == 0);
       CHECK(o.says("warning"));
       CHECK(o.says("gate"));
     }},
    {"s02", "noise of -50 dB before a note is not the note",
     [] { return run("info s02_noise_-50dB_before_onset.wav"); },
     [](const Outcome& o) {
       REQUIRE(o.code == 0);
       CHECK(o.number_after("gate") == doctest::Approx(0.5).epsilon(0.02));
     }},
    {"s05", "a tone of 75 Hz whose tenth partial is strongest is one of 75 Hz",
     [] { return run("info s05_75Hz_formant_750.wav"); },
     [](const Outcome& o) {
       REQUIRE(o.code == 0);
       CHECK(o.number_after("pitch") == doctest::Approx(75.0).epsilon(0.005));
     }},
    {"s09", "channels that cancel are said to",
     [] { return run("gradient org.toml --target s09_antiphase.wav"); },
     [](const Outcome& o) { CHECK(o.says("cancel")); }},
    {"s10", "a data size of 0 is read to the end of the file", [] { return run("info s10_data_size_0.wav"); },
     [](const Outcome& o) {
       CHECK(o.code == 0);
       CHECK(o.says("44100"));
       CHECK(o.err.find("s10_data_size_0.wav") != std::string::npos);
     }},
    {"s13", "a cut AU file is an error", [] { return run("info s13_cut.au"); },
     [](const Outcome& o) {
       CHECK(o.code == 3);
       CHECK(o.says("s13_cut.au"));
     }},
    {"s14", "a rate of 8 Hz is refused",
     [] { return run("gradient org.toml --target s14_rate_8Hz_in_header.wav"); },
     [](const Outcome& o) {
       CHECK(o.code == 3);
       CHECK(o.says("8 Hz"));
     }},
    {"g01", "right gradients of a fitted patch do not fail",
     [] { return run("gradcheck g01_fitted_elec_bell.toml"); },
     [](const Outcome& o) {
       CHECK(o.code == 0);
       CHECK(!o.says("FAIL"));
     }},
};

}  // namespace

TEST_CASE("files on which programs go wrong") {
  for (const Case& one : cases) SUBCASE(one.name) {
      INFO(one.right);
      const Outcome outcome = one.run();
      INFO(outcome.out);
      INFO(outcome.err);
      one.check(outcome);
    }
}
