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

std::string joined(const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines) text += line + "\n";
  return text;
}

std::string note_off(std::uint32_t delta, unsigned key) {
  return midi_event(delta, {0x80, static_cast<unsigned char>(key), 64});
}

std::string control(std::uint32_t delta, unsigned channel, unsigned number, unsigned value) {
  return midi_event(delta, {static_cast<unsigned char>(0xb0 + channel), static_cast<unsigned char>(number),
                            static_cast<unsigned char>(value)});
}

/// "on 60 at 0.5" and "off ..." of each note message, in order.
std::string notes_of(const MidiFile& file) {
  std::string text;
  for (const MidiMessage& m : file.messages)
    if ((m.bytes[0] & 0xe0) == 0x80)
      text += std::string(is_note_on(m) ? "on " : "off ") + std::to_string(m.bytes[1]) + " at " +
              std::to_string(static_cast<int>(m.seconds * 1000 + 0.5)) + "; ";
  return text;
}

/// A file of format 1 whose ticks are milliseconds.
std::string of_tracks(const std::vector<std::string>& tracks) {
  std::string bytes = midi_header(1, static_cast<int>(tracks.size()), 500);
  for (const std::string& track : tracks) bytes += midi_track(track);
  return bytes;
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
  REQUIRE(file.messages.size() == 3);
  CHECK(file.messages[1].bytes == std::array<unsigned char, 3>{0x90, 62, 90});
  CHECK(file.messages[2].bytes == std::array<unsigned char, 3>{0x90, 60, 0});
  CHECK(file.passed_over == "2 program changes");
  CHECK(file.mended.empty());
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
      events +=
          midi_event(static_cast<unsigned>(random() % 4), {0xe0, track, static_cast<unsigned char>(1 + i)});
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

TEST_CASE("what cannot be read is refused with its name, the byte, what is wrong and what would be right") {
  for (const auto& refused : std::vector<std::pair<std::string, std::string>>{
           {error_of(""), "tune.mid: byte 0: this is no MIDI file; one begins with 'MThd'"},
           {error_of("RIFF0000"), "byte 0: this is no MIDI file"},
           {error_of("MThd" + big_endian(4, 2) + "ab"), "byte 4: a header of 2 bytes; a header has 6"},
           {error_of(midi_header(0, 1, 0)), "byte 12: 0 ticks per quarter note"},
           {error_of(midi_header(0, 1, 0xe50a)), "10 ticks in a frame, 27 frames per second"},
           {error_of(midi_header(1, 2, 96)), "byte 14: there is no track; one begins with 'MTrk'"}}) {
    CAPTURE(refused.second);
    CHECK_MESSAGE(contains(refused.first, refused.second), refused.first);
    CHECK(refused.first.substr(0, 15) == "tune.mid: byte ");
  }
}

TEST_CASE("what is broken is played as far as its meaning is plain, and what was mended is said") {
  const std::string header = midi_header(0, 1, 500), note = note_on(0, 60, 100) + note_off(1000, 60);
  const std::string whole = header + midi_track(note), played = "on 60 at 0; off 60 at 1000; ";
  CHECK(parsed(whole).mended.empty());
  CHECK(parsed(whole + "anything").mended.empty());
  const auto track_of_size = [&](std::uint32_t size, const std::string& events = "") {
    return "MTrk" + big_endian(4, size) + note + events;
  };
  const std::string end{0, '\xff', 0x2f, 0}, text{0, '\xff', 1, 1, 'A'};
  const std::string second = midi_track(note_on(2000, 72, 100) + note_off(1000, 72));
  const std::string both = played + "on 72 at 2000; off 72 at 3000; ";
  const auto riff = [](const std::string& what) {
    std::string size;
    for (std::size_t i = 0, n = what.size(); i < 4; ++i, n >>= 8) size += static_cast<char>(n & 255u);
    return "RIFF....RMIDINFO" + std::string{1, 0, 0, 0} + "x_data" + size + what;
  };
  struct Case {
    std::string bytes, notes, said;
  };
  for (const Case& c : std::vector<Case>{
           {midi_header(1, 1, 500) + midi_track(note) + second, both, "the header says 1 track, there are 2"},
           {midi_header(0, 2, 500) + midi_track(note), played, "the header says 2 tracks, there is 1"},
           {midi_header(1, 0, 500) + midi_track(note), played, "the header says 0 tracks"},
           {header + track_of_size(500, end), played, "track 1 says that it has 500 bytes; it has 13"},
           {header + track_of_size(0, end), played, "track 1 says that it has 0 bytes; it has 13"},
           {header + track_of_size(5, end), played, "track 1 says that it has 5 bytes; it has 13"},
           {midi_header(1, 2, 500) + track_of_size(20, end) + second, both, "track 1 says that it has 20"},
           {midi_header(1, 2, 500) + track_of_size(3, end) + second, both, "track 1 says that it has 3"},
           {midi_header(1, 2, 500) + track_of_size(30) + second, both, "track 1 says that it has 30"},
           {midi_header(1, 2, 500) + track_of_size(9) + second, both, "track 1 has no end of track"},
           {header + track_of_size(9), played, "track 1 has no end of track"},
           {header + "junk" + big_endian(4, 1000) + midi_track(note), played, "byte 14: 8 bytes that are no"},
           {"MThd" + big_endian(4, 60) + (header + midi_track(note)).substr(8), played,
            "a header of 60 bytes"},
           {std::string(128, 'x') + whole, played, "128 bytes before the header passed over"},
           {riff(whole), played, "a MIDI file in a RIFF file"},
           {midi_header(9, 1, 500) + midi_track(note), played, "byte 8: format 9 is unknown"},
           {midi_header(2, 2, 500) + midi_track(note) + second, played + "on 72 at 3000; off 72 at 4000; ",
            "format 2: its tracks are played one after the other"},
           {header + midi_track(note_on(0, 60, 100) + text + variable_length(1000) + std::string{60, 0}),
            played, "byte 33: a message without its status byte after a meta event"},
           {header + midi_track(note_on(0, 60, 100) + midi_event(0, {0xf0, 1, 0xf7}) + variable_length(1000) +
                                std::string{60, 0}),
            played, "without its status byte"},
           {header + midi_track(note + midi_event(0, {0x90, 61, 200})), played,
            "a message is 200; a data byte is 0 to 127; track 1 is played as far as it goes"},
           {header + midi_track(midi_event(0, {0xf2, 1, 2}) + midi_event(0, {0xfe}) + note), played,
            "byte 23: the status 242 has no place in a file; passed over (and 1 more)"},
           {header + midi_track(midi_event(0, {0xff, 0x51, 3, 0, 0, 0}) + note), played, "a tempo of 0 us"},
           {header + midi_track(midi_event(0, {0xff, 0x51, 2, 1, 0}) + note), played,
            "a tempo of 2 bytes, not 3"},
           {header + midi_track(note + "\xff\xff\xff\xff\x7f"), played, "a time has more than four bytes"},
           {header + "MTrk" + big_endian(4, 15) + note + std::string{0, '\xff', 0x2f, 2, 1, 1}, played,
            "an end of track with 2 bytes"},
           {midi_header(1, 2, 500) + midi_track(std::string{0, 60, 100}) + midi_track(note), played,
            "byte 23: the data byte 60 without a message that it goes on from"}}) {
    const MidiFile file = parsed(c.bytes);
    CAPTURE(c.said);
    CHECK(notes_of(file) == c.notes);
    CHECK_MESSAGE(contains(joined(file.mended), c.said), joined(file.mended));
  }
}

TEST_CASE("a file cut at any byte is played to there; random bytes are refused or read, and nothing worse") {
  std::mt19937 random(5);
  std::string events = tempo(0, 400000) + midi_event(3, {0xff, 0x03, 4, 'n', 'a', 'm', 'e'}) +
                       midi_event(5, {0xf0, 3, 1, 2, 0xf7});
  for (unsigned i = 0; i < 20; ++i) events += note_on(50 * i, 60 + i, 127 - i);
  const std::string whole = midi_header(1, 2, 96) + midi_track(events) + midi_track(events);
  std::size_t most = 0;
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const std::string cut = whole.substr(0, size), error = error_of(cut);
    REQUIRE_MESSAGE(error.empty() == (size >= 22), size);  // the header, and the head of a track
    if (!error.empty()) {
      REQUIRE_MESSAGE(contains(error, "tune.mid: byte "), size);
      continue;
    }
    const MidiFile file = parsed(cut);
    REQUIRE_MESSAGE(!file.mended.empty(), size);
    REQUIRE(file.messages.size() >= most);
    most = file.messages.size();
  }
  CHECK(most >= 40);
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

TEST_CASE("at one tick a note that ends makes way for one that begins on its key, whatever the tracks") {
  const std::string left = note_on(0, 60, 100) + note_off(1000, 60),
                    right = note_on(1000, 60, 90) + note_off(1000, 60);
  const std::string wanted = "on 60 at 0; off 60 at 1000; on 60 at 1000; off 60 at 2000; ";
  CHECK(notes_of(parsed(of_tracks({left, right}))) == wanted);
  CHECK(notes_of(parsed(of_tracks({right, left}))) == wanted);
  CHECK(notes_of(parsed(of_tracks({left + note_on(0, 60, 90) + note_off(1000, 60)}))) == wanted);
  const std::string crossed =
      note_on(0, 60, 100) + note_on(1000, 60, 90) + note_off(0, 60) + note_off(1000, 60);
  CHECK(notes_of(parsed(of_tracks({crossed}))) == wanted);
  // A note of no length stays one, and is said.
  const MidiFile silent = parsed(of_tracks({note_on(0, 60, 100) + note_off(0, 60)}));
  CHECK(notes_of(silent) == "on 60 at 0; off 60 at 0; ");
  CHECK(contains(silent.passed_over, "1 note of no length"));
  // Other keys and channels at that tick are no matter.
  CHECK(notes_of(parsed(of_tracks({note_on(5, 61, 100), left}))) ==
        "on 60 at 0; on 61 at 5; off 60 at 1000; ");
}

TEST_CASE("a key that several tracks hold on one channel is let go by the last of them") {
  const std::string long_note = note_on(0, 60, 100) + note_off(3000, 60),
                    short_note = note_on(1000, 60, 100) + note_off(1000, 60);
  const std::string wanted = "on 60 at 0; off 60 at 1000; on 60 at 1000; off 60 at 3000; ";
  CHECK(notes_of(parsed(of_tracks({long_note, short_note}))) == wanted);
  CHECK(notes_of(parsed(of_tracks({short_note, long_note}))) == wanted);
  // A track of note offs alone ends the notes of another.
  CHECK(notes_of(parsed(of_tracks({note_on(0, 60, 100) + note_on(5000, 62, 1), note_off(1000, 60)}))) ==
        "on 60 at 0; off 60 at 1000; on 62 at 5000; ");
  // A note that its track never ends holds no longer than the track.
  CHECK(notes_of(parsed(of_tracks({note_on(0, 60, 100), short_note}))) ==
        "on 60 at 0; off 60 at 1000; on 60 at 1000; off 60 at 2000; ");
}

TEST_CASE("the file lasts until its last note is let go, however far away its end of track is") {
  const std::string far_away = midi_event(600000, {0xff, 1, 1, 'A'}),
                    note = note_on(0, 60, 100) + note_off(500, 60);
  CHECK(parsed(of_tracks({note + far_away})).duration == doctest::Approx(0.5));
  CHECK(parsed(of_tracks({note + control(600000, 0, 7, 100)})).duration == doctest::Approx(0.5));
  CHECK(parsed(of_tracks({control(0, 0, 64, 127) + note + control(1000, 0, 64, 0) + far_away})).duration ==
        doctest::Approx(1.5));
  CHECK(parsed(of_tracks({note_on(0, 60, 100) + control(700, 0, 123, 0) + far_away})).duration ==
        doctest::Approx(0.7));
  CHECK(parsed(of_tracks({note_on(0, 60, 100) + far_away})).duration == doctest::Approx(600.0));  // left on
}

TEST_CASE("drums are left out and counted, and so is what means nothing here") {
  const std::string drums = midi_event(0, {0x99, 36, 100}) + midi_event(100, {0x89, 36, 0}) +
                            midi_event(0, {0x99, 38, 100}) + midi_event(100, {0x89, 38, 0});
  const std::string other = midi_event(0, {0xc0, 5}) + midi_event(0, {0xd0, 5}) +
                            midi_event(0, {0xa0, 60, 5}) + control(0, 0, 10, 64) + control(0, 0, 91, 64) +
                            control(0, 1, 10, 64) + control(0, 0, 7, 64) + midi_event(0, {0xf0, 1, 0xf7});
  const std::string bytes = of_tracks({drums, other + note_on(0, 60, 100) + note_off(500, 60)});
  const MidiFile file = parsed(bytes);
  CHECK(notes_of(file) == "on 60 at 0; off 60 at 500; ");
  CHECK(file.drum_notes == 2);
  CHECK(
      file.passed_over ==
      "2 drum notes (channel 10; --drums plays them as any other), 1 program change, 3 controllers (10, 91), "
      "1 system message");
  CHECK(joined(file.remarks()) == "passed over: " + file.passed_over + "\n");
  const MidiFile all = parse_midi_file(bytes, "tune.mid", true);
  CHECK(all.drum_notes == 0);
  CHECK(all.messages.size() == file.messages.size() + 4);
}

TEST_CASE("a file is read from the disk, a missing one refused by its name") {
  const Scratch place;
  put(place / "tune.mid", midi_header(0, 1, 96) + midi_track(note_on(96, 60, 100)));
  CHECK(read_midi_file(place / "tune.mid").messages.size() == 1);
  CHECK_THROWS_WITH_AS(read_midi_file(place / "none.mid"), doctest::Contains("none.mid"), FileError);
}
