#include <retrograd/math/floating_point.hpp>
#include <retrograd/math/functions.hpp>
#include <retrograd/nodes/arithmetic.hpp>
#include <retrograd/stream/glides.hpp>
#include <retrograd/instrument/instrument.hpp>
#include <retrograd/instrument/midi_channels.hpp>
#include <retrograd/racks/record.hpp>
#include <retrograd/racks/rules.hpp>
#include <retrograd/tensor/errors.hpp>

#include <algorithm>
#include <cmath>
#include <span>
#include <string>
#include <vector>

namespace retrograd {
namespace {

constexpr double highest_key = 1000.0;
/// Times its longest release a voice sounds on: exp(-11.51) is -100 dB.
constexpr double releases_to_the_end = 11.512925464970229;  // ln(1e5)

const Domain levels = range(0.0, 1000.0);

struct NoteEvent {
  enum class Kind { on, off, rise, bend, sustain, all_off, silence, midi };
  std::int64_t time = 0;  ///< in samples since the start
  Kind kind = Kind::on;
  int channel = 0;
  double value = 0.0;  ///< key, bend, 1 for a pedal that is down
  double velocity = 0.0;
  int voice = 0;             ///< whose gate rises
  ChannelMessage message{};  ///< of MIDI, whose meaning depends on the messages before it
};

/// What a voice was last told.
struct VoiceSound {
  double frequency = 0.0, velocity = 0.0;  ///< where they are going
  double note_velocity = 0.0;              ///< that velocity before its channel's volume
  std::int64_t fell = -1;                  ///< when its gate last fell
  double longest_release = 0.0;            ///< seconds, since then
  std::int64_t silent_at = -1;             ///< when it is faded out, -1 where it is not
  std::int64_t again_at = -1;              ///< when its key went down while it was down
};

bool is_channel(int channel) { return channel >= 0 && channel < midi_channels; }

/// At -120 dB a note is silent: envelopes that have almost ended, times less, would be denormal.
double audible(double velocity) { return velocity < 0x1p-20 ? 0.0 : velocity; }

const InstrumentOptions& checked(const InstrumentOptions& options) {
  const auto refuse = [](const std::string& what) { raise<DomainError>("[instrument] " + what); };
  if (options.voices < 1 || options.voices > 1024)
    refuse(std::to_string(options.voices) + " voices; 1 to 1024 can be");
  if (!range(0.0, 120.0).contains(options.bend_range))
    refuse("a bend range of " + std::to_string(options.bend_range) + " semitones; 0 to 120 can be");
  if (!(options.tuning > 0.0 && options.tuning <= 768000.0))
    refuse("a tuning of " + std::to_string(options.tuning) + " Hz; it is above 0, 768000 at most");
  if (!levels.contains(options.level))
    refuse("a level of " + std::to_string(options.level) + "; 0 to 1000 can be");
  return options;
}

}  // namespace

struct Instrument::State {
  State(const Rack& rack, const InstrumentOptions& instrument_options)
      : options(checked(instrument_options)),
        channels(options.bend_range),
        voices(options.voices),
        sounds(static_cast<std::size_t>(options.voices)),
        stream(
            [rack, rows = options.voices](Tape& tape) {
              const Var gate =
                  tape.input("note.gate", Tensor(Shape{rows, *tape.options().length}, ElementType::f32));
              Tensor full(rows > 1 ? Shape{rows, 1} : Shape{1});
              full.fill(1.0);
              const Var loudness = tape.parameter("note.velocity", full, unit_interval);
              return record(tape, rack, {.rows = rows, .gate = gate, .velocity = loudness}).outputs;
            },
            {.glide = options.glide,
             // An event here becomes five there, or one for each voice, or two (but only silence, and what resets
             // what events before it changed, so that 2^20 are enough for 1024 voices); a voice that is stopped
             // two.
             .max_events = std::min((max_events + 3) * std::max(2 * options.voices, 5), 1 << 20)}),
        gates(stream.input("note.gate")),
        frequency(stream.parameter("note.frequency")),
        velocity(stream.parameter("note.velocity")),
        level({options.level}) {
    Rack specified = rack;
    for (const RackParameter& parameter : parameters(specified))
      if (parameter.is_heard && parameter.spec.role == Role::time && parameter.name.ends_with("release"))
        releases.push_back(stream.parameter(parameter.name));
    waiting.reserve(max_events + 1);
  }

