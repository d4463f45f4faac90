#include <retrograd/math/floating_point.hpp>
#include <retrograd/math/functions.hpp>
#include <retrograd/nodes/arithmetic.hpp>
#include <retrograd/stream/glides.hpp>
#include <retrograd/instrument/instrument.hpp>
#include <retrograd/instrument/midi_channels.hpp>
#include <retrograd/instrument/voice_end.hpp>
#include <retrograd/racks/record.hpp>
#include <retrograd/racks/rules.hpp>
#include <retrograd/racks/wiring.hpp>
#include <retrograd/tensor/errors.hpp>

#include <algorithm>
#include <cmath>
#include <span>
#include <string>
#include <vector>

namespace retrograd {
namespace {

using detail::VoiceEnd;

constexpr double highest_key = 1000.0;
/// A voice whose sound has ended becomes free at a multiple of these samples.
constexpr std::int64_t grid = VoiceEnd::mark;
/// Seconds that it must have been quiet for.
constexpr double least_quiet = 0.05;

const Domain levels = range(0.0, 1000.0);

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
  double note_velocity = 0.0;              ///< that velocity before its channel's volume
  std::int64_t fell = -1;                  ///< when its gate last fell
  std::int64_t ended = -1;                 ///< at which mark its sound was found to have ended, -1 where it has not
  std::int64_t silent_at = -1;             ///< when it is faded out, -1 where it is not
  std::int64_t again_at = -1;              ///< when its key went down while it was down
};

/// What the rack's cables read of the note, and whether it adds the voices up itself.
struct Reads {
  bool key, bend, pressure, has_mix_point;
};

Reads reads_of(const Rack& rack) {
  const Wiring wiring(rack);
  const auto is_read = [&](const char* output) { return wiring.is_read(wiring.find(output)); };
  return {is_read("note.key"), is_read("note.bend"), is_read("note.pressure"), wiring.has_voices()};
}

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
        rack_reads(reads_of(rack)),
        has_mix_point(rack_reads.has_mix_point),
        channel_count(static_cast<int>(rack.outputs.size())),
        channels(options.bend_range),
        voices(options.voices),
        sounds(static_cast<std::size_t>(options.voices)),
        ends(sounds.size()),
        stream(
            [rack, rows = options.voices, reads = rack_reads](Tape& tape) {
              const auto of_each = [&](const char* name, double value, const Domain& domain) {
                Tensor values(rows > 1 ? Shape{rows, 1} : Shape{1});
                values.fill(value);
                return tape.parameter(name, values, domain);
              };
              RecordOptions recording{.rows = rows, .rows_are_voices = reads.has_mix_point};
              recording.gate =
                  tape.input("note.gate", Tensor(Shape{rows, *tape.options().length}, ElementType::f32));
              recording.velocity = of_each("note.velocity", 1.0, unit_interval);
              if (reads.key) recording.key = of_each("note.key", 69.0, range(-highest_key, highest_key));
              if (reads.bend) recording.bend = of_each("note.bend", 0.0, range(-1.0, 1.0));
              if (reads.pressure) recording.pressure = of_each("note.pressure", 0.0, unit_interval);
              RecordedRack recorded = record(tape, rack, recording);
              if (reads.has_mix_point)
                recorded.outputs.insert(recorded.outputs.end(), recorded.voices.begin(), recorded.voices.end());
              return recorded.outputs;
            },
            {.glide = options.glide,
             // An event becomes seven, or three for each voice.
             .max_events = std::min((max_events + 3) * std::max(3 * options.voices, 7), 1 << 20)}),
        gates(stream.input("note.gate")),
        frequency(stream.parameter("note.frequency")),
        velocity(stream.parameter("note.velocity")),
        key(rack_reads.key ? stream.parameter("note.key") : -1),
        bend(rack_reads.bend ? stream.parameter("note.bend") : -1),
        pressure(rack_reads.pressure ? stream.parameter("note.pressure") : -1),
        level({options.level}) {
    waiting.reserve(max_events + 1);
    ended.reserve(sounds.size());
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
    send(StreamEvent::Kind::sleep, 0, -1, 0.0);
  }

