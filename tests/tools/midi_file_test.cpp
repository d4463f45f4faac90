// Standard MIDI files, written here byte by byte.
#include <doctest/doctest.h>
#include <retrograd/tensor/errors.hpp>

#include <random>
#include <string>
#include <vector>

#include "../../tools/retrograd/midi_file.hpp"
#include "midi_bytes.hpp"
#include "scratch.hpp"

using namespace retrograd;
using namespace retrograd::tool;

namespace {

MidiFile parsed(const std::string& bytes) { return parse_midi_file(bytes, "tune.mid"); }

std::string error_of(const std::string& bytes) {
  try {
    parsed(bytes);
  } catch (const FileError& error) {
    return error.what();
  }
  return "";
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("times follow the tempo, which any track may change") {
  const std::string tempi = midi_track(tempo(0, 500000) + tempo(96, 250000) + tempo(192, 1000000));
  const std::string notes =
      midi_track(note_on(0, 60, 100) + note_on(96, 62, 100) + note_on(96, 64, 100) + note_on(192, 65, 100));
  const MidiFile file = parsed(midi_header(1, 2, 96) + tempi + notes);
  REQUIRE(file.messages.size() == 4);
  const double wanted[] = {0.0, 0.5, 0.75, 2.0};  // the third tempo holds from tick 288 on
  for (std::size_t i = 0; i < 4; ++i)
    CHECK(file.messages[i].seconds == doctest::Approx(wanted[i]).epsilon(1e-12));
  CHECK(file.duration == doctest::Approx(2.0).epsilon(1e-12));
  const MidiFile plain = parsed(midi_header(0, 1, 480) + midi_track(note_on(480, 60, 1)));
  CHECK(plain.messages.at(0).seconds == doctest::Approx(0.5));  // 120 quarters a minute where nothing is said
}

TEST_CASE("ticks of film frames do not follow the tempo") {
  for (const auto& [frames, per_second] :
       std::vector<std::pair<int, double>>{{24, 24}, {25, 25}, {29, 30000.0 / 1001.0}, {30, 30}}) {
    const int division = (256 - frames) * 256 + 40;
    const MidiFile file =
        parsed(midi_header(0, 1, division) + midi_track(tempo(0, 1) + note_on(1000, 60, 1)));
    CHECK(file.messages.at(0).seconds == doctest::Approx(1000 / (40 * per_second)).epsilon(1e-12));
  }
}

TEST_CASE("a message without a status byte goes on from the one before") {
  const std::string track = note_on(0, 60, 100) + variable_length(10) + std::string{62, 90} +
                            variable_length(10) + std::string{60, 0} + midi_event(0, {0xc3, 5}) +
                            variable_length(1) + std::string{7};
  const MidiFile file = parsed(midi_header(0, 1, 96) + midi_track(track));
  REQUIRE(file.messages.size() == 5);
  CHECK(file.messages[1].bytes == std::array<unsigned char, 3>{0x90, 62, 90});
  CHECK(file.messages[2].bytes == std::array<unsigned char, 3>{0x90, 60, 0});
  CHECK(file.messages[4].bytes == std::array<unsigned char, 3>{0xc3, 7, 0});
  CHECK(file.messages[4].count == 2);
}

TEST_CASE("what is not a message is passed over: texts, system exclusive, chunks of other kinds") {
  const std::string name = midi_event(0, {0xff, 0x03, 4, 'n', 'a', 'm', 'e'});
  const std::string exclusive = midi_event(5, {0xf0, 3, 1, 2, 0xf7}) + midi_event(0, {0xf7, 2, 0xf3, 1});
  const std::string other = "XFIH" + big_endian(4, 3) + "abc";
  const MidiFile file =
      parsed(midi_header(1, 1, 96) + other + midi_track(name + exclusive + note_on(1, 60, 1)) + "anything");
  REQUIRE(file.messages.size() == 1);
  CHECK(file.messages[0].seconds == doctest::Approx(0.5 * 6 / 96));
}

TEST_CASE("messages of all tracks come in the order of time, at one time in the order of the tracks") {
  std::mt19937 random(1);
  std::string bytes = midi_header(1, 5, 96);
  std::size_t total = 0;
  for (unsigned char track = 0; track < 5; ++track) {
    std::string events;
    for (int i = 0; i < 50; ++i, ++total)
      events += note_on(static_cast<unsigned>(random() % 4), track, static_cast<unsigned char>(1 + i));
    bytes += midi_track(events);
  }
  const MidiFile file = parsed(bytes);
  REQUIRE(file.messages.size() == total);
  for (std::size_t i = 1; i < total; ++i) {
    const MidiMessage &a = file.messages[i - 1], &b = file.messages[i];
    REQUIRE(a.seconds <= b.seconds);
    if (a.seconds == b.seconds) REQUIRE(a.bytes[1] <= b.bytes[1]);
    if (a.seconds == b.seconds && a.bytes[1] == b.bytes[1]) REQUIRE(a.bytes[2] < b.bytes[2]);
  }
}

TEST_CASE("a file that is broken is refused with its name, the byte, what is wrong and what would be right") {
  const std::string header = midi_header(0, 1, 96);
  const auto track_error = [&](const std::string& events) { return error_of(header + midi_track(events)); };
  for (const auto& [error, part] : std::vector<std::pair<std::string, std::string>>{
           {error_of(""), "tune.mid: byte 0: this is no MIDI file; one begins with 'MThd'"},
           {error_of("RIFF0000"), "byte 0: this is no MIDI file"},
           {error_of("MThd" + big_endian(4, 2) + "ab"), "byte 4: a header of 2 bytes; a header has 6"},
           {error_of(midi_header(2, 1, 96)), "byte 8: format 2; formats 0 and 1 can be played"},
           {error_of(midi_header(9, 1, 96)), "byte 8: format 9"},
           {error_of(midi_header(0, 2, 96)), "byte 10: 2 tracks in format 0; there is one"},
           {error_of(midi_header(1, 0, 96)), "byte 10: 0 tracks"},
           {error_of(midi_header(0, 1, 0)), "byte 12: 0 ticks per quarter note"},
           {error_of(midi_header(0, 1, 0xe50a)), "10 ticks in a frame, 27 frames per second"},
           {error_of(midi_header(1, 2, 96) + midi_track("")), "byte 26: the file ends after 1 of 2 tracks"},
           {error_of(header + "MTrk" + big_endian(4, 100)),
            "byte 14: a track of 100 bytes, of which the file has 0"},
           {track_error(std::string{0, 60, 100}), "byte 23: the data byte 60 without a message"},
           {track_error(midi_event(0, {0x90, 60, 200})), "a message is 200; a data byte is 0 to 127"},
           {track_error(midi_event(0, {0xf2, 0, 0})), "byte 23: the status 242"},
           {track_error(midi_event(0, {0xff, 0x51, 3, 0, 0, 0})), "a tempo of 0 us"},
           {track_error(midi_event(0, {0xff, 0x51, 2, 1, 0})), "a tempo of 2 bytes; it has 3"},
           {track_error("\xff\xff\xff\xff\x7f"), "byte 22: a time has more than four bytes"},
           {error_of(header + "MTrk" + big_endian(4, 4) + note_on(0, 60, 1)),
            "byte 26: a track ends here without an end of track"}}) {
    const std::string_view message = error, expected = part;
    CAPTURE(expected);
    CHECK_MESSAGE(contains(error, part), message);
    CHECK(error.substr(0, 15) == "tune.mid: byte ");
  }
}

TEST_CASE("a file cut at any byte is refused; random bytes are refused or read, and nothing worse") {
  std::mt19937 random(5);
  std::string events = tempo(0, 400000) + midi_event(3, {0xff, 0x03, 4, 'n', 'a', 'm', 'e'}) +
                       midi_event(5, {0xf0, 3, 1, 2, 0xf7});
  for (unsigned i = 0; i < 20; ++i) events += note_on(50 * i, 60 + i, 127 - i);
  const std::string whole = midi_header(1, 2, 96) + midi_track(events) + midi_track(events);
  CHECK(parsed(whole).messages.size() == 40);
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const std::string error = error_of(whole.substr(0, size));
    REQUIRE_MESSAGE(contains(error, "tune.mid: byte "), size);
  }
  int read = 0;
  for (int round = 0; round < 20000; ++round) {
    std::string bytes = whole;
    for (unsigned flips = 1 + random() % 8; flips > 0; --flips)
      bytes[random() % bytes.size()] = static_cast<char>(random());
    if (random() % 2 == 0) bytes.resize(random() % bytes.size());
    const std::string error = error_of(bytes);
    if (error.empty()) {
      ++read;
      double before = 0.0;
      for (const MidiMessage& message : parsed(bytes).messages) {
        REQUIRE(message.seconds >= before);
        before = message.seconds;
      }
    } else {
      REQUIRE(contains(error, "tune.mid: byte "));
    }
  }
  CHECK(read > 100);
}

TEST_CASE("a file is read from the disk, a missing one refused by its name") {
  const Scratch place;
  put(place / "tune.mid", midi_header(0, 1, 96) + midi_track(note_on(96, 60, 100)));
  CHECK(read_midi_file(place / "tune.mid").messages.size() == 1);
  CHECK_THROWS_WITH_AS(read_midi_file(place / "none.mid"), doctest::Contains("none.mid"), FileError);
}
