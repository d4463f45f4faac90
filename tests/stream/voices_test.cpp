// The voice allocator, alone and against lists that are plainly kept in order.
#include <doctest/doctest.h>
#include <retrograd/stream/voices.hpp>

#include <algorithm>
#include <array>
#include <random>
#include <vector>

using namespace retrograd;

namespace {

/// The same rules on one list per phase, the oldest first.
struct Lists {
  explicit Lists(int count) {
    for (int v = 0; v < count; ++v) of(VoicePhase::free).push_back({v, -1.0});
  }
  struct Entry {
    int voice;
    double key;
  };
  std::vector<Entry>& of(VoicePhase phase) { return lists[static_cast<std::size_t>(phase)]; }

  void move(VoicePhase from, std::size_t i, VoicePhase to, double key) {
    const int voice = of(from)[i].voice;
    of(from).erase(of(from).begin() + static_cast<std::ptrdiff_t>(i));
    of(to).push_back({voice, key});
  }

  Voices::Start note_on(double key) {
    for (const VoicePhase phase : {VoicePhase::held, VoicePhase::pedalled, VoicePhase::released})
      for (std::size_t i = 0; i < of(phase).size(); ++i)
        if (of(phase)[i].key == key) {
          const int voice = of(phase)[i].voice;
          move(phase, i, VoicePhase::held, key);
          return {voice, phase};
        }
    for (const VoicePhase phase :
         {VoicePhase::free, VoicePhase::released, VoicePhase::pedalled, VoicePhase::held})
      if (!of(phase).empty()) {
        const int voice = of(phase)[0].voice;
        move(phase, 0, VoicePhase::held, key);
        return {voice, phase};
      }
    return {-1, VoicePhase::free};
  }

  int note_off(double key) {
    for (std::size_t i = 0; i < of(VoicePhase::held).size(); ++i)
      if (of(VoicePhase::held)[i].key == key) {
        const int voice = of(VoicePhase::held)[i].voice;
        move(VoicePhase::held, i, pedal ? VoicePhase::pedalled : VoicePhase::released, key);
        return pedal ? -1 : voice;
      }
    return -1;
  }

  std::vector<int> release(VoicePhase phase) {  // in the order of the voices
    std::vector<Entry> entries = of(phase);
    of(phase).clear();
    std::ranges::sort(entries, {}, &Entry::voice);
    std::vector<int> voices;
    for (const Entry& entry : entries) {
      of(VoicePhase::released).push_back(entry);
      voices.push_back(entry.voice);
    }
    return voices;
  }

  void end(int voice) {
    auto& released = of(VoicePhase::released);
    for (std::size_t i = 0; i < released.size(); ++i)
      if (released[i].voice == voice) return move(VoicePhase::released, i, VoicePhase::free, released[i].key);
  }

  std::array<std::vector<Entry>, 4> lists;
  bool pedal = false;
};

}  // namespace

TEST_CASE("keys, pedal and endings in any order choose the voices that ordered lists choose") {
  for (const int count : {1, 2, 3, 8, 16}) {
    CAPTURE(count);
    std::mt19937 random(static_cast<unsigned>(count));
    const auto draw = [&](int n) { return static_cast<int>(random() % static_cast<unsigned>(n)); };
    Voices voices(count);
    Lists wanted(count);
    for (int step = 0; step < 20000; ++step) {
      const double key = 60 + draw(2 * count + 2);
      std::vector<int> released, wanted_released;
      const auto release = [&](int voice) { released.push_back(voice); };
      switch (draw(12)) {
        default: {
          const Voices::Start start = voices.note_on(key), wanted_start = wanted.note_on(key);
          REQUIRE(start.voice == wanted_start.voice);
          REQUIRE(start.before == wanted_start.before);
          REQUIRE(voices.key(start.voice) == key);
          break;
        }
        case 4:
        case 5:
        case 6:
        case 7:
          REQUIRE(voices.note_off(key) == wanted.note_off(key));
          break;
        case 8:
        case 9: {
          const int voice = draw(count);
          voices.end(voice);
          wanted.end(voice);
          break;
        }
        case 10: {
          const bool is_down = draw(2) == 0;
          voices.sustain(is_down, release);
          wanted.pedal = is_down;
          if (!is_down) wanted_released = wanted.release(VoicePhase::pedalled);
          break;
        }
        case 11:
          if (draw(8) != 0) break;
          voices.all_notes_off(release);
          wanted_released = wanted.release(VoicePhase::pedalled);
          for (const int voice : wanted.release(VoicePhase::held)) wanted_released.push_back(voice);
      }
      REQUIRE(released == wanted_released);
      std::size_t sounding = 0;
      for (const VoicePhase phase :
           {VoicePhase::free, VoicePhase::released, VoicePhase::pedalled, VoicePhase::held}) {
        for (const Lists::Entry& entry : wanted.of(phase)) REQUIRE(voices.phase(entry.voice) == phase);
        if (phase != VoicePhase::free) sounding += wanted.of(phase).size();
      }
      REQUIRE(voices.sounding() == static_cast<int>(sounding));
      if (step % 5000 == 4999) {
        voices.reset();
        wanted = Lists(count);
      }
    }
  }
}

TEST_CASE("a key never has two voices, and no voice two keys") {
  std::mt19937 random(1);
  Voices voices(4);
  for (int step = 0; step < 10000; ++step) {
    const double key = static_cast<double>(random() % 7);
    if (random() % 2 == 0)
      voices.note_on(key);
    else
      voices.note_off(key);
    for (int a = 0; a < voices.count(); ++a)
      for (int b = 0; b < a; ++b)
        if (voices.phase(a) != VoicePhase::free && voices.phase(b) != VoicePhase::free)
          REQUIRE(voices.key(a) != voices.key(b));
  }
}

TEST_CASE("the voice free for longest is taken first, so that tails are cut last") {
  Voices voices(3);
  CHECK(voices.note_on(60).voice == 0);
  CHECK(voices.note_on(62).voice == 1);
  CHECK(voices.note_on(64).voice == 2);
  voices.note_off(64);
  voices.note_off(60);
  voices.end(2);
  voices.end(0);
  CHECK(voices.note_on(65).voice == 2);
  CHECK(voices.note_on(67).voice == 0);
}

TEST_CASE(
    "where none is free a released voice is stolen before one the pedal holds, that before a held one") {
  Voices voices(3);
  voices.note_on(60);
  voices.note_on(62);
  voices.note_on(64);
  voices.note_off(64);
  voices.sustain(true, [](int) {});
  voices.note_off(62);
  CHECK(voices.phase(1) == VoicePhase::pedalled);
  CHECK(voices.note_on(70).voice == 2);
  CHECK(voices.note_on(71).voice == 1);
  CHECK(voices.note_on(72).voice == 0);
  CHECK(voices.note_on(73).voice == 2);
}

TEST_CASE("a key that sounds gets its voice again, held, pedalled or released") {
  Voices voices(4);
  const int voice = voices.note_on(60).voice;
  CHECK(voices.note_on(60).voice == voice);
  voices.sustain(true, [](int) {});
  CHECK(voices.note_off(60) == -1);
  const Voices::Start again = voices.note_on(60);
  CHECK(again.voice == voice);
  CHECK(again.before == VoicePhase::pedalled);
  voices.sustain(false, [](int) { FAIL("the key is down"); });
  CHECK(voices.note_off(60) == voice);
  CHECK(voices.note_on(60).before == VoicePhase::released);
  CHECK(voices.sounding() == 1);
}
