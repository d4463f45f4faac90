#include <retrograd/stream/voices.hpp>

#include <algorithm>
#include <tuple>

namespace retrograd {

Voices::Voices(int count) : voices_(static_cast<std::size_t>(std::max(count, 1))) { reset(); }

int Voices::sounding() const noexcept {
  return static_cast<int>(
      std::ranges::count_if(voices_, [](const Voice& v) { return v.phase != VoicePhase::free; }));
}

Voices::Start Voices::note_on(double key) noexcept {
  auto chosen = std::ranges::find_if(
      voices_, [key](const Voice& v) { return v.phase != VoicePhase::free && v.key == key; });
  // The phases are listed from the least missed to the most.
  if (chosen == voices_.end())
    chosen = std::ranges::min_element(
        voices_, {}, [](const Voice& v) { return std::tuple(static_cast<int>(v.phase), v.since); });
  const VoicePhase before = chosen->phase;
  chosen->key = key;
  enter(*chosen, VoicePhase::held);
  return {static_cast<int>(chosen - voices_.begin()), before};
}

int Voices::note_off(double key) noexcept {
  const auto playing = std::ranges::find_if(
      voices_, [key](const Voice& v) { return v.phase == VoicePhase::held && v.key == key; });
  if (playing == voices_.end()) return -1;
  enter(*playing, pedal_is_down_ ? VoicePhase::pedalled : VoicePhase::released);
  return pedal_is_down_ ? -1 : static_cast<int>(playing - voices_.begin());
}

void Voices::end(int voice) noexcept {
  Voice& ended = voices_[static_cast<std::size_t>(voice)];
  if (ended.phase == VoicePhase::released) enter(ended, VoicePhase::free);
}

void Voices::reset() noexcept {
  changes_ = 0;
  pedal_is_down_ = false;
  for (Voice& voice : voices_) voice = {0.0, VoicePhase::free, changes_++};
}

void Voices::enter(Voice& voice, VoicePhase phase) noexcept {
  voice.phase = phase;
  voice.since = changes_++;
}

}  // namespace retrograd