  void reset() noexcept {
    stream.reset();
    voices.reset();
    channels.reset();
    level.rest();
    std::ranges::fill(sounds, VoiceSound{});
    waiting.clear();
    is_exclusive = false;
    passed_over = 0;
    position = 0;
  }

  // --- events --------------------------------------------------------------------------------------

  int room() const noexcept { return std::max(max_events - static_cast<int>(waiting.size()), 0); }

  bool add(NoteEvent event, int offset) noexcept {
    if (offset < 0 || room() < 1 || !is_channel(event.channel)) return false;
    event.time = position + offset;
    waiting.insert(std::ranges::upper_bound(waiting, event.time, {}, &NoteEvent::time), event);
    return true;
  }

  // Tells the stream of all that happens before `end`.
  void play_events(std::int64_t end) noexcept {
    while (!waiting.empty() && waiting.front().time < end) {
      const NoteEvent event = waiting.front();
      waiting.erase(waiting.begin());
      free_ended(event.time);
      play(event);
    }
  }

  void play(const NoteEvent& event) noexcept {
    switch (event.kind) {
      case NoteEvent::Kind::on:
        return start(event.value, event.velocity, event.channel, event.time);
      case NoteEvent::Kind::off:
        return end(event.value, event.channel, event.time);
      case NoteEvent::Kind::rise:
        if (is_on(event.voice)) set_gate(event.voice, true, event.time);
        return;
      case NoteEvent::Kind::bend:
        channels.bend(event.channel, event.value);
        return follow_pitch(event.channel, event.time);
      case NoteEvent::Kind::sustain:
        return sustain(event.value != 0.0, event.channel, event.time);
      case NoteEvent::Kind::all_off:
        return voices.all_notes_off([&](int voice) { release(voice, event.time); });
      case NoteEvent::Kind::silence:
        for (int channel = 0; channel < midi_channels; ++channel) silence(channel, event.time);
        return;
      case NoteEvent::Kind::midi:
        return play(event.message, event.time);
    }
  }

  void play(const ChannelMessage& message, std::int64_t time) noexcept {
    const int channel = message.channel;
    switch (channels.take(message)) {
      case MidiEffect::passed_over:
        ++passed_over;
        return;
      case MidiEffect::none:
        return;
      case MidiEffect::note_on:
        return start(message.first, message.second / 127.0, channel, time);
      case MidiEffect::note_off:
        return end(message.first, channel, time);
      case MidiEffect::pitch:
        return follow_pitch(channel, time);
      case MidiEffect::gain:
        return follow_gain(channel, time);
      case MidiEffect::pedal_down:
        return sustain(true, channel, time);
      case MidiEffect::pedal_up:
        return sustain(false, channel, time);
      case MidiEffect::reset:
        follow_pitch(channel, time);
        follow_gain(channel, time);
        return sustain(false, channel, time);
      case MidiEffect::all_notes_off:
        return voices.all_keys_up([&](int voice) { release(voice, time); }, channel);
      case MidiEffect::all_sound_off:
        return silence(channel, time);
    }
  }

  void start(double key, double note_velocity, int channel, std::int64_t time) noexcept {
    const auto [voice, before, is_same_key] = voices.note_on(key, channel);
    VoiceSound& sound = sound_of(voice);
    const double hertz = frequency_of(voice), loudness = audible(note_velocity * channels.gain(channel));
    sound.note_velocity = note_velocity;
    sound.silent_at = -1;
    if (before == VoicePhase::free) {
      send(StreamEvent::Kind::restart, time, 0, voice, 0.0);
      send(StreamEvent::Kind::jump, time, frequency, voice, sound.frequency = hertz);
      send(StreamEvent::Kind::jump, time, velocity, voice, sound.velocity = loudness);
    } else {
      glide(frequency, voice, hertz, sound.frequency, time);
      glide(velocity, voice, loudness, sound.velocity, time);
    }
    sound.again_at = is_same_key && before == VoicePhase::held ? time : -1;
    if (before == VoicePhase::held || before == VoicePhase::pedalled) {
      set_gate(voice, false, time);
      sound.fell = time;
    }
    // An envelope starts again where its gate was low, for one sample at least.
    if (sound.fell < time) return set_gate(voice, true, time);
    const NoteEvent rise{.time = time + 1, .kind = NoteEvent::Kind::rise, .voice = voice};
    // Before whatever else happens at that sample: a note that ends there must not be held after it.
    waiting.insert(std::ranges::lower_bound(waiting, rise.time, {}, &NoteEvent::time), rise);
  }

