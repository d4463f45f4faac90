// rg_instrument_...
#include <retrograd/c/call.hpp>
#include <retrograd/instrument/instrument.hpp>
#include <retrograd/tensor/errors.hpp>

#include <algorithm>

namespace retrograd::c {

namespace {

struct InstrumentObject {
  static constexpr Kind kind = Kind::instrument;
  Knobs knobs;
  Instrument instrument;
};

rg_instrument_options default_instrument_options() {
  const InstrumentOptions defaults;
  rg_instrument_options options{};
  options.voices = defaults.voices;
  options.glide = defaults.glide;
  options.bend_range = defaults.bend_range;
  options.tuning = defaults.tuning;
  options.level = defaults.level;
  return options;
}

bool has_parameter(const InstrumentObject& object, int parameter) {
  return parameter >= 0 && parameter < object.instrument.stream().parameters();
}

void require_parameter(const InstrumentObject& object, int index) {
  if (!has_parameter(object, index))
    fail(RG_BAD_ARGUMENT, "there is no parameter " + std::to_string(index) + "; there are " +
                              std::to_string(object.instrument.stream().parameters()) + ", counted from 0");
}

/// The body of a call on the audio thread.
template <class Body>
rg_status play(rg_instrument handle, Body body) noexcept {
  const Use<InstrumentObject> use(handle.id, Sharing::one_at_a_time);
  return use.status() != RG_OK ? use.status() : body(use->instrument);
}

/// The same for an event.
template <class Body>
rg_status take(rg_instrument handle, Body body) noexcept {
  return play(handle,
              [&](Instrument& instrument) -> rg_status { return body(instrument) ? RG_OK : RG_NOT_TAKEN; });
}

}  // namespace

}  // namespace retrograd::c

using namespace retrograd;
using namespace retrograd::c;

rg_status rg_instrument_options_init(rg_instrument_options* options, size_t size) {
  return set_defaults(options, size, default_instrument_options(), "rg_instrument_options");
}

rg_status rg_instrument_open(rg_patch patch, const rg_instrument_options* options,
                             rg_instrument* instrument) {
  return guarded([&] {
    require(instrument, "instrument");
    *instrument = {0};
    const rg_instrument_options read =
        read_struct(options, default_instrument_options(), "rg_instrument_options");
    const Rack played = patch_of(patch);
    const InstrumentOptions chosen{read.voices, read.glide, read.bend_range, read.tuning, read.level};
    auto object =
        std::unique_ptr<InstrumentObject>(new InstrumentObject{Knobs(played), Instrument(played, chosen)});
    const int channels = object->instrument.channels();
    *instrument = open<rg_instrument>(std::move(object), channels);
  });
}

rg_status rg_instrument_close(rg_instrument instrument) { return close<InstrumentObject>(instrument.id); }

rg_status rg_instrument_prepare(rg_instrument instrument, double sample_rate, int max_block) {
  return guarded([&] {
    const Use<InstrumentObject> use(instrument.id, Sharing::alone);
    usable(use)->instrument.prepare(sample_rate, max_block);
  });
}

rg_status rg_instrument_process(rg_instrument instrument, float* output, int frames) {
  const Use<InstrumentObject> use(instrument.id, Sharing::one_at_a_time);
  if (use.status() == RG_OK) return static_cast<rg_status>(use->instrument.process(output, frames));
  if (use.channels() > 0 && output != nullptr && frames > 0) std::fill_n(output, frames, 0.0f);
  return use.status();
}

rg_status rg_instrument_process_channels(rg_instrument instrument, float* const* outputs, int frames) {
  const Use<InstrumentObject> use(instrument.id, Sharing::one_at_a_time);
  if (use.status() == RG_OK) return static_cast<rg_status>(use->instrument.process(outputs, frames));
  for (int c = 0; c < use.channels() && outputs != nullptr && frames > 0; ++c)
    if (outputs[c] != nullptr) std::fill_n(outputs[c], frames, 0.0f);
  return use.status();
}

rg_status rg_instrument_reset(rg_instrument instrument) {
  return play(instrument, [](Instrument& played) -> rg_status { return played.reset(), RG_OK; });
}

rg_status rg_instrument_note_on(rg_instrument instrument, double key, double velocity, int offset) {
  return take(instrument, [&](Instrument& played) { return played.note_on(key, velocity, offset); });
}

rg_status rg_instrument_note_off(rg_instrument instrument, double key, int offset) {
  return take(instrument, [&](Instrument& played) { return played.note_off(key, offset); });
}

rg_status rg_instrument_pitch_bend(rg_instrument instrument, double bend, int offset) {
  return take(instrument, [&](Instrument& played) { return played.pitch_bend(bend, offset); });
}

rg_status rg_instrument_sustain(rg_instrument instrument, int is_down, int offset) {
  return take(instrument, [&](Instrument& played) { return played.sustain(is_down != 0, offset); });
}

rg_status rg_instrument_pressure(rg_instrument instrument, double pressure, int offset) {
  return take(instrument, [&](Instrument& played) { return played.pressure(pressure, offset); });
}

