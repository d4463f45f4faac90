// Pitch and strongest partial of sounds whose partials are known, and of real recordings.
#include <doctest/doctest.h>

#include <cmath>
#include <filesystem>
#include <limits>
#include <numbers>
#include <random>
#include <string>
#include <vector>

#include <retrograd/audio/pitch.hpp>
#include <retrograd/audio/trim.hpp>
#include <retrograd/tensor/errors.hpp>

#include "../../tools/retrograd/sound_file.hpp"

using retrograd::detect_pitch;
using retrograd::DomainError;
using retrograd::strongest_partial;

namespace {

struct Partial {
  double frequency, amplitude;
  double decay = 1e9;  // seconds to 1/e
};

std::vector<double> sound(double seconds, double sample_rate, const std::vector<Partial>& partials) {
  std::vector<double> x(static_cast<std::size_t>(seconds * sample_rate), 0.0);
  double phase = 0.4;
  for (const Partial& partial : partials) {
    for (std::size_t n = 0; n < x.size(); ++n) {
      const double t = static_cast<double>(n) / sample_rate;
      x[n] += partial.amplitude * std::exp(-t / partial.decay) *
              std::sin(2 * std::numbers::pi * (partial.frequency * t + phase));
    }
    phase += 0.37;
  }
  return x;
}

double cents(double a, double b) { return std::abs(1200 * std::log2(a / b)); }

}  // namespace

TEST_CASE("a sine's strongest partial and pitch are its frequency, to a tenth of a cent") {
  for (const double rate : {8000.0, 44100.0, 96000.0}) {
    for (const double frequency : {110.3, 261.63, 1234.5, 3821.0, 0.45 * rate}) {
      CAPTURE(rate);
      CAPTURE(frequency);
      const auto x = sound(0.25, rate, {{frequency, 0.3}});
      CHECK(cents(strongest_partial(x, rate), frequency) < 0.1);
      const auto pitch = detect_pitch(x, rate);
      CHECK(cents(pitch.frequency, frequency) < 0.1);
      CHECK(pitch.confidence > 0.98);
    }
  }
}

TEST_CASE("20 periods of a sine are enough for 1 cent") {
  for (const double frequency : {50.0, 82.4, 440.0, 2000.0}) {
    CHECK(cents(strongest_partial(sound(20 / frequency, 44100, {{frequency, 1}}), 44100), frequency) < 1);
  }
}

TEST_CASE("the strongest of several partials is found to 1 cent, in noise too") {
  std::mt19937 generator(5);
  std::normal_distribution<double> noise(0, 0.01);
  auto x = sound(0.3, 44100, {{271.0, 0.5}, {613.7, 1.0}, {640.0, 0.8}, {1870.0, 0.9}, {9001.0, 0.7}});
  CHECK(cents(strongest_partial(x, 44100), 613.7) < 1);
  for (double& sample : x) sample += noise(generator);
  CHECK(cents(strongest_partial(x, 44100), 613.7) < 1);
}

TEST_CASE("silence around a sound, an offset and rumble change no pitch") {
  const auto x = sound(0.3, 44100, {{440, 0.5, 0.1}, {880, 0.3, 0.05}});
  std::vector<double> padded(20000, 0.0);
  padded.insert(padded.end(), x.begin(), x.end());
  padded.insert(padded.end(), 50000, 0.0);
  CHECK(cents(strongest_partial(padded, 44100), 440) < 1);
  CHECK(cents(detect_pitch(padded, 44100).frequency, 440) < 1);

  auto shifted = sound(0.3, 44100, {{440, 0.5}, {880, 0.3}, {7, 1.0}});
  for (double& sample : shifted) sample += 2;
  CHECK(cents(strongest_partial(shifted, 44100), 440) < 1);
}

TEST_CASE("a harmonic sound's pitch is its fundamental, whichever partial is strongest") {
  for (const double rate : {22050.0, 48000.0}) {
    for (const double fundamental : {55.0, 261.63, 987.8}) {
      for (std::size_t strongest = 1; strongest <= 6; ++strongest) {
        CAPTURE(rate);
        CAPTURE(fundamental);
        CAPTURE(strongest);
        std::vector<Partial> partials;
        for (std::size_t k = 1; k <= 7; ++k) {
          partials.push_back({static_cast<double>(k) * fundamental, k == strongest ? 1.0 : 0.5, 0.4});
        }
        const auto x = sound(0.4, rate, partials);
        CHECK(cents(strongest_partial(x, rate), static_cast<double>(strongest) * fundamental) < 1);
        const auto pitch = detect_pitch(x, rate);
        CHECK(cents(pitch.frequency, fundamental) < 1);
        CHECK(pitch.confidence > 0.9);
      }
    }
  }
}