  void end(double key, int channel, std::int64_t time) noexcept {
    if (const int held = voices.held(key, channel); held >= 0 && sound_of(held).again_at == time) {
      sound_of(held).again_at = -1;  // it ends the note before, which the new one has ended
      return;
    }
    if (const int ended = voices.note_off(key, channel); ended >= 0) release(ended, time);
  }

  void sustain(bool is_down, int channel, std::int64_t time) noexcept {
    voices.sustain(
        is_down, [&](int voice) { release(voice, time); }, channel);
  }

  void follow_pitch(int channel, std::int64_t time) noexcept {
    for (int v = 0; v < voices.count(); ++v)
      if (voices.phase(v) != VoicePhase::free && voices.channel(v) == channel)
        glide(frequency, v, frequency_of(v), sound_of(v).frequency, time);
  }

  void follow_gain(int channel, std::int64_t time) noexcept {
    const double gain = channels.gain(channel);
    for (int v = 0; v < voices.count(); ++v)
      if (VoiceSound& sound = sound_of(v);
          voices.phase(v) != VoicePhase::free && voices.channel(v) == channel && sound.silent_at < 0)
        glide(velocity, v, audible(sound.note_velocity * gain), sound.velocity, time);
  }

  // As a voice that is taken over goes to the loudness of its new note, but to none.
  void silence(int channel, std::int64_t time) noexcept {
    voices.all_notes_off([&](int voice) { release(voice, time); }, channel);
    for (int v = 0; v < voices.count(); ++v)
      if (VoiceSound& sound = sound_of(v);
          voices.phase(v) == VoicePhase::released && voices.channel(v) == channel && sound.silent_at < 0) {
        glide(velocity, v, 0.0, sound.velocity, time);
        sound.silent_at = time + std::llround(options.glide * stream.sample_rate());
      }
  }

  void release(int voice, std::int64_t time) noexcept {
    set_gate(voice, false, time);
    sound_of(voice).fell = time;
    sound_of(voice).longest_release = release_now(voice);
  }

  VoiceSound& sound_of(int voice) noexcept { return sounds[static_cast<std::size_t>(voice)]; }

  bool is_on(int voice) const noexcept {
    return voices.phase(voice) == VoicePhase::held || voices.phase(voice) == VoicePhase::pedalled;
  }

  void set_gate(int voice, bool is_high, std::int64_t time) noexcept {
    send(StreamEvent::Kind::input, time, gates + voice, 0, is_high ? 1.0 : 0.0);
  }

  // A glide to where a parameter is, or is going to, is none.
  void glide(int parameter, int voice, double to, double& target, std::int64_t time) noexcept {
    if (to != target) send(StreamEvent::Kind::glide, time, parameter, voice, target = to);
  }

  void send(StreamEvent::Kind kind, std::int64_t time, int index, int row, double to) noexcept {
    stream.schedule({kind, static_cast<int>(time - position), index, row, to});
  }

  double frequency_of(int voice) const noexcept {
    const double semitones = channels.semitones(voices.channel(voice));
    return options.tuning * math::exp2((voices.key(voice) - 69.0 + semitones) / 12.0);
  }

  // --- the end of a voice's sound --------------------------------------------------------------------

  double release_now(int voice) const noexcept {
    const int row = stream.rows(frequency) > 1 ? voice : 0;
    double longest = 0.0;
    for (const int parameter : releases) longest = std::max(longest, stream.value(parameter, row));
    return longest;
  }

