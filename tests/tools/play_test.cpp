// retrograd play, as far as it can be tried without a device.
#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "midi_bytes.hpp"
#include "program.hpp"

TEST_CASE("play without a device, or with one that is not there, says so and exits with 4") {
  const Workplace place;
  put(place / "tune.mid", midi_header(0, 1, 96) + midi_track(note_on(0, 60, 100) + note_on(96, 60, 0)));
  for (const Arguments& arguments :
       std::vector<Arguments>{{"play", "small.toml", "--notes", "tune.mid", "--audio", "999999"},
                              {"play", "--audio", "999999"}}) {
    const Outcome outcome = run(place, arguments);
    CHECK(outcome.code == 4);
    CHECK(outcome.out.empty());
    CHECK_MESSAGE(contains(outcome.err, "audio device"), outcome.err);
    CHECK(std::ranges::count(outcome.err, '\n') == 1);  // not the pages that libraries write
  }
  const Outcome list = run(place, {"play", "--list"});
  CHECK((list.code == 0 || list.code == 4));
  CHECK((list.code == 0) == contains(list.out, "--audio "));
  CHECK((list.code == 4) == contains(list.err, "audio device"));
}

TEST_CASE("play reads its patch and its notes before it looks for a device") {
  const Workplace place;
  put(place / "words.mid", "this is no tune\n");
  const Outcome notes = run(place, {"play", "--notes", "words.mid", "--audio", "999999"});
  CHECK(notes.code == 3);
  CHECK(contains(notes.err, "words.mid: byte 0: this is no MIDI file"));
  CHECK(run(place, {"play", "bell.wav", "--audio", "999999"}).code == 3);
  CHECK(run(place, {"play", "--voices", "0"}).code == 2);
  CHECK(run(place, {"play", "--block", "1"}).code == 2);
  CHECK(run(place, {"play", "--midi", "-1"}).code == 2);
  const Outcome help = run(place, {"play", "--help"});
  CHECK(help.code == 0);
  for (const std::string option : {"--notes", "--voices", "--audio", "--midi", "--block", "--list"})
    CHECK_MESSAGE(contains(help.out, option), option);
}
