// What happens at a sample: notes, pedals, bends and pressure, and what each tells the stream.
#include <retrograd/instrument/state.hpp>
#include <retrograd/math/functions.hpp>

#include <algorithm>
#include <cmath>

namespace retrograd {

using detail::audible;

namespace {

bool is_channel(int channel) { return channel >= 0 && channel < midi_channels; }

}  // namespace

bool Instrument::State::add(NoteEvent event, int offset) noexcept {
  if (offset < 0 || room() < 1 || !is_channel(event.channel)) return false;
  event.time = position + offset;
  waiting.insert(std::ranges::upper_bound(waiting, event.time, {}, &NoteEvent::time), event);
  return true;
}

// Tells the stream of all that happens at the sample that is played next.
void Instrument::State::play_events() noexcept {
  while (!waiting.empty() && waiting.front().time <= position) {
    const NoteEvent event = waiting.front();
    waiting.erase(waiting.begin());
    play(event);
  }
}

void Instrument::State::play(const NoteEvent& event) noexcept {
  switch (event.kind) {
    case NoteEvent::Kind::on:
      return start(event.value, event.velocity, event.channel);
    case NoteEvent::Kind::off:
      return end(event.value, event.channel);
    case NoteEvent::Kind::rise:
      if (is_on(event.voice)) set_gate(event.voice, true);
      return;
    case NoteEvent::Kind::bend:
      channels.bend(event.channel, event.value);
      return follow_pitch(event.channel);
    case NoteEvent::Kind::pressure:
      channels.press(event.channel, event.value);
      return follow_pressure(event.channel);
    case NoteEvent::Kind::sustain:
      return sustain(event.value != 0.0, event.channel);
    case NoteEvent::Kind::all_off:
      return voices.all_notes_off([&](int voice) { release(voice); });
    case NoteEvent::Kind::silence:
      for (int channel = 0; channel < midi_channels; ++channel) silence(channel);
      return;
    case NoteEvent::Kind::midi:
      return play(event.message);
  }
}

void Instrument::State::play(const ChannelMessage& message) noexcept {
  const int channel = message.channel;
  switch (channels.take(message)) {
    case MidiEffect::passed_over:
      ++passed_over;
      return;
    case MidiEffect::none:
      return;
    case MidiEffect::note_on:
      return start(message.first, message.second / 127.0, channel);
    case MidiEffect::note_off:
      return end(message.first, channel);
    case MidiEffect::pitch:
      return follow_pitch(channel);
    case MidiEffect::pressure:
      return follow_pressure(channel);
    case MidiEffect::key_pressure:
      if (const int voice = voices.held(message.first, channel); voice >= 0)
        glide(pressure, voice, message.second / 127.0, sound_of(voice).pressure);
      return;
    case MidiEffect::gain:
      return follow_gain(channel);
    case MidiEffect::pedal_down:
      return sustain(true, channel);
    case MidiEffect::pedal_up:
      return sustain(false, channel);
    case MidiEffect::reset:
      follow_pitch(channel);
      follow_gain(channel);
      follow_pressure(channel);
      return sustain(false, channel);
    case MidiEffect::all_notes_off:
      return voices.all_keys_up([&](int voice) { release(voice); }, channel);
    case MidiEffect::all_sound_off:
      return silence(channel);
  }
}

void Instrument::State::start(double key_played, double note_velocity, int channel) noexcept {
  const auto [voice, before, is_same_key] = voices.note_on(key_played, channel);
  VoiceSound& sound = sound_of(voice);
  const double hertz = frequency_of(voice), loudness = audible(note_velocity * channels.gain(channel));
  sound.note_velocity = note_velocity;
  sound.silent_at = sound.ended = -1;
  ends[static_cast<std::size_t>(voice)].start(position);
  if (before == VoicePhase::free) {
    send(StreamEvent::Kind::restart, 0, voice, 0.0);
    jump(frequency, voice, sound.frequency = hertz);
    jump(velocity, voice, sound.velocity = loudness);
    jump(bend, voice, channels.bend_of(channel));
    jump(pressure, voice, sound.pressure = channels.pressure(channel));
  } else {
    glide(frequency, voice, hertz, sound.frequency);
    glide(velocity, voice, loudness, sound.velocity);
    glide(pressure, voice, channels.pressure(channel), sound.pressure);
  }
  jump(key, voice, key_played);
  sound.again_at = is_same_key && before == VoicePhase::held ? position : -1;
  if (before == VoicePhase::held || before == VoicePhase::pedalled) {
    set_gate(voice, false);
    sound.fell = position;
  }
  // An envelope starts again where its gate was low, for one sample at least.
  if (sound.fell < position) return set_gate(voice, true);
  const NoteEvent rise{.time = position + 1, .kind = NoteEvent::Kind::rise, .voice = voice};
  // Before whatever else happens at that sample: a note that ends there must not be held after it.
  waiting.insert(std::ranges::lower_bound(waiting, rise.time, {}, &NoteEvent::time), rise);
}

void Instrument::State::end(double key_up, int channel) noexcept {
  if (const int held = voices.held(key_up, channel); held >= 0 && sound_of(held).again_at == position) {
    sound_of(held).again_at = -1;  // it ends the note before, which the new one has ended
    return;
  }
  if (const int released = voices.note_off(key_up, channel); released >= 0) release(released);
}

void Instrument::State::sustain(bool is_down, int channel) noexcept {
  voices.sustain(
      is_down, [&](int voice) { release(voice); }, channel);
}

void Instrument::State::follow_pitch(int channel) noexcept {
  for_each_sounding(channel, [&](int v, VoiceSound& sound) {
    glide(frequency, v, frequency_of(v), sound.frequency);
    if (bend >= 0) send(StreamEvent::Kind::glide, bend, v, channels.bend_of(channel));
  });
}

void Instrument::State::follow_pressure(int channel) noexcept {
  for_each_sounding(channel, [&](int v, VoiceSound& sound) {
    glide(pressure, v, channels.pressure(channel), sound.pressure);
  });
}

void Instrument::State::follow_gain(int channel) noexcept {
  const double gain = channels.gain(channel);
  for_each_sounding(channel, [&](int v, VoiceSound& sound) {
    if (sound.silent_at < 0) glide(velocity, v, audible(sound.note_velocity * gain), sound.velocity);
  });
}

// As a voice that is taken over goes to the loudness of its new note, but to none.
void Instrument::State::silence(int channel) noexcept {
  voices.all_notes_off([&](int voice) { release(voice); }, channel);
  for_each_sounding(channel, [&](int v, VoiceSound& sound) {
    if (voices.phase(v) != VoicePhase::released || sound.silent_at >= 0) return;
    glide(velocity, v, 0.0, sound.velocity);
    sound.silent_at = position + std::llround(options.glide * stream.sample_rate());
  });
}

void Instrument::State::release(int voice) noexcept {
  set_gate(voice, false);
  sound_of(voice).fell = position;
}

bool Instrument::State::is_of_a_note(int parameter) const noexcept {
  return parameter >= 0 && (parameter == frequency || parameter == velocity || parameter == key ||
                            parameter == bend || parameter == pressure);
}

double Instrument::State::frequency_of(int voice) const noexcept {
  const double semitones = channels.semitones(voices.channel(voice));
  return options.tuning * math::exp2((voices.key(voice) - 69.0 + semitones) / 12.0);
}

}  // namespace retrograd
