// A rack with a mix point: what feeds `voices` plays once for each note, what it feeds plays once.
#include <doctest/doctest.h>

#include <retrograd/instrument/instrument.hpp>
#include <retrograd/racks/rack_file.hpp>
#include <retrograd/racks/record.hpp>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

using namespace retrograd;

namespace {

constexpr double rate = 22050.0;

// A sine with an envelope; where `has_mix_point` all notes go through one amplifier, else each has its own.
Rack organ(bool has_mix_point, const std::string& more_cables = "", const std::string& more_modules = "") {
  const std::string end =
      has_mix_point ? "[\"amp.out\", \"all.in\"], [\"all.out\", \"bus.in\"]" : "[\"amp.out\", \"bus.in\"]";
  return parse_rack(
      "format = 2\nsample_rate = 22050\noutputs = [\"bus.out\"]\ncables = [[\"osc.out\", \"amp.in\"], "
      "[\"env.out\", \"amp.cv\"], " +
          end + more_cables +
          "]\n[[module]]\nname = \"osc\"\ntype = \"oscillator\"\n"
          "[[module]]\nname = \"env\"\ntype = \"adsr\"\nattack = 0.002\nrelease = 0.01\n"
          "[[module]]\nname = \"amp\"\ntype = \"vca\"\nlevel = 0.3\n" +
          (has_mix_point ? "[[module]]\nname = \"all\"\ntype = \"voices\"\n" : "") +
          "[[module]]\nname = \"bus\"\ntype = \"vca\"\nlevel = 0.5\n" + more_modules,
      "organ");
}

// Three notes, one of them over the end of another.
std::vector<float> played(const Rack& rack, int block, std::size_t length = 8000) {
  Instrument instrument(rack, {.voices = 4});
  instrument.prepare(rate, 512);
  std::vector<float> sound(length);
  for (std::size_t at = 0; at < length;) {
    const int frames = static_cast<int>(std::min<std::size_t>(static_cast<std::size_t>(block), length - at));
    const auto in_block = [&](std::size_t time) {
      return time >= at && time < at + static_cast<std::size_t>(frames);
    };
    const auto offset = [&](std::size_t time) { return static_cast<int>(time - at); };
    if (in_block(11)) instrument.note_on(60, 0.8, offset(11));
    if (in_block(501)) instrument.note_on(64, 0.5, offset(501));
    if (in_block(1777)) instrument.note_off(60, offset(1777));
    if (in_block(1801)) instrument.note_on(67, 1.0, offset(1801));
    if (in_block(2600)) instrument.all_notes_off(offset(2600));
    REQUIRE(instrument.process(sound.data() + at, frames) == StreamStatus::ok);
    at += static_cast<std::size_t>(frames);
  }
  CHECK(instrument.sounding() == 0);
  return sound;
}

}  // namespace

TEST_CASE("notes through one amplifier sound as through one each") {
  const std::vector<float> mixed = played(organ(true), 64), apart = played(organ(false), 64);
  double worst = 0.0, peak = 0.0;
  for (std::size_t n = 0; n < mixed.size(); ++n) {
    worst = std::max(worst, std::abs(static_cast<double>(mixed[n]) - static_cast<double>(apart[n])));
    peak = std::max(peak, std::abs(static_cast<double>(apart[n])));
  }
  CHECK(peak > 0.1);
  CHECK(worst <= 1e-6);
}

TEST_CASE("the blocks of a host change no bit of a rack with a mix point") {
  const Rack rack =
      organ(true, ", [\"lfo.out\", \"bus.level\", 0.2]",
            "[[module]]\nname = \"lfo\"\ntype = \"oscillator\"\npitch = \"free\"\nfrequency = 7.0\n");
  const std::vector<float> whole = played(rack, 512);
  for (const int block : {1, 16, 37, 64, 300}) CHECK(played(rack, block) == whole);
}

TEST_CASE(
    "what each note has is a parameter with a row for each voice, what is behind the voices has one value") {
  Instrument instrument(organ(true), {.voices = 4});
  const Stream& stream = instrument.stream();
  CHECK(stream.rows(stream.parameter("osc.ratio")) == 4);
  CHECK(stream.rows(stream.parameter("bus.level")) == 1);
  CHECK(instrument.channels() == 1);
}

TEST_CASE("a shared oscillator goes on from note to note; one of each note begins with it") {
  const std::string lfo =
      "[[module]]\nname = \"lfo\"\ntype = \"oscillator\"\npitch = \"free\"\nfrequency = 3.0\n";
  // Constant notes, so that only the oscillator behind them moves.
  const Rack rack = organ(true, ", [\"lfo.out\", \"bus.level\", 0.5]", lfo);
  Instrument instrument(rack, {.voices = 2});
  instrument.prepare(rate, 512);
  std::vector<float> sound(512);
  const auto play = [&](int blocks) {
    double energy = 0.0;
    for (int b = 0; b < blocks; ++b) {
      REQUIRE(instrument.process(sound.data(), 512) == StreamStatus::ok);
      for (const float y : sound) energy += static_cast<double>(y) * static_cast<double>(y);
    }
    return energy;
  };
  instrument.note_on(69, 1.0);
  const double first = play(4);  // the oscillator rises from 0
  instrument.note_off(69);
  play(3);
  instrument.note_on(69, 1.0);
  const double second = play(4);  // a quarter of a second later it is elsewhere
  CHECK(std::abs(first - second) > 0.05 * first);
}

TEST_CASE("one note of a rack with a mix point sounds as its render does") {
  const Rack rack = organ(true);
  Tape tape({.sample_rate = rate, .length = 2000});
  Rack note = rack;
  note.note = {.frequency = 440.0, .gate = {{0.0, 0.05}}};
  const RecordedRack recorded = record(tape, note);
  tape.play({recorded.audio});
  Instrument instrument(rack, {.voices = 3});
  instrument.prepare(rate, 2048);
  instrument.note_on(69, 1.0);
  instrument.note_off(69, static_cast<int>(std::lround(0.05 * rate)));
  std::vector<float> sound(2000);
  REQUIRE(instrument.process(sound.data(), 2000) == StreamStatus::ok);
  const auto rendered = tape.value(recorded.audio).as<float>();
  double worst = 0.0;
  for (std::size_t n = 0; n < 2000; ++n)
    worst = std::max(worst, std::abs(static_cast<double>(sound[n]) - static_cast<double>(rendered[n])));
  CHECK(worst <= 1e-7);
}

TEST_CASE("what is there once for each note is no output beside a mix point") {
  Rack rack = organ(true);
  rack.outputs.push_back("osc.out");
  CHECK_THROWS_WITH_AS(Instrument{rack},
                       doctest::Contains("'osc.out' is there once for each note; plug it into the voices"),
                       DomainError);
}
