// The voice allocator, alone and against lists that are plainly kept in order.
#include <doctest/doctest.h>
#include <retrograd/instrument/voices.hpp>

#include <algorithm>
#include <array>
#include <random>
#include <vector>

using namespace retrograd;

namespace {

/// The same rules on one list per phase, the oldest first.
struct Lists {
  explicit Lists(int count) {
    for (int v = 0; v < count; ++v) of(VoicePhase::free).push_back({v, -1.0, 0});
  }
  struct Entry {
    int voice;
    double key;
    int channel;
    bool plays(double that, int of_channel) const { return key == that && channel == of_channel; }
  };
  std::vector<Entry>& of(VoicePhase phase) { return lists[static_cast<std::size_t>(phase)]; }

  void move(VoicePhase from, std::size_t i, VoicePhase to, double key, int channel) {
    const int voice = of(from)[i].voice;
    of(from).erase(of(from).begin() + static_cast<std::ptrdiff_t>(i));
    of(to).push_back({voice, key, channel});
  }

  Voices::Start note_on(double key, int channel) {
    for (const VoicePhase phase : {VoicePhase::held, VoicePhase::pedalled, VoicePhase::released})
      for (std::size_t i = 0; i < of(phase).size(); ++i)
        if (of(phase)[i].plays(key, channel)) {
          const int voice = of(phase)[i].voice;
          move(phase, i, VoicePhase::held, key, channel);
          return {voice, phase, true};
        }
    for (const VoicePhase phase :
         {VoicePhase::free, VoicePhase::released, VoicePhase::pedalled, VoicePhase::held})
      if (!of(phase).empty()) {
        const int voice = of(phase)[0].voice;
        move(phase, 0, VoicePhase::held, key, channel);
        return {voice, phase, false};
      }
    return {-1, VoicePhase::free, false};
  }

  int held(double key, int channel) {
    for (const Entry& entry : of(VoicePhase::held))
      if (entry.plays(key, channel)) return entry.voice;
    return -1;
  }

  int note_off(double key, int channel) {
    const bool is_down = pedals[static_cast<std::size_t>(channel)];
    for (std::size_t i = 0; i < of(VoicePhase::held).size(); ++i)
      if (of(VoicePhase::held)[i].plays(key, channel)) {
        const int voice = of(VoicePhase::held)[i].voice;
        move(VoicePhase::held, i, is_down ? VoicePhase::pedalled : VoicePhase::released, key, channel);
        return is_down ? -1 : voice;
      }
    return -1;
  }

  // Those of a channel, -1: of all; the voices that it says are in their order.
  std::vector<int> move_all(VoicePhase phase, VoicePhase to, int channel) {
    std::vector<Entry> entries;
    std::erase_if(of(phase), [&](const Entry& entry) {
      const bool is_of_it = channel < 0 || entry.channel == channel;
      if (is_of_it) entries.push_back(entry);
      return is_of_it;
    });
    std::ranges::sort(entries, {}, &Entry::voice);
    std::vector<int> voices;
    for (const Entry& entry : entries) {
      of(to).push_back(entry);
      voices.push_back(entry.voice);
    }
    return voices;
  }
  std::vector<int> release(VoicePhase phase, int channel) {
    return move_all(phase, VoicePhase::released, channel);
  }

  void end(int voice) {
    auto& released = of(VoicePhase::released);
    for (std::size_t i = 0; i < released.size(); ++i)
      if (released[i].voice == voice)
        return move(VoicePhase::released, i, VoicePhase::free, released[i].key, released[i].channel);
  }

  std::array<std::vector<Entry>, 4> lists;
  std::array<bool, midi_channels> pedals{};
};

}  // namespace

TEST_CASE("keys, pedals and endings in any order choose the voices that ordered lists choose") {
  for (const int count : {1, 2, 3, 8, 16}) {
    CAPTURE(count);
    std::mt19937 random(static_cast<unsigned>(count));
    const auto draw = [&](int n) { return static_cast<int>(random() % static_cast<unsigned>(n)); };
    Voices voices(count);
    Lists wanted(count);
    for (int step = 0; step < 20000; ++step) {
      const double key = 60 + draw(2 * count + 2);
      const int channel = draw(3) * draw(8);
      std::vector<int> released, wanted_released;
      const auto release = [&](int voice) { released.push_back(voice); };
      const auto expect = [&](const std::vector<int>& more) {
        wanted_released.insert(wanted_released.end(), more.begin(), more.end());
      };
      switch (draw(13)) {
        default: {
          const Voices::Start start = voices.note_on(key, channel),
                              wanted_start = wanted.note_on(key, channel);
          REQUIRE(start.voice == wanted_start.voice);
          REQUIRE(start.before == wanted_start.before);
          REQUIRE(start.is_same_key == wanted_start.is_same_key);
          REQUIRE(voices.key(start.voice) == key);
          REQUIRE(voices.channel(start.voice) == channel);
          break;
        }
        case 4:
        case 5:
        case 6:
        case 7:
          REQUIRE(voices.held(key, channel) == wanted.held(key, channel));
          REQUIRE(voices.note_off(key, channel) == wanted.note_off(key, channel));
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
          voices.sustain(is_down, release, channel);
          wanted.pedals[static_cast<std::size_t>(channel)] = is_down;
          if (!is_down) expect(wanted.release(VoicePhase::pedalled, channel));
          break;
        }
        case 11: {
          if (draw(8) != 0) break;
          const int of = draw(2) == 0 ? -1 : channel;
          voices.all_notes_off(release, of);
          expect(wanted.release(VoicePhase::pedalled, of));
          expect(wanted.release(VoicePhase::held, of));
          break;
        }
        case 12:
          if (draw(4) != 0) break;
          voices.all_keys_up(release, channel);
          if (wanted.pedals[static_cast<std::size_t>(channel)])
            wanted.move_all(VoicePhase::held, VoicePhase::pedalled, channel);
          else
            expect(wanted.release(VoicePhase::held, channel));
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

TEST_CASE("a key of one channel leaves the same key of another alone, and a pedal the other's notes") {
  Voices voices(4);
  const int first = voices.note_on(60, 0).voice, second = voices.note_on(60, 1).voice;
  CHECK(first != second);
  CHECK(voices.note_off(60, 1) == second);
  CHECK(voices.phase(first) == VoicePhase::held);
  voices.note_on(60, 1);
  voices.sustain(
      true, [](int) {}, 1);
  CHECK(voices.note_off(60, 1) == -1);
  CHECK(voices.note_off(60, 0) == first);
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
