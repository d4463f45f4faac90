// A piece in four parts that cross: four channels of one instrument, on keys that they share.
#include <doctest/doctest.h>
#include <retrograd/racks/fm.hpp>

#include <cmath>
#include <numbers>
#include <string>
#include <vector>

#include "../../tools/retrograd/note_player.hpp"
#include "midi_bytes.hpp"

using namespace retrograd;
using namespace retrograd::tool;

namespace {

constexpr double rate = 16000.0;

struct PartNote {
  int key;
  double on, off;  // seconds
};

/// Four tracks of 44 notes each, one after the other, on eleven keys a whole tone apart; ticks of 1/960 s.
std::string piece(std::vector<PartNote>& notes) {
  std::uint32_t state = 1;
  const auto draw = [&](std::uint32_t n) {
    state = state * 1664525u + 1013904223u;
    return (state >> 16) % n;
  };
  std::string bytes = midi_header(1, 4, 480);
  for (unsigned char channel = 0; channel < 4; ++channel) {
    std::string events;
    std::uint32_t time = 0;
    for (int i = 0; i < 44; ++i) {
      const auto key = static_cast<unsigned char>(60 + 2 * (draw(8) + channel));
      const std::uint32_t length = 300 + 60 * draw(8);
      const auto status = static_cast<unsigned char>(0x90 + channel);
      events += midi_event(0, {status, key, 100}) + midi_event(length, {status, key, 0});
      notes.push_back({key, time / 960.0, (time + length) / 960.0});
      time += length;
    }
    bytes += midi_track(events);
  }
  return bytes;
}

/// The amplitude of one frequency in 120 ms around a moment, through a window.
double amplitude(const std::vector<float>& sound, double seconds, double frequency) {
  const auto reach = static_cast<std::ptrdiff_t>(0.06 * rate),
             middle = static_cast<std::ptrdiff_t>(seconds * rate);
  double real = 0.0, imaginary = 0.0, total = 0.0;
  for (std::ptrdiff_t n = -reach; n <= reach; ++n) {
    const double turn = 2.0 * std::numbers::pi;
    const double window =
        0.5 + 0.5 * std::cos(turn * static_cast<double>(n) / (2.0 * static_cast<double>(reach)));
    const double sample = window * static_cast<double>(sound.at(static_cast<std::size_t>(middle + n)));
    real += sample * std::cos(turn * frequency * static_cast<double>(n) / rate);
    imaginary += sample * std::sin(turn * frequency * static_cast<double>(n) / rate);
    total += window;
  }
  return 2.0 * std::hypot(real, imaginary) / total;
}

}  // namespace

TEST_CASE("of a piece in four parts that cross every note is heard at its middle") {
  std::vector<PartNote> notes;
  const MidiFile file = parse_midi_file(piece(notes), "piece.mid");
  const Rack organ = fm_rack({{.ratio = 1.0, .gain = 0.5, .envelope = {0.002, 0.01, 1.0, 0.005}}}, {});
  Instrument instrument(organ, {.voices = 16});
  instrument.prepare(rate, 256);
  NotePlayer player(file, rate);
  std::vector<float> sound;
  while (!player.is_done(instrument)) {
    sound.resize(sound.size() + 256);
    float* const output = sound.data() + sound.size() - 256;
    REQUIRE(player.process(instrument, &output, 256) == StreamStatus::ok);
  }
  int silent = 0;
  for (const PartNote& note : notes)
    silent += amplitude(sound, (note.on + note.off) / 2.0, 440.0 * std::exp2((note.key - 69) / 12.0)) < 0.05;
  CHECK(notes.size() == 176);
  CHECK(silent == 0);
}
