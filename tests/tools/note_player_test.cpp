// Files of notes on an instrument.
#include <doctest/doctest.h>
#include <retrograd/racks/fm.hpp>

#include <algorithm>
#include <vector>

#include "../../tools/retrograd/note_player.hpp"

using namespace retrograd;
using namespace retrograd::tool;

namespace {

Rack quick_patch() {
  constexpr Envelope quick{0.001, 0.01, 0.5, 0.001};
  return fm_rack({{1.0, 1.0, quick}, {2.0, 0.7, quick}}, {{1, 0}});
}

Instrument quick_instrument(double rate, int voices) {
  Instrument instrument(quick_patch(), {.voices = voices});
  instrument.prepare(rate, 256);
  return instrument;
}

MidiMessage message(double seconds, unsigned char status, int first, int second) {
  return {seconds, {status, static_cast<unsigned char>(first), static_cast<unsigned char>(second)}, 3};
}

std::vector<float> played(const MidiFile& file, double rate, int voices, int block, std::size_t length) {
  Instrument instrument = quick_instrument(rate, voices);
  NotePlayer player(file, rate);
  std::vector<float> sound(length);
  for (std::size_t start = 0; start < length;) {
    const int frames =
        static_cast<int>(std::min<std::size_t>(length - start, static_cast<std::size_t>(block)));
    float* const output = sound.data() + start;
    REQUIRE(player.process(instrument, &output, frames) == StreamStatus::ok);
    start += static_cast<std::size_t>(frames);
  }
  CHECK(player.is_done(instrument));
  return sound;
}

}  // namespace

TEST_CASE("a file sounds like its messages, each at its sample, whatever the blocks") {
  constexpr double rate = 8000.0;
  const MidiFile file{{message(0.01, 0x90, 60, 100), message(0.0125, 0x90, 67, 50),
                       message(0.05, 0x80, 60, 0), message(0.07, 0xe0, 0, 96), message(0.1, 0x90, 67, 0)},
                      0.11};
  Instrument instrument = quick_instrument(rate, 4);
  std::vector<float> wanted;
  float sample = 0.0f;
  for (int i = 0; i < 2000; ++i) {
    for (const MidiMessage& m : file.messages)
      if (static_cast<int>(m.seconds * rate + 0.5) == i) REQUIRE(instrument.midi(m.bytes.data(), m.count));
    REQUIRE(instrument.process(&sample, 1) == StreamStatus::ok);
    wanted.push_back(sample);
  }
  CHECK(*std::ranges::max_element(wanted) > 0.0f);
  for (const int block : {1, 64, 100, 256}) CHECK(played(file, rate, 4, block, 2000) == wanted);
}

TEST_CASE("more messages than an instrument holds are all played") {
  MidiFile file;
  for (int i = 0; i < 3000; ++i) file.messages.push_back(message(0.0, 0x90, i % 128, 1 + i % 127));
  for (int i = 0; i < 3000; ++i) file.messages.push_back(message(0.01, 0x80, i % 128, 0));
  file.duration = 1.0;
  played(file, 8000.0, 8, 256, 9000);
}

TEST_CASE("notes that a file leaves on end with it") {
  played({{message(0.0, 0x90, 60, 100), message(0.0, 0xb0, 64, 127)}, 0.1}, 8000.0, 2, 64, 2000);
}

TEST_CASE("what comes after the last note lengthens nothing: the sound ends with its release") {
  MidiFile file{{message(0.0, 0x90, 60, 100), message(0.05, 0x80, 60, 0), message(500.0, 0xb0, 7, 100)},
                0.05};
  played(file, 8000.0, 2, 64, 2000);
  file.duration = 500.0;  // a pedal that nobody lets go of, with no note on it
  played(file, 8000.0, 2, 64, 2000);
}
