// Where the sound begins in recordings whose onset is known, behind noise, hum, offsets and clicks.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <random>
#include <vector>

#include <retrograd/audio/gate.hpp>
#include <retrograd/audio/sounding.hpp>
#include <retrograd/audio/trim.hpp>
#include <retrograd/tensor/errors.hpp>

using namespace retrograd;

namespace {

double amplitude_of(double decibels) { return std::pow(10, decibels / 20); }

/// A tone of two partials from `on` for `length` seconds, and `tail` seconds after it.
struct Note {
  double rate = 44100, frequency = 330, on = 0.3, length = 0.5, tail = 0.3, amplitude = 0.5, attack = 0.002;

  double rms() const { return amplitude * 0.54; }
  std::vector<double> samples() const {
    std::vector<double> x(static_cast<std::size_t>((on + length + tail) * rate), 0.0);
    for (std::size_t i = 0; i < x.size(); ++i) {
      const double t = static_cast<double>(i) / rate - on, turns = 2 * std::numbers::pi * frequency * t;
      if (t < 0) continue;
      const double envelope = std::min(1.0, t / attack) * (t < length ? 1 : std::exp(-(t - length) / 0.01));
      x[i] = amplitude * envelope * (0.7 * std::sin(turns + 0.6) + 0.3 * std::sin(2 * turns + 1));
    }
    return x;
  }
};

class Draw {
 public:
  double between(double low, double high) {
    return low + (high - low) * std::generate_canonical<double, 53>(generator_);
  }
  double normal() { return normal_(generator_); }
  std::vector<double> with_noise(std::vector<double> x, double level) {
    for (double& value : x) value += level * normal();
    return x;
  }

 private:
  std::mt19937 generator_{1};
  std::normal_distribution<double> normal_;
};

void check_begins(const std::vector<double>& x, const Note& note, const char* what, double within = 0.004) {
  CAPTURE(what);
  CAPTURE(note.rate);
  CAPTURE(note.frequency);
  CAPTURE(note.on);
  CHECK(std::abs(static_cast<double>(leading_silence(x, note.rate)) / note.rate - note.on) < within);
  const Gate gate = detect_gate(x, note.rate);
  CHECK(std::abs(gate.on - note.on) < within);
  CHECK(std::abs(gate.off - (note.on + note.length)) < 0.03);
}

}  // namespace

TEST_CASE("the onset is found within 4 ms behind noise, hum, offsets, clicks and bursts") {
  Draw draw;
  for (int trial = 0; trial < 8; ++trial) {
    Note note;
    note.rate = std::vector<double>{8000, 22050, 44100, 48000, 96000}[static_cast<std::size_t>(trial % 5)];
    note.frequency = std::exp(draw.between(std::log(80), std::log(2000)));
    note.on = draw.between(0.12, 0.8);
    note.length = draw.between(0.15, 1);
    note.tail = draw.between(0.2, 0.6);
    note.amplitude = draw.between(0.2, 0.9);
    const std::vector<double> clean = note.samples();
    const auto at = [&](double seconds) { return static_cast<std::size_t>(seconds * note.rate); };

    check_begins(clean, note, "nothing");
    for (const double level : {-60.0, -50.0, -40.0, -30.0}) {
      check_begins(draw.with_noise(clean, note.rms() * amplitude_of(level)), note, "noise", 0.006);
      auto hum = clean;
      for (std::size_t i = 0; i < hum.size(); ++i) {
        hum[i] += note.rms() * std::numbers::sqrt2 * amplitude_of(level) *
                  std::sin(2 * std::numbers::pi * 50 * static_cast<double>(i) / note.rate);
      }
      check_begins(hum, note, "hum", 0.006);
    }
    for (const double offset : {0.02, -0.1, 0.5}) {
      auto shifted = clean;
      for (double& value : shifted) value += offset;
      check_begins(shifted, note, "an offset");
      check_begins(draw.with_noise(shifted, note.rms() * amplitude_of(-50)), note, "an offset and noise");
    }
    auto stepped = clean;
    for (std::size_t i = at(0.4 * note.on); i < stepped.size(); ++i) stepped[i] += 0.02;
    check_begins(stepped, note, "a step of the offset");

    auto clicked = clean;
    clicked[at(draw.between(0, note.on - 0.04))] += 1;
    check_begins(clicked, note, "a click of one sample");
    check_begins(draw.with_noise(clicked, note.rms() * amplitude_of(-45)), note, "a click in noise");
    clicked[at(note.on + note.length + 0.12)] += 1;
    check_begins(clicked, note, "clicks before and after");

    auto burst = clean;
    const double start = draw.between(0.1, 0.4) * note.on;
    for (std::size_t i = at(start); i < at(start + 0.02); ++i)
      burst[i] += 0.1 * note.amplitude * draw.normal();
    check_begins(burst, note, "a burst of noise");

    auto smeared = clean;
    for (std::size_t i = 0; i < at(note.on); ++i) {
      const double before = note.on - static_cast<double>(i) / note.rate;
      if (before < 0.02)
        smeared[i] += note.rms() * amplitude_of(-33) * std::exp(-before / 0.008) * draw.normal();
    }
    check_begins(smeared, note, "a codec's pre-echo", 0.006);

    auto quiet = clean;
    for (double& value : quiet) value = std::round(value * 0.001 * 32768) / 32768;
    check_begins(quiet, note, "-60 dB in 16 bits", 0.006);
  }
}