  std::int64_t end_of(int voice) const noexcept {
    const VoiceSound& sound = sounds[static_cast<std::size_t>(voice)];
    const double release_samples = std::max(sound.longest_release * stream.sample_rate(), 1.0);
    const auto end = sound.fell + static_cast<std::int64_t>(
                                      std::min(std::ceil(release_samples * releases_to_the_end), 0x1p62));
    return sound.silent_at < 0 ? end : std::min(end, sound.silent_at);
  }

  // Frees the voices whose sound ends at `time` or before, in the order in which they end.
  void free_ended(std::int64_t time) noexcept {
    for (;;) {
      int first = -1;
      for (int v = 0; v < voices.count(); ++v)
        if (voices.phase(v) == VoicePhase::released && end_of(v) <= time &&
            (first < 0 || end_of(v) < end_of(first)))
          first = v;
      if (first < 0) return;
      voices.end(first);
    }
  }

  // --- sound -----------------------------------------------------------------------------------------

  StreamStatus process(float* output, int frames) noexcept {
    const math::DefaultFloatingPoint environment;
    for (int v = 0; v < voices.count(); ++v)
      if (voices.phase(v) == VoicePhase::released) {
        double& longest = sound_of(v).longest_release;
        longest = std::max(longest, release_now(v));
      }
    play_events(position + frames);
    const StreamStatus status = stream.process(nullptr, outputs.data(), frames);
    if (status != StreamStatus::ok && status != StreamStatus::not_finite) {
      std::fill_n(output, frames, 0.0f);
      reset();
      return status;
    }
    position += frames;
    for (const int voice : stream.bad_channels()) {
      voices.stop(voice);
      sound_of(voice) = {};
      set_gate(voice, false, position);
      send(StreamEvent::Kind::jump, position, frequency, voice,
           options.tuning);  // its own may have been too high
    }
    free_ended(position);
    std::copy_n(outputs[0], frames, output);
    for (std::size_t v = 1; v < outputs.size(); ++v)
      for (int i = 0; i < frames; ++i) output[i] += outputs[v][i];
    apply_level(output, frames, position - frames);
    return status;
  }

  void apply_level(float* output, int frames, std::int64_t start) noexcept {
    if (level.take_announcement() && level.waits(0))
      level.go(0, level.target(0), start, start + std::llround(options.glide * stream.sample_rate()));
    int i = 0;
    for (; i < frames && level.is_moving(0, start + i); ++i)
      output[i] *= static_cast<float>(level.at(0, start + i));
    const auto settled = static_cast<float>(level.at(0, start + i));
    if (settled != 1.0f)
      for (; i < frames; ++i) output[i] *= settled;
  }

