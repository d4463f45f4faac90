#include <retrograd/math/floating_point.hpp>
#include <retrograd/math/functions.hpp>
#include <retrograd/nodes/arithmetic.hpp>
#include <retrograd/patches/record.hpp>
#include <retrograd/stream/instrument.hpp>
#include <retrograd/tensor/errors.hpp>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

namespace retrograd {
namespace {

constexpr double highest_key = 1000.0;
/// Times its longest release a voice sounds on: exp(-11.51) is -100 dB.
constexpr double releases_to_the_end = 11.512925464970229;  // ln(1e5)

struct NoteEvent {
  enum class Kind { on, off, rise, bend, sustain, all_off };
  std::int64_t time = 0;  ///< in samples since the start
  Kind kind = Kind::on;
  double value = 0.0;  ///< key, bend, 1 for a pedal that is down
  double velocity = 0.0;
  int voice = 0;  ///< whose gate rises
};

/// What a voice was last told.
struct VoiceSound {
  double frequency = 0.0, velocity = 0.0;  ///< where they are going
  std::int64_t fell = -1;                  ///< when its gate last fell
  double longest_release = 0.0;            ///< seconds, since then
};

const InstrumentOptions& checked(const InstrumentOptions& options) {
  const auto refuse = [](const std::string& what) { raise<DomainError>("[instrument] " + what); };
  if (options.voices < 1 || options.voices > 1024)
    refuse(std::to_string(options.voices) + " voices; 1 to 1024 can be");
  if (!range(0.0, 120.0).contains(options.bend_range))
    refuse("a bend range of " + std::to_string(options.bend_range) + " semitones; 0 to 120 can be");
  if (!(options.tuning > 0.0 && options.tuning <= 768000.0))
    refuse("a tuning of " + std::to_string(options.tuning) + " Hz; it is above 0, 768000 at most");
  return options;
}

}  // namespace

struct Instrument::State {
  State(const Patch& patch, const InstrumentOptions& instrument_options)
      : options(checked(instrument_options)),
        voices(options.voices),
        sounds(static_cast<std::size_t>(options.voices)),
        stream(
            [patch, rows = options.voices](Tape& tape) {
              const Var gate =
                  tape.input("note.gate", Tensor(Shape{rows, *tape.options().length}, ElementType::f32));
              const Var audio = record(tape, patch, gate, rows).audio;
              Tensor full(rows > 1 ? Shape{rows, 1} : Shape{1});
              full.fill(1.0);
              return std::vector<Var>{audio * tape.parameter("note.velocity", full, unit_interval)};
            },
            {.glide = options.glide,
             // An event here becomes five there, or one for each voice.
             .max_events = (max_events + 1) * std::max(options.voices, 5)}),
        gates(stream.input("note.gate")),
        frequency(stream.parameter("note.frequency")),
        velocity(stream.parameter("note.velocity")) {
    for (const int i : audible_operators(patch))
      releases.push_back(stream.parameter("fm.operator." + std::to_string(i) + ".envelope.release"));
    waiting.reserve(max_events + 1);
  }

  void reset() noexcept {
    stream.reset();
    voices.reset();
    std::ranges::fill(sounds, VoiceSound{});
    waiting.clear();
    bend = 0.0;
    position = 0;
  }

  // --- events --------------------------------------------------------------------------------------

  bool add(NoteEvent event, int offset) noexcept {
    if (offset < 0 || static_cast<int>(waiting.size()) >= max_events) return false;
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
    const auto release = [&](int voice) { this->release(voice, event.time); };
    switch (event.kind) {
      case NoteEvent::Kind::on:
        return start(event);
      case NoteEvent::Kind::off:
        if (const int ended = voices.note_off(event.value); ended >= 0) release(ended);
        return;
      case NoteEvent::Kind::rise:
        if (is_on(event.voice)) set_gate(event.voice, true, event.time);
        return;
      case NoteEvent::Kind::bend:
        bend = event.value;
        for (int v = 0; v < voices.count(); ++v)
          if (voices.phase(v) != VoicePhase::free)
            glide(frequency, v, frequency_of(voices.key(v)), sound_of(v).frequency, event.time);
        return;
      case NoteEvent::Kind::sustain:
        return voices.sustain(event.value != 0.0, release);
      case NoteEvent::Kind::all_off:
        return voices.all_notes_off(release);
    }
  }