TEST_CASE("the strong partials are listed with their levels, strongest first") {
  const auto x = sound(0.3, 44100, {{300, 0.5}, {1000.7, 1.0}, {2500, 0.25}, {4000, 0.01}});
  const auto partials = retrograd::strong_partials(x, 44100, -20);
  REQUIRE(partials.size() == 3);
  const double frequencies[] = {1000.7, 300, 2500}, amplitudes[] = {1, 0.5, 0.25};
  for (std::size_t i = 0; i < 3; ++i) {
    CHECK(std::abs(partials[i].frequency - frequencies[i]) < 0.1 / 0.3);
    CHECK(partials[i].level == doctest::Approx(20 * std::log10(amplitudes[i])).epsilon(0.03));
  }
  CHECK(partials[0].frequency == strongest_partial(x, 44100));
  CHECK(retrograd::strong_partials(x, 44100, -45).size() >= 4);
}

TEST_CASE("a missing fundamental is found") {
  const auto x = sound(0.3, 44100, {{600, 0.7}, {800, 1}, {1000, 0.9}, {1400, 0.5}});
  const auto pitch = detect_pitch(x, 44100);
  CHECK(cents(pitch.frequency, 200) < 1);
  CHECK(pitch.confidence > 0.95);
}

TEST_CASE("an inharmonic bell's pitch is its strongest partial, with less confidence") {
  const auto x = sound(0.28, 44100, {{523, 1, 0.2}, {523 * 2.76, 0.8, 0.15}, {523 * 5.404, 0.6, 0.1}});
  const auto pitch = detect_pitch(x, 44100);
  CHECK(cents(pitch.frequency, 523) < 3);
  CHECK(pitch.frequency == strongest_partial(x, 44100));
  CHECK(pitch.confidence < 0.8);
}

TEST_CASE("noise gives a pitch nobody should be confident in") {
  std::mt19937 generator(2);
  std::normal_distribution<double> noise;
  std::vector<double> x(20000);
  for (double& sample : x) sample = noise(generator);
  const auto pitch = detect_pitch(x, 44100);
  CHECK(pitch.frequency >= 20);
  CHECK(pitch.frequency < 22050);
  CHECK(pitch.confidence < 0.4);
}

TEST_CASE("a low note is found whose tenth partial is the strongest") {
  // 75 Hz with a formant at 750 Hz was found as 750 Hz, with confidence 0.71.
  for (const double fundamental : {41.2, 75.0, 110.0}) {
    std::vector<Partial> partials;
    for (int k = 1; k <= 20; ++k) {
      partials.push_back({k * fundamental, 0.02 + std::exp(-0.5 * std::pow((k - 10) / 2.0, 2))});
    }
    const auto pitch = detect_pitch(sound(0.6, 44100, partials), 44100);
    CHECK(cents(pitch.frequency, fundamental) < 3);
    CHECK(pitch.confidence > 0.9);
  }
}

TEST_CASE("a vibrato has its mean pitch") {
  // 50 cents at 440 Hz was found as a sideband, 446 Hz, with confidence 0.97.
  for (const double frequency : {220.0, 440.0}) {
    for (const double depth : {20.0, 50.0, 100.0}) {
      for (const int partials : {1, 8}) {
        std::vector<double> x(66150);
        double turns = 0;
        for (std::size_t i = 0; i < x.size(); ++i) {
          const double bend = depth * std::sin(2 * std::numbers::pi * 5.5 * static_cast<double>(i) / 44100);
          turns += frequency * std::pow(2, bend / 1200) / 44100;
          for (int k = 1; k <= partials; ++k) x[i] += std::sin(2 * std::numbers::pi * k * turns + k) / k;
        }
        CAPTURE(frequency);
        CAPTURE(depth);
        CAPTURE(partials);
        const auto pitch = detect_pitch(x, 44100);
        CHECK(cents(pitch.frequency, frequency) < (depth > 50 ? 15 : 8));
        CHECK(pitch.confidence > 0.8);
      }
    }
  }
}

TEST_CASE("tones with spectra drawn at random have their own pitch, or no confidence") {
  std::mt19937 generator(5);
  const auto between = [&](double low, double high) {
    return low + (high - low) * std::generate_canonical<double, 53>(generator);
  };
  for (int trial = 0; trial < 20; ++trial) {
    const double rate = trial % 2 == 0 ? 44100 : 22050;
    const double fundamental = std::exp(between(std::log(27.5), std::log(4000)));
    const int count = std::min(30, static_cast<int>(0.45 * rate / fundamental));
    std::vector<Partial> partials;
    for (int k = 1; k <= count; ++k) {
      const double level = trial % 3 == 0 ? between(-40, 0) : trial % 3 == 1 ? between(-20, 0) : -6.0 * k / 5;
      const bool is_missing = trial % 5 == 4 && k == 1 && count > 4;
      if (!is_missing)
        partials.push_back({k * fundamental, std::pow(10, level / 20), trial % 4 == 1 ? 0.3 : 1e9});
    }
    CAPTURE(trial);
    CAPTURE(fundamental);
    const auto pitch = detect_pitch(sound(std::max(0.3, 12 / fundamental), rate, partials), rate);
    CHECK((cents(pitch.frequency, fundamental) < 3 || pitch.confidence < 0.5));
  }
}

