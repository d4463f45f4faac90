#include <retrograd/instrument/voices.hpp>

#include <algorithm>
#include <tuple>

namespace retrograd {

Voices::Voices(int count) : voices_(static_cast<std::size_t>(std::max(count, 1))) { reset(); }

int Voices::sounding() const noexcept {
  return static_cast<int>(
      std::ranges::count_if(voices_, [](const Voice& v) { return v.phase != VoicePhase::free; }));
}

Voices::Start Voices::note_on(double key, int channel) noexcept {
  auto chosen = std::ranges::find_if(voices_, [&](const Voice& v) {
    return v.phase != VoicePhase::free && v.key == key && v.channel == channel;
  });
  const bool is_same_key = chosen != voices_.end();
  // The phases are listed from the least missed to the most.
  if (!is_same_key)
    chosen = std::ranges::min_element(
        voices_, {}, [](const Voice& v) { return std::tuple(static_cast<int>(v.phase), v.since); });
  const VoicePhase before = chosen->phase;
  chosen->key = key;
  chosen->channel = channel;
  enter(*chosen, VoicePhase::held);
  return {static_cast<int>(chosen - voices_.begin()), before, is_same_key};
}

int Voices::held(double key, int channel) const noexcept {
  const auto playing = std::ranges::find_if(voices_, [&](const Voice& v) {
    return v.phase == VoicePhase::held && v.key == key && v.channel == channel;
  });
  return playing == voices_.end() ? -1 : static_cast<int>(playing - voices_.begin());
}

int Voices::note_off(double key, int channel) noexcept {
  const int voice = held(key, channel);
  if (voice < 0) return -1;
  const bool is_held_on = pedal_is_down_[static_cast<std::size_t>(channel)];
  enter(voices_[static_cast<std::size_t>(voice)], is_held_on ? VoicePhase::pedalled : VoicePhase::released);
  return is_held_on ? -1 : voice;
}

void Voices::end(int voice) noexcept {
  Voice& ended = voices_[static_cast<std::size_t>(voice)];
  if (ended.phase == VoicePhase::released) enter(ended, VoicePhase::free);
}

void Voices::stop(int voice) noexcept {
  Voice& stopped = voices_[static_cast<std::size_t>(voice)];
  if (stopped.phase != VoicePhase::free) enter(stopped, VoicePhase::free);
}

void Voices::reset() noexcept {
  changes_ = 0;
  pedal_is_down_.fill(false);
  for (Voice& voice : voices_) voice = {.since = changes_++};
}

void Voices::enter(Voice& voice, VoicePhase phase) noexcept {
  voice.phase = phase;
  voice.since = changes_++;
}

}  // namespace retrograd