TEST_CASE("a noise of -50 dB before a note at 0.5 s is no part of it") {
  // It was found at 0.0002 s: the first sample within 40 dB of the peak was the noise's.
  Note note;
  note.on = 0.5;
  Draw draw;
  const auto x = draw.with_noise(note.samples(), note.rms() * amplitude_of(-50));
  CHECK(std::abs(static_cast<double>(leading_silence(x, 44100)) / 44100 - 0.5) < 0.003);
}

TEST_CASE("clicks in a noise louder than -40 dB are told from the note by the noise's own level") {
  // Such a noise is above the threshold that belongs to the loudest moment: without one that belongs to the floor, the
  // noise, its clicks and the note are one event, which begins with the first click.
  Draw draw;
  for (const double level : {-38.0, -34.0, -30.0}) {
    for (int trial = 0; trial < 4; ++trial) {
      Note note;
      note.on = draw.between(0.4, 1.2);
      const double noise = note.rms() * amplitude_of(level);
      auto x = draw.with_noise(note.samples(), noise);
      for (double at = 0.05; at < note.on - 0.06; at += draw.between(0.05, 0.2)) {
        // A scratched record's: 0.1 ms, and it rings a little.
        const double height = noise * draw.between(7, 15) * (draw.normal() < 0 ? -1 : 1);
        const auto first = static_cast<std::size_t>(at * note.rate);
        for (std::size_t i = 0; i < 40; ++i)
          x[first + i] +=
              height * std::exp(-static_cast<double>(i) / 6) * std::cos(0.9 * static_cast<double>(i));
      }
      CAPTURE(level);
      check_begins(x, note, "a crackling record", 0.006);
    }
  }
}

TEST_CASE("a recording that begins in its sound begins at once") {
  Draw draw;
  for (const double frequency : {60.0, 330.0, 3000.0}) {
    for (const double attack : {1e-9, 0.03}) {
      Note note;
      note.on = 0;
      note.frequency = frequency;
      note.attack = attack;
      const auto x = note.samples();
      CHECK(leading_silence(x, 44100) < 100);
      CHECK(leading_silence(draw.with_noise(x, note.rms() * amplitude_of(-40)), 44100) < 100);
    }
  }
  std::vector<double> growing(44100);  // from -25 dB, 15 dB a second: its beginning is no floor
  for (std::size_t i = 0; i < growing.size(); ++i) {
    const double t = static_cast<double>(i) / 44100;
    growing[i] = amplitude_of(-25 + 15 * t) * std::sin(2 * std::numbers::pi * 440 * t + 1);
  }
  CHECK(leading_silence(growing, 44100) == 0);
  CHECK(leading_silence(draw.with_noise(std::vector<double>(20000, 0.0), 1), 44100) < 100);
}

TEST_CASE("a slow fade begins where it rises above the floor") {
  Draw draw;
  for (const double fade : {0.1, 0.3, 0.6}) {
    Note note;
    note.length = 1;
    note.attack = fade;
    const auto x = note.samples();
    const auto begins = [&](const std::vector<double>& recording) {
      return static_cast<double>(leading_silence(recording, 44100)) / 44100;
    };
    CHECK(begins(x) >= note.on);
    CHECK(begins(x) < note.on + 0.01 + 0.02 * fade);
    CHECK(std::abs(begins(draw.with_noise(x, note.rms() * amplitude_of(-50))) - note.on) <
          0.01 + 0.05 * fade);
  }
}

TEST_CASE("a first hit that is softer than the second is part of the sound") {
  std::vector<double> x(44100, 0.0);
  for (std::size_t i = 0; i < 10000; ++i) {
    const double t = static_cast<double>(i) / 44100;
    x[4410 + i] += 0.2 * std::exp(-t / 0.05) * std::sin(2 * std::numbers::pi * 500 * t + 1);
    x[26460 + i] += 0.6 * std::exp(-t / 0.05) * std::sin(2 * std::numbers::pi * 500 * t + 1);
  }
  CHECK(std::abs(static_cast<double>(leading_silence(x, 44100)) - 4410) < 44);
}

TEST_CASE("an onset does not depend on the recording's level, and is found in any size") {
  Note note;
  auto x = note.samples();
  const std::size_t begin = leading_silence(x, 44100);
  for (const double level : {1e-300, 1e-6, 1e300}) {
    auto scaled = x;
    for (double& value : scaled) value *= level;
    CHECK(leading_silence(scaled, 44100) == begin);
  }
  Draw draw;
  for (std::size_t size = 1; size < 3000; size = size * 5 / 4 + 1) {
    for (const double rate : {1.0, 100.0, 8000.0, 44100.0, 1e12}) {
      const auto noise = draw.with_noise(std::vector<double>(size, 0.3), 0.1);
      REQUIRE(sound_begin(noise, rate) < size);
      REQUIRE(sound_end(noise, rate).sample > 0);
      REQUIRE(sound_end(noise, rate).sample <= size);
    }
  }
  CHECK(leading_silence(std::vector<double>(5000, 0.7), 44100) == 0);
  CHECK_THROWS_WITH_AS(leading_silence(x, 0), "a sample rate must be a finite number of Hz above 0, not 0",
                       DomainError);
}
