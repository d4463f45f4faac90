#include <retrograd/instrument/instrument.hpp>
#include <retrograd/instrument/state.hpp>
#include <retrograd/racks/record.hpp>
#include <retrograd/racks/rules.hpp>
#include <retrograd/racks/wiring.hpp>
#include <retrograd/tensor/errors.hpp>

#include <algorithm>
#include <cmath>
#include <span>
#include <string>

namespace retrograd {

using detail::audible;
using detail::NoteEvent;
using detail::VoiceSound;

namespace {

constexpr double highest_key = 1000.0;

const Domain levels = range(0.0, 1000.0);

detail::Reads reads_of(const Rack& rack) {
  const Wiring wiring(rack);
  const auto is_read = [&](const char* output) { return wiring.is_read(wiring.find(output)); };
  return {is_read("note.key"), is_read("note.bend"), is_read("note.pressure"), wiring.has_voices()};
}

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

Instrument::State::State(const Rack& rack, const InstrumentOptions& instrument_options)
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

void Instrument::State::reset() noexcept {
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
  state.heard = state.outputs;
  const auto heard = static_cast<std::size_t>(state.channel_count);
  state.mixed.assign(heard * frames, 0.0f);
  state.mixed_rows.resize(heard);
  for (std::size_t c = 0; c < heard; ++c) state.mixed_rows[c] = state.mixed.data() + c * frames;
  state.reset();
}

int Instrument::channels() const noexcept { return state_->channel_count; }

StreamStatus Instrument::process(float* const* outputs, int frames) noexcept {
  State& state = *state_;
  const bool has_all =
      outputs != nullptr && std::all_of(outputs, outputs + state.channel_count,
                                        [](const float* channel) { return channel != nullptr; });
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