rg_status rg_instrument_channel_note_on(rg_instrument instrument, int channel, double key, double velocity,
                                        int offset) {
  return take(instrument, [&](Instrument& played) { return played.note_on(key, velocity, offset, channel); });
}

rg_status rg_instrument_channel_note_off(rg_instrument instrument, int channel, double key, int offset) {
  return take(instrument, [&](Instrument& played) { return played.note_off(key, offset, channel); });
}

rg_status rg_instrument_channel_pitch_bend(rg_instrument instrument, int channel, double bend, int offset) {
  return take(instrument, [&](Instrument& played) { return played.pitch_bend(bend, offset, channel); });
}

rg_status rg_instrument_channel_sustain(rg_instrument instrument, int channel, int is_down, int offset) {
  return take(instrument, [&](Instrument& played) { return played.sustain(is_down != 0, offset, channel); });
}

rg_status rg_instrument_channel_pressure(rg_instrument instrument, int channel, double pressure, int offset) {
  return take(instrument, [&](Instrument& played) { return played.pressure(pressure, offset, channel); });
}

rg_status rg_instrument_all_sound_off(rg_instrument instrument, int offset) {
  return take(instrument, [&](Instrument& played) { return played.all_sound_off(offset); });
}

rg_status rg_instrument_all_notes_off(rg_instrument instrument, int offset) {
  return take(instrument, [&](Instrument& played) { return played.all_notes_off(offset); });
}

rg_status rg_instrument_midi(rg_instrument instrument, const unsigned char* bytes, int count, int offset) {
  return take(instrument, [&](Instrument& played) { return played.midi(bytes, count, offset); });
}

rg_status rg_instrument_sounding(rg_instrument instrument, int* voices) {
  if (voices == nullptr) return RG_BAD_ARGUMENT;
  return play(instrument,
              [&](Instrument& played) -> rg_status { return *voices = played.sounding(), RG_OK; });
}

rg_status rg_instrument_get_info(rg_instrument instrument, rg_instrument_info* info) {
  if (info == nullptr || info->size < sizeof(std::size_t)) return RG_BAD_ARGUMENT;
  return play(instrument, [&](Instrument& played) -> rg_status {
    rg_instrument_info written{};
    written.parameters = played.stream().parameters();
    written.max_block = played.stream().max_block();
    written.sample_rate = played.stream().sample_rate();
    written.passed_over = played.passed_over();
    written.channels = played.channels();
    write_struct(written, info);
    return RG_OK;
  });
}

rg_status rg_instrument_parameter(rg_instrument instrument, const char* name, int* index) {
  return guarded([&] {
    require(name, "name");
    require(index, "index");
    const Use<InstrumentObject> use(instrument.id, Sharing::any_thread);
    const Instrument& named = usable(use)->instrument;
    try {
      *index = named.parameter(name);
    } catch (const TapeError& error) {
      fail(RG_BAD_ARGUMENT, error.what());
    }
  });
}

rg_status rg_instrument_parameter_info(rg_instrument instrument, int index, rg_parameter_info* info) {
  return guarded([&] {
    const Use<InstrumentObject> use(instrument.id, Sharing::any_thread);
    const InstrumentObject& object = *usable(use);
    const Stream& stream = object.instrument.stream();
    require_parameter(object, index);
    const std::string& name = stream.name(index);
    const Domain& domain = stream.domain(index);
    write_parameter(name, domain, object.knobs.of(name, domain), stream.value(index), 1, info);
  });
}

rg_status rg_instrument_parameter_name(rg_instrument instrument, int index, char* text, size_t capacity,
                                       size_t* length) {
  return guarded([&] {
    const Use<InstrumentObject> use(instrument.id, Sharing::any_thread);
    require_parameter(*usable(use), index);
    give_text(use->instrument.stream().name(index), text, capacity, length);
  });
}

rg_status rg_instrument_set(rg_instrument instrument, int parameter, double value) {
  const Use<InstrumentObject> use(instrument.id, Sharing::any_thread);
  if (use.status() != RG_OK) return use.status();
  if (!has_parameter(*use, parameter)) return RG_BAD_ARGUMENT;
  return use->instrument.set(parameter, value) ? RG_OK : RG_BAD_VALUE;
}

rg_status rg_instrument_get(rg_instrument instrument, int parameter, double* value) {
  const Use<InstrumentObject> use(instrument.id, Sharing::any_thread);
  if (use.status() != RG_OK) return use.status();
  if (value == nullptr || !has_parameter(*use, parameter)) return RG_BAD_ARGUMENT;
  *value = use->instrument.value(parameter);
  return RG_OK;
}

rg_status rg_instrument_set_level(rg_instrument instrument, double level) {
  const Use<InstrumentObject> use(instrument.id, Sharing::any_thread);
  if (use.status() != RG_OK) return use.status();
  return use->instrument.set_level(level) ? RG_OK : RG_BAD_VALUE;
}

rg_status rg_instrument_get_level(rg_instrument instrument, double* level) {
  const Use<InstrumentObject> use(instrument.id, Sharing::any_thread);
  if (use.status() != RG_OK) return use.status();
  if (level == nullptr) return RG_BAD_ARGUMENT;
  *level = use->instrument.level();
  return RG_OK;
}
