// What an instrument is made of: what waits to happen, what its voices were told, and the stream that they are rows of.
// Events are played in events.cpp; sound.cpp plays the stream between them and finds the voices that have ended.
#pragma once

#include <retrograd/instrument/instrument.hpp>
#include <retrograd/instrument/midi_channels.hpp>
#include <retrograd/instrument/voice_end.hpp>
#include <retrograd/stream/glides.hpp>

#include <algorithm>
#include <cstdint>
#include <vector>

namespace retrograd {

namespace detail {

struct NoteEvent {
  enum class Kind { on, off, rise, bend, pressure, sustain, all_off, silence, midi };
  std::int64_t time = 0;  ///< in samples since the start
  Kind kind = Kind::on;
  int channel = 0;
  double value = 0.0;  ///< key, bend, pressure, 1 for a pedal that is down
  double velocity = 0.0;
  int voice = 0;             ///< whose gate rises
  ChannelMessage message{};  ///< of MIDI, whose meaning depends on the messages before it
};

/// What a voice was last told.
struct VoiceSound {
  double frequency = 0.0, velocity = 0.0, pressure = 0.0;  ///< where they are going
  double note_velocity = 0.0;                              ///< that velocity before its channel's volume
  std::int64_t fell = -1;                                  ///< when its gate last fell
  std::int64_t ended = -1;      ///< at which mark its sound was found to have ended, -1 where it has not
  std::int64_t silent_at = -1;  ///< when it is faded out, -1 where it is not
  std::int64_t again_at = -1;   ///< when its key went down while it was down
};

/// What the rack's cables read of the note, and whether it adds the voices up itself.
struct Reads {
  bool key, bend, pressure, has_mix_point;
};

/// At -120 dB a note is silent: envelopes that have almost ended, times less, would be denormal.
inline double audible(double velocity) { return velocity < 0x1p-20 ? 0.0 : velocity; }

}  // namespace detail

struct Instrument::State {
  using NoteEvent = detail::NoteEvent;
  using VoiceSound = detail::VoiceSound;
  using VoiceEnd = detail::VoiceEnd;
  using Reads = detail::Reads;

  State(const Rack& rack, const InstrumentOptions& instrument_options);
  void reset() noexcept;

  // --- events.cpp ---

  int room() const noexcept { return std::max(max_events - static_cast<int>(waiting.size()), 0); }

  bool add(NoteEvent event, int offset) noexcept;

  // Tells the stream of all that happens at the sample that is played next.
  void play_events() noexcept;

  void play(const NoteEvent& event) noexcept;

  void play(const ChannelMessage& message) noexcept;

  void start(double key_played, double note_velocity, int channel) noexcept;

  void end(double key_up, int channel) noexcept;

  void sustain(bool is_down, int channel) noexcept;

  // Calls visit(voice, its sound) for the channel's voices that sound.
  template <class Visit>
  void for_each_sounding(int channel, const Visit& visit) noexcept {
    for (int v = 0; v < voices.count(); ++v)
      if (voices.phase(v) != VoicePhase::free && voices.channel(v) == channel) visit(v, sound_of(v));
  }

  void follow_pitch(int channel) noexcept;

  void follow_pressure(int channel) noexcept;

  void follow_gain(int channel) noexcept;

  // As a voice that is taken over goes to the loudness of its new note, but to none.
  void silence(int channel) noexcept;

  void release(int voice) noexcept;

  bool is_of_a_note(int parameter) const noexcept;

  VoiceSound& sound_of(int voice) noexcept { return sounds[static_cast<std::size_t>(voice)]; }

  bool is_on(int voice) const noexcept {
    return voices.phase(voice) == VoicePhase::held || voices.phase(voice) == VoicePhase::pedalled;
  }

  void set_gate(int voice, bool is_high) noexcept {
    send(StreamEvent::Kind::input, gates + voice, 0, is_high ? 1.0 : 0.0);
  }

  // What the rack does not read is no parameter, -1.
  void jump(int parameter, int voice, double to) noexcept {
    if (parameter >= 0) send(StreamEvent::Kind::jump, parameter, voice, to);
  }

  // A glide to where a parameter is, or is going to, is none.
  void glide(int parameter, int voice, double to, double& target) noexcept {
    if (parameter >= 0 && to != target) send(StreamEvent::Kind::glide, parameter, voice, target = to);
  }

  void send(StreamEvent::Kind kind, int index, int row, double to) noexcept {
    stream.schedule({kind, 0, index, row, to});
  }

  double frequency_of(int voice) const noexcept;

  // --- sound.cpp ---

  bool any_is_released() const noexcept;

  // Listens to the `count` samples that were played last.
  void listen(std::int64_t count) noexcept;

  // Frees the voices whose sound has ended, in the order in which they ended.
  void free_ended() noexcept;

  StreamStatus process(float* const* output, int frames) noexcept;

  // All but the rows of voices that are free, which nobody copies.
  void choose_heard() noexcept;

  // Voice 0 first; of those that sleep nothing.
  void add_voices(int channel, float* output, int frames) const noexcept;

  void stop_bad_voices() noexcept;

  void apply_level(float* const* output, int frames, std::int64_t start) noexcept;

  InstrumentOptions options;
  const Reads rack_reads;
  const bool has_mix_point;  // the rack adds the voices up itself
  const int channel_count;
  MidiChannels channels;
  Voices voices;
  std::vector<VoiceSound> sounds;  // of each voice
  std::vector<VoiceEnd> ends;      // of each voice
  std::vector<int> ended;
  Stream stream;
  int gates, frequency, velocity, key, bend, pressure;  // in the stream; -1 for what the rack does not read
  std::vector<NoteEvent> waiting;                       // in the order of their times
  detail::Glides level;
  bool is_exclusive = false;  // a system exclusive message goes on in the next call
  std::int64_t passed_over = 0;
  std::int64_t position = 0;
  std::vector<float> samples, mixed;  // of each of the stream's channels; of a sound that is mixed to one
  std::vector<float*> outputs;
  std::vector<float*> heard;  // the same, null where a voice is free
  std::vector<float*> mixed_rows;
};

}  // namespace retrograd
