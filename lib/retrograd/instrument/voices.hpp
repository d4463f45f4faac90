// Which voice plays which key. A voice allocator knows no time and no sound: it is told what the keys, the
// pedals and the envelopes do, in order, and says which voice that concerns. Keys and a pedal are a channel's:
// a key of one channel is another key than the same one of another.
//
// A key that still sounds gets its own voice again. Another one gets the voice that is least missed: the one
// free for longest; else the one released first; else, of those that only the pedal holds, the one whose key
// went up first; else the one whose key went down first.
#pragma once

#include <retrograd/instrument/midi_message.hpp>

#include <array>
#include <cstdint>
#include <vector>

namespace retrograd {

/// What a voice does.
enum class VoicePhase {
  free,      ///< its sound has ended
  released,  ///< its envelope comes to an end
  pedalled,  ///< the key is up, the pedal holds it
  held,      ///< the key is down
};

/// Allocates when it is made, never afterwards. Nothing throws but the constructor, for want of memory.
class Voices {
 public:
  /// At first all of `count` voices, one or more, are free, voice 0 for longest.
  explicit Voices(int count);

  int count() const noexcept { return static_cast<int>(voices_.size()); }
  VoicePhase phase(int voice) const noexcept { return at(voice).phase; }
  /// The key it plays; once it is free, the one it played last.
  double key(int voice) const noexcept { return at(voice).key; }
  /// The channel of that key.
  int channel(int voice) const noexcept { return at(voice).channel; }
  /// Voices that are not free.
  int sounding() const noexcept;

  /// The voice for a key that goes down, and what it did until now, with this key or with another one.
  struct Start {
    int voice;
    VoicePhase before;
    bool is_same_key;
  };
  Start note_on(double key, int channel = 0) noexcept;

  /// The voice of a key that is down; -1 for one that is not, or whose voice plays another key now.
  int held(double key, int channel = 0) const noexcept;
  /// The voice to release, now that this key is up; -1 where the pedal holds it or the key was not down.
  int note_off(double key, int channel = 0) noexcept;

  /// A channel's pedal goes down or up. `release(voice)` is called, in the order of the voices, for each that
  /// only the pedal held.
  template <class Release>
  void sustain(bool is_down, const Release& release, int channel = 0) noexcept {
    pedal_is_down_[static_cast<std::size_t>(channel)] = is_down;
    if (!is_down) release_those(VoicePhase::pedalled, channel, release);
  }

  /// Every key of the channel is up. What its pedal holds is held, and so are these notes where it is down.
  template <class Release>
  void all_keys_up(const Release& release, int channel = 0) noexcept {
    if (!pedal_is_down_[static_cast<std::size_t>(channel)])
      return release_those(VoicePhase::held, channel, release);
    for (Voice& voice : voices_)
      if (voice.phase == VoicePhase::held && voice.channel == channel) enter(voice, VoicePhase::pedalled);
  }

  /// Every key is up and nothing is held, whatever the pedals do, which stay where they are. Of one channel, or
  /// of all where it is -1.
  template <class Release>
  void all_notes_off(const Release& release, int channel = -1) noexcept {
    release_those(VoicePhase::pedalled, channel, release);
    release_those(VoicePhase::held, channel, release);
  }

  /// The sound of a released voice has ended.
  void end(int voice) noexcept;
  /// Its sound has ended, whatever it did: the key, where it is down, has no voice any more.
  void stop(int voice) noexcept;

  /// As when it was made.
  void reset() noexcept;

 private:
  struct Voice {
    double key = 0.0;
    int channel = 0;
    VoicePhase phase = VoicePhase::free;
    std::int64_t since = 0;  // counts changes of phase, so that the smallest is the oldest
  };

  const Voice& at(int voice) const noexcept { return voices_[static_cast<std::size_t>(voice)]; }
  void enter(Voice& voice, VoicePhase phase) noexcept;
  template <class Release>
  void release_those(VoicePhase phase, int channel, const Release& release) noexcept {
    for (int v = 0; v < count(); ++v) {
      if (at(v).phase != phase || (channel >= 0 && at(v).channel != channel)) continue;
      enter(voices_[static_cast<std::size_t>(v)], VoicePhase::released);
      release(v);
    }
  }

  std::vector<Voice> voices_;
  std::int64_t changes_ = 0;
  std::array<bool, midi_channels> pedal_is_down_{};
};

}  // namespace retrograd