  void start(const NoteEvent& event) noexcept {
    const auto [voice, before] = voices.note_on(event.value);
    VoiceSound& sound = sound_of(voice);
    const double hertz = frequency_of(event.value);
    if (before == VoicePhase::free) {
      send(StreamEvent::Kind::restart, event.time, 0, voice, 0.0);
      send(StreamEvent::Kind::jump, event.time, frequency, voice, sound.frequency = hertz);
      send(StreamEvent::Kind::jump, event.time, velocity, voice, sound.velocity = event.velocity);
    } else {
      glide(frequency, voice, hertz, sound.frequency, event.time);
      glide(velocity, voice, event.velocity, sound.velocity, event.time);
    }
    if (before == VoicePhase::held || before == VoicePhase::pedalled) {
      set_gate(voice, false, event.time);
      sound.fell = event.time;
    }
    // An envelope starts again where its gate was low, for one sample at least.
    if (sound.fell < event.time) return set_gate(voice, true, event.time);
    const NoteEvent rise{.time = event.time + 1, .kind = NoteEvent::Kind::rise, .voice = voice};
    // Before whatever else happens at that sample: a note that ends there must not be held after it.
    waiting.insert(std::ranges::lower_bound(waiting, rise.time, {}, &NoteEvent::time), rise);
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

  double frequency_of(double key) const noexcept {
    return options.tuning * math::exp2((key - 69.0 + bend * options.bend_range) / 12.0);
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
    return sound.fell +
           static_cast<std::int64_t>(std::min(std::ceil(release_samples * releases_to_the_end), 0x1p62));
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
    const StreamStatus status = stream.process(nullptr, channels.data(), frames);
    if (status != StreamStatus::ok) {
      std::fill_n(output, frames, 0.0f);
      reset();
      return status;
    }
    position += frames;
    free_ended(position);
    std::copy_n(channels[0], frames, output);
    for (std::size_t v = 1; v < channels.size(); ++v)
      for (int i = 0; i < frames; ++i) output[i] += channels[v][i];
    return status;
  }

  InstrumentOptions options;
  Voices voices;
  std::vector<VoiceSound> sounds;  // of each voice
  Stream stream;
  int gates, frequency, velocity;  // in the stream
  std::vector<int> releases;       // of the operators that are heard
  std::vector<NoteEvent> waiting;  // in the order of their times
  double bend = 0.0;
  std::int64_t position = 0;
  std::vector<float> samples;  // of each voice, one after the other
  std::vector<float*> channels;
};

Instrument::Instrument(const Patch& patch, const InstrumentOptions& options) {
  validate(patch, "the patch");
  state_ = std::make_unique<State>(patch, options);
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
  state.channels.resize(voices);
  for (std::size_t v = 0; v < voices; ++v) state.channels[v] = state.samples.data() + v * frames;
  state.reset();
}

StreamStatus Instrument::process(float* output, int frames) noexcept {
  State& state = *state_;
  if (state.channels.empty() || output == nullptr || frames < 0 || frames > state.stream.max_block()) {
    if (output != nullptr && frames > 0) std::fill_n(output, frames, 0.0f);
    return state.channels.empty() ? StreamStatus::not_prepared : StreamStatus::bad_block;
  }
  return state.process(output, frames);
}

void Instrument::reset() noexcept { state_->reset(); }

bool Instrument::note_on(double key, double velocity, int offset) noexcept {
  if (!range(-highest_key, highest_key).contains(key) || !unit_interval.contains(velocity)) return false;
  // At -120 dB a note is silent: envelopes that have almost ended, times less, would be denormal.
  const double audible = velocity < 0x1p-20 ? 0.0 : velocity;
  return state_->add({.kind = NoteEvent::Kind::on, .value = key, .velocity = audible}, offset);
}

bool Instrument::note_off(double key, int offset) noexcept {
  if (!range(-highest_key, highest_key).contains(key)) return false;
  return state_->add({.kind = NoteEvent::Kind::off, .value = key}, offset);
}

bool Instrument::pitch_bend(double bend, int offset) noexcept {
  if (!range(-1.0, 1.0).contains(bend)) return false;
  return state_->add({.kind = NoteEvent::Kind::bend, .value = bend}, offset);
}

bool Instrument::sustain(bool is_down, int offset) noexcept {
  return state_->add({.kind = NoteEvent::Kind::sustain, .value = is_down ? 1.0 : 0.0}, offset);
}

bool Instrument::all_notes_off(int offset) noexcept {
  return state_->add({.kind = NoteEvent::Kind::all_off}, offset);
}

bool Instrument::midi(const unsigned char* bytes, int count, int offset) noexcept {
  if (bytes == nullptr || count < 1 || bytes[0] < 0x80) return false;
  const int kind = bytes[0] & 0xf0;
  const bool is_known = kind == 0x80 || kind == 0x90 || kind == 0xb0 || kind == 0xe0;
  if (!is_known) return true;
  if (count < 3 || bytes[1] > 127 || bytes[2] > 127) return false;
  const int first = bytes[1], second = bytes[2];
  if (kind == 0x90 && second > 0) return note_on(first, second / 127.0, offset);
  if (kind == 0x80 || kind == 0x90) return note_off(first, offset);
  if (kind == 0xe0) {
    const int bend = first + 128 * second - 8192;  // -8192 to 8191
    return pitch_bend(bend / (bend < 0 ? 8192.0 : 8191.0), offset);
  }
  if (first == 64) return sustain(second >= 64, offset);
  if (first == 121) return pitch_bend(0.0, offset) && sustain(false, offset);
  if (first == 120 || first >= 123) return all_notes_off(offset);
  return true;
}

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

const Stream& Instrument::stream() const { return state_->stream; }

}  // namespace retrograd