  InstrumentOptions options;
  MidiChannels channels;
  Voices voices;
  std::vector<VoiceSound> sounds;  // of each voice
  Stream stream;
  int gates, frequency, velocity;  // in the stream
  std::vector<int> releases;       // of the operators that are heard
  std::vector<NoteEvent> waiting;  // in the order of their times
  detail::Glides level;
  bool is_exclusive = false;  // a system exclusive message goes on in the next call
  std::int64_t passed_over = 0;
  std::int64_t position = 0;
  std::vector<float> samples;  // of each voice, one after the other
  std::vector<float*> outputs;
};

Instrument::Instrument(const Rack& rack, const InstrumentOptions& options) {
  validate(rack, "the rack");
  state_ = std::make_unique<State>(rack, options);
}
Instrument::~Instrument() = default;
Instrument::Instrument(Instrument&&) noexcept = default;
Instrument& Instrument::operator=(Instrument&&) noexcept = default;

void Instrument::prepare(double sample_rate, int max_block) {
  State& state = *state_;
  state.stream.prepare(sample_rate, max_block);
  const auto frames = static_cast<std::size_t>(max_block);
  const auto voices = static_cast<std::size_t>(state.voices.count());
  state.samples.assign(voices * frames, 0.0f);
  state.outputs.resize(voices);
  for (std::size_t v = 0; v < voices; ++v) state.outputs[v] = state.samples.data() + v * frames;
  state.reset();
}

StreamStatus Instrument::process(float* output, int frames) noexcept {
  State& state = *state_;
  if (state.outputs.empty() || output == nullptr || frames < 0 || frames > state.stream.max_block()) {
    if (output != nullptr && frames > 0) std::fill_n(output, frames, 0.0f);
    return state.outputs.empty() ? StreamStatus::not_prepared : StreamStatus::bad_block;
  }
  return state.process(output, frames);
}

void Instrument::reset() noexcept { state_->reset(); }

bool Instrument::note_on(double key, double velocity, int offset, int channel) noexcept {
  if (!range(-highest_key, highest_key).contains(key) || !unit_interval.contains(velocity)) return false;
  return state_->add(
      {.kind = NoteEvent::Kind::on, .channel = channel, .value = key, .velocity = audible(velocity)}, offset);
}

bool Instrument::note_off(double key, int offset, int channel) noexcept {
  if (!range(-highest_key, highest_key).contains(key)) return false;
  return state_->add({.kind = NoteEvent::Kind::off, .channel = channel, .value = key}, offset);
}

bool Instrument::pitch_bend(double bend, int offset, int channel) noexcept {
  if (!range(-1.0, 1.0).contains(bend)) return false;
  return state_->add({.kind = NoteEvent::Kind::bend, .channel = channel, .value = bend}, offset);
}

bool Instrument::sustain(bool is_down, int offset, int channel) noexcept {
  return state_->add({.kind = NoteEvent::Kind::sustain, .channel = channel, .value = is_down ? 1.0 : 0.0},
                     offset);
}

bool Instrument::all_notes_off(int offset) noexcept {
  return state_->add({.kind = NoteEvent::Kind::all_off}, offset);
}

bool Instrument::all_sound_off(int offset) noexcept {
  return state_->add({.kind = NoteEvent::Kind::silence}, offset);
}

bool Instrument::midi(const unsigned char* bytes, int count, int offset) noexcept {
  if (bytes == nullptr || count < 1 || offset < 0) return false;
  const std::span all(bytes, static_cast<std::size_t>(count));
  // First all of it is looked at, so that nothing happens where some of it cannot.
  int events = 0, passed_over = 0;
  bool is_exclusive = state_->is_exclusive;
  const auto sounds = [](const ChannelMessage& message) {
    using Kind = ChannelMessage::Kind;
    return message.kind != Kind::key_pressure && message.kind != Kind::program &&
           message.kind != Kind::channel_pressure;
  };
  const bool is_whole = for_each_message(
      all, is_exclusive, [&](const ChannelMessage& message) { ++(sounds(message) ? events : passed_over); },
      [&] { ++passed_over; });
  if (!is_whole || events > state_->room()) return false;
  for_each_message(
      all, state_->is_exclusive,
      [&](const ChannelMessage& message) {
        if (sounds(message)) state_->add({.kind = NoteEvent::Kind::midi, .message = message}, offset);
      },
      [] {});
  state_->passed_over += passed_over;
  return true;
}

std::int64_t Instrument::passed_over() const noexcept { return state_->passed_over; }

int Instrument::room() const noexcept { return state_->room(); }

int Instrument::sounding() const noexcept { return state_->voices.sounding(); }

int Instrument::parameter(std::string_view name) const {
  const int index = state_->stream.parameter(name);
  if (index == state_->frequency || index == state_->velocity)
    raise<TapeError>("[instrument] '" + std::string(name) +
                     "' is each note's own: note_on(key, velocity) sets it");
  return index;
}

bool Instrument::set(int parameter, double value) noexcept {
  if (parameter == state_->frequency || parameter == state_->velocity) return false;
  return state_->stream.set(parameter, value);
}

double Instrument::value(int parameter) const noexcept { return state_->stream.value(parameter); }

bool Instrument::set_level(double level) noexcept {
  if (!levels.contains(level)) return false;
  state_->level.set(0, level);
  state_->level.announce();
  return true;
}

double Instrument::level() const noexcept { return state_->level.target(0); }

const Stream& Instrument::stream() const { return state_->stream; }

}  // namespace retrograd