  // --- events --------------------------------------------------------------------------------------

  int room() const noexcept { return std::max(max_events - static_cast<int>(waiting.size()), 0); }

  bool add(NoteEvent event, int offset) noexcept {
    if (offset < 0 || room() < 1 || !is_channel(event.channel)) return false;
    event.time = position + offset;
    waiting.insert(std::ranges::upper_bound(waiting, event.time, {}, &NoteEvent::time), event);
    return true;
  }

  // Tells the stream of all that happens at the sample that is played next.
  void play_events() noexcept {
    while (!waiting.empty() && waiting.front().time <= position) {
      const NoteEvent event = waiting.front();
      waiting.erase(waiting.begin());
      play(event);
    }
  }

  void play(const NoteEvent& event) noexcept {
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

  void play(const ChannelMessage& message) noexcept {
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

  void start(double key_played, double note_velocity, int channel) noexcept {
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

  void end(double key_up, int channel) noexcept {
    if (const int held = voices.held(key_up, channel); held >= 0 && sound_of(held).again_at == position) {
      sound_of(held).again_at = -1;  // it ends the note before, which the new one has ended
      return;
    }
    if (const int released = voices.note_off(key_up, channel); released >= 0) release(released);
  }

  void sustain(bool is_down, int channel) noexcept {
    voices.sustain(
        is_down, [&](int voice) { release(voice); }, channel);
  }

  // Calls visit(voice, its sound) for the channel's voices that sound.
  template <class Visit>
  void for_each_sounding(int channel, const Visit& visit) noexcept {
    for (int v = 0; v < voices.count(); ++v)
      if (voices.phase(v) != VoicePhase::free && voices.channel(v) == channel) visit(v, sound_of(v));
  }

  void follow_pitch(int channel) noexcept {
    for_each_sounding(channel, [&](int v, VoiceSound& sound) {
      glide(frequency, v, frequency_of(v), sound.frequency);
      if (bend >= 0) send(StreamEvent::Kind::glide, bend, v, channels.bend_of(channel));
    });
  }

  void follow_pressure(int channel) noexcept {
    for_each_sounding(channel, [&](int v, VoiceSound& sound) {
      glide(pressure, v, channels.pressure(channel), sound.pressure);
    });
  }

  void follow_gain(int channel) noexcept {
    const double gain = channels.gain(channel);
    for_each_sounding(channel, [&](int v, VoiceSound& sound) {
      if (sound.silent_at < 0) glide(velocity, v, audible(sound.note_velocity * gain), sound.velocity);
    });
  }

  // As a voice that is taken over goes to the loudness of its new note, but to none.
  void silence(int channel) noexcept {
    voices.all_notes_off([&](int voice) { release(voice); }, channel);
    for_each_sounding(channel, [&](int v, VoiceSound& sound) {
      if (voices.phase(v) != VoicePhase::released || sound.silent_at >= 0) return;
      glide(velocity, v, 0.0, sound.velocity);
      sound.silent_at = position + std::llround(options.glide * stream.sample_rate());
    });
  }

  void release(int voice) noexcept {
    set_gate(voice, false);
    sound_of(voice).fell = position;
  }

  bool is_of_a_note(int parameter) const noexcept {
    return parameter >= 0 && (parameter == frequency || parameter == velocity || parameter == key ||
                              parameter == bend || parameter == pressure);
  }

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

  double frequency_of(int voice) const noexcept {
    const double semitones = channels.semitones(voices.channel(voice));
    return options.tuning * math::exp2((voices.key(voice) - 69.0 + semitones) / 12.0);
  }

  // --- the end of a voice's sound --------------------------------------------------------------------

  bool any_is_released() const noexcept {
    for (int v = 0; v < voices.count(); ++v)
      if (voices.phase(v) == VoicePhase::released) return true;
    return false;
  }

  // Listens to the `count` samples that were played last.
  void listen(std::int64_t count) noexcept {
    const std::int64_t start = position - count;
    const std::int64_t quiet = std::llround(least_quiet * stream.sample_rate());
    const std::size_t rows = sounds.size(), first = has_mix_point ? static_cast<std::size_t>(channel_count) : 0;
    for (int v = 0; v < voices.count(); ++v) {
      if (voices.phase(v) == VoicePhase::free) continue;
      VoiceEnd& end = ends[static_cast<std::size_t>(v)];
      for (std::int64_t at = 0; at < count;) {
        const std::int64_t part = std::min(count - at, end.to_mark(start + at));
        const bool is_mark = part == end.to_mark(start + at);
        for (std::size_t row = first + static_cast<std::size_t>(v); row < outputs.size(); row += rows)
          end.hear(outputs[row] + at, part);
        at += part;
        if (is_mark && end.ends_at_mark(is_on(v), quiet) && sound_of(v).ended < 0) sound_of(v).ended = start + at;
      }
    }
  }

  // Frees the voices whose sound has ended, in the order in which they ended.
  void free_ended() noexcept {
    ended.clear();
    for (int v = 0; v < voices.count(); ++v) {
      VoiceSound& sound = sound_of(v);
      if (voices.phase(v) != VoicePhase::released) continue;
      if (sound.ended < 0 && sound.silent_at >= 0 && position >= sound.silent_at) sound.ended = sound.silent_at;
      if (sound.ended >= 0) ended.push_back(v);
    }
    std::ranges::sort(ended, {}, [&](int v) { return std::pair(sound_of(v).ended, v); });
    for (const int v : ended) {
      voices.end(v);
      send(StreamEvent::Kind::sleep, 0, v, 0.0);
    }
  }

  // --- sound -----------------------------------------------------------------------------------------

  StreamStatus process(float* const* output, int frames) noexcept {
    const math::DefaultFloatingPoint environment;
    StreamStatus worst = StreamStatus::ok;
    const std::int64_t first = position;
    for (int done = 0; done < frames;) {
      play_events();
      // Up to the next event; and where a voice may end to where that is looked at.
      std::int64_t part = frames - done;
      if (!waiting.empty()) part = std::min(part, waiting.front().time - position);
      if (any_is_released()) part = std::min(part, grid - position % grid);
      const StreamStatus status = stream.process(nullptr, outputs.data(), static_cast<int>(part));
      if (status != StreamStatus::ok && status != StreamStatus::not_finite) {
        for (int c = 0; c < channel_count; ++c) std::fill_n(output[c], frames, 0.0f);
        reset();
        return status;
      }
      if (status == StreamStatus::not_finite) worst = status;
      position += part;
      for (int c = 0; c < channel_count; ++c) add_voices(c, output[c] + done, static_cast<int>(part));
      if (status == StreamStatus::not_finite) stop_bad_voices();
      listen(part);
      if (position % grid == 0) free_ended();
      done += static_cast<int>(part);
    }
    apply_level(output, frames, first);
    return worst;
  }

  // Voice 0 first.
  void add_voices(int channel, float* output, int frames) const noexcept {
    const std::size_t rows = has_mix_point ? 1 : sounds.size(), first = static_cast<std::size_t>(channel) * rows;
    std::copy_n(outputs[first], frames, output);
    for (std::size_t v = first + 1; v < first + rows; ++v)
      for (int i = 0; i < frames; ++i) output[i] += outputs[v][i];
  }

  void stop_bad_voices() noexcept {
    const int first = has_mix_point ? channel_count : 0;
    for (const int channel : stream.bad_channels()) {
      if (channel < first) continue;
      const int voice = (channel - first) % voices.count();
      voices.stop(voice);
      sound_of(voice) = {};
      set_gate(voice, false);
      jump(frequency, voice, options.tuning);  // its own may have been too high
      send(StreamEvent::Kind::sleep, 0, voice, 0.0);
    }
  }

  void apply_level(float* const* output, int frames, std::int64_t start) noexcept {
    if (level.take_announcement() && level.waits(0))
      level.go(0, level.target(0), start, start + std::llround(options.glide * stream.sample_rate()));
    int i = 0;
    for (; i < frames && level.is_moving(0, start + i); ++i)
      for (int c = 0; c < channel_count; ++c) output[c][i] *= static_cast<float>(level.at(0, start + i));
    const auto settled = static_cast<float>(level.at(0, start + i));
    if (settled == 1.0f) return;
    for (int c = 0; c < channel_count; ++c)
      for (int n = i; n < frames; ++n) output[c][n] *= settled;
  }

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
  std::vector<NoteEvent> waiting;  // in the order of their times
  detail::Glides level;
  bool is_exclusive = false;  // a system exclusive message goes on in the next call
  std::int64_t passed_over = 0;
  std::int64_t position = 0;
  std::vector<float> samples, mixed;  // of each of the stream's channels; of a sound that is mixed to one
  std::vector<float*> outputs;
  std::vector<float*> mixed_rows;
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
  const auto rows = static_cast<std::size_t>(state.stream.output_channels());
  state.samples.assign(rows * frames, 0.0f);
  state.outputs.resize(rows);
  for (std::size_t row = 0; row < rows; ++row) state.outputs[row] = state.samples.data() + row * frames;
  const auto heard = static_cast<std::size_t>(state.channel_count);
  state.mixed.assign(heard * frames, 0.0f);
  state.mixed_rows.resize(heard);
  for (std::size_t c = 0; c < heard; ++c) state.mixed_rows[c] = state.mixed.data() + c * frames;
  state.reset();
}

int Instrument::channels() const noexcept { return state_->channel_count; }

StreamStatus Instrument::process(float* const* outputs, int frames) noexcept {
  State& state = *state_;
  const bool has_all = outputs != nullptr && std::all_of(outputs, outputs + state.channel_count, [](const float* channel) { return channel != nullptr; });
  if (!has_all || state.outputs.empty() || frames < 0 || frames > state.stream.max_block()) {
    for (int c = 0; outputs != nullptr && c < state.channel_count; ++c)
      if (outputs[c] != nullptr && frames > 0) std::fill_n(outputs[c], frames, 0.0f);
    return state.outputs.empty() ? StreamStatus::not_prepared : StreamStatus::bad_block;
  }
  return state.process(outputs, frames);
}

StreamStatus Instrument::process(float* output, int frames) noexcept {
  State& state = *state_;
  if (state.channel_count == 1) return process(&output, frames);
  if (output == nullptr || state.outputs.empty() || frames < 0 || frames > state.stream.max_block()) {
    if (output != nullptr && frames > 0) std::fill_n(output, frames, 0.0f);
    return state.outputs.empty() ? StreamStatus::not_prepared : StreamStatus::bad_block;
  }
  const StreamStatus status = process(state.mixed_rows.data(), frames);
  const auto share = 1.0f / static_cast<float>(state.channel_count);
  for (int i = 0; i < frames; ++i) {
    float sum = 0.0f;
    for (const float* channel : state.mixed_rows) sum += channel[i];
    output[i] = sum * share;
  }
  return status;
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

bool Instrument::pressure(double pressure, int offset, int channel) noexcept {
  if (!unit_interval.contains(pressure)) return false;
  return state_->add({.kind = NoteEvent::Kind::pressure, .channel = channel, .value = pressure}, offset);
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
  const auto sounds = [reads_pressure = state_->pressure >= 0](const ChannelMessage& message) {
    using Kind = ChannelMessage::Kind;
    return message.kind != Kind::program &&
           (reads_pressure || (message.kind != Kind::key_pressure && message.kind != Kind::channel_pressure));
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
  if (state_->is_of_a_note(index))
    raise<TapeError>("[instrument] '" + std::string(name) +
                     "' is each note's own: note_on(key, velocity) sets it");
  return index;
}

bool Instrument::set(int parameter, double value) noexcept {
  if (state_->is_of_a_note(parameter)) return false;
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