TEST_CASE("even harmonics alone, tremolo and a stiff string have the pitch of their period") {
  std::vector<Partial> even, stiff;
  for (int k = 1; k <= 12; ++k) {
    even.push_back({2 * k * 110.0, 1.0 / k});
    stiff.push_back({82.4 * k * std::sqrt(1 + 2e-4 * k * k), 1 / std::sqrt(k)});
  }
  auto x = sound(0.5, 44100, even);
  CHECK(cents(detect_pitch(x, 44100).frequency, 220) < 3);
  for (std::size_t i = 0; i < x.size(); ++i) {
    x[i] *= 1 + 0.9 * std::sin(2 * std::numbers::pi * 6 * static_cast<double>(i) / 44100);
  }
  CHECK(cents(detect_pitch(x, 44100).frequency, 220) < 3);
  CHECK(cents(detect_pitch(sound(0.5, 44100, stiff), 44100).frequency, 82.4) < 5);
}

TEST_CASE("a glide of an octave has no pitch to be confident in") {
  std::vector<double> x(44100);
  double turns = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    turns += 220 * std::pow(2, static_cast<double>(i) / 44100) / 44100;
    x[i] = std::sin(2 * std::numbers::pi * turns) + 0.5 * std::sin(4 * std::numbers::pi * turns);
  }
  CHECK(detect_pitch(x, 44100).confidence < 0.5);
}

TEST_CASE("the pitch does not depend on the recording's level") {
  auto x = sound(0.2, 44100, {{300, 0.5}, {600, 0.8}});
  const auto pitch = detect_pitch(x, 44100);
  for (const double level : {1e-290, 1e290}) {
    auto scaled = x;
    for (double& sample : scaled) sample *= level;
    CHECK(detect_pitch(scaled, 44100).frequency == doctest::Approx(pitch.frequency).epsilon(1e-9));
  }
}

TEST_CASE("very short recordings give some frequency or say that they are too short") {
  const auto x = sound(0.1, 44100, {{1000, 1}});
  for (std::size_t size = 64; size < 600; size += 31) {
    const auto pitch = detect_pitch(std::span(x).first(size), 44100);
    REQUIRE(pitch.frequency >= 20);
    REQUIRE(pitch.frequency <= 22050);
    REQUIRE(pitch.confidence >= 0);
    REQUIRE(pitch.confidence <= 1);
  }
  CHECK_THROWS_WITH_AS(detect_pitch(std::span(x).first(63), 44100),
                       "the recording is too short to find a pitch in: 63 samples, 64 or more are needed",
                       DomainError);
  CHECK_THROWS_WITH_AS(strongest_partial(std::vector<double>{1}, 44100),
                       "the recording is too short to find a pitch in: 1 sample, 64 or more are needed",
                       DomainError);
}

TEST_CASE("pitch refuses what is no recording, and says why") {
  const std::vector<double> silent(1000, 0.0), constant(1000, 0.7);
  std::vector<double> damaged(1000, 0.1);
  damaged[999] = std::numeric_limits<double>::quiet_NaN();
  CHECK_THROWS_WITH_AS(detect_pitch({}, 44100), "the recording is empty: it has no samples", DomainError);
  CHECK_THROWS_WITH_AS(detect_pitch(silent, 44100), "the recording is silent: its peak is 0", DomainError);
  CHECK_THROWS_WITH_AS(strongest_partial(silent, 44100), "the recording is silent: its peak is 0",
                       DomainError);
  CHECK_THROWS_WITH_AS(detect_pitch(damaged, 44100), "the recording is damaged: sample 999 is NaN",
                       DomainError);
  CHECK_THROWS_WITH_AS(detect_pitch(constant, 44100),
                       "the recording has no pitch: it holds nothing between 20 Hz and half its sample rate",
                       DomainError);
  CHECK_THROWS_WITH_AS(detect_pitch(constant, 0),
                       "a sample rate must be a finite number of Hz above 0, not 0", DomainError);
}

TEST_CASE("real recordings have the pitches they are heard at") {
  struct Expected {
    const char* name;
    double frequency;
    double within_cents;
  };
  for (const Expected& expected : {Expected{"elec_bell", 260.9, 25},
                                   {"elec_ping", 883.6, 5},
                                   {"bass_woodsy_c", 65.2, 10},
                                   {"elec_blip", 591.75, 10},
                                   {"elec_triangle", 6834.7, 5}}) {
    const auto& name = expected.name;
    const std::string path = std::string("/usr/share/sonic-pi/samples/") + name + ".flac";
    if (!std::filesystem::exists(path)) {
      MESSAGE("skipped, not installed: ", path);
      continue;
    }
    CAPTURE(name);
    const auto recording = retrograd::tool::read_sound(path);
    const auto mono = retrograd::mix_to_mono(recording.samples, recording.channels);
    const auto pitch = detect_pitch(mono, recording.sample_rate);
    CHECK(cents(pitch.frequency, expected.frequency) < expected.within_cents);
    CHECK(pitch.confidence > 0.8);
  }
}
