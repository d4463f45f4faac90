// rg_stream_...
#include <retrograd/c/call.hpp>
#include <retrograd/racks/rack_stream.hpp>
#include <retrograd/tensor/errors.hpp>

#include <algorithm>
#include <vector>

namespace retrograd::c {

namespace {

static_assert(static_cast<int>(StreamStatus::ok) == RG_OK);
static_assert(static_cast<int>(StreamStatus::not_prepared) == RG_NOT_PREPARED);
static_assert(static_cast<int>(StreamStatus::bad_block) == RG_BAD_BLOCK);
static_assert(static_cast<int>(StreamStatus::bad_input) == RG_BAD_INPUT);
static_assert(static_cast<int>(StreamStatus::not_finite) == RG_NOT_FINITE);

struct StreamObject {
  static constexpr Kind kind = Kind::stream;
  Knobs knobs;
  Stream stream;
  bool has_gradients;
  std::vector<char> is_bad;  // of each row
};

rg_stream_options default_stream_options() {
  const StreamOptions defaults;
  rg_stream_options options{};
  options.rows = 1;
  options.glide = defaults.glide;
  options.max_events = defaults.max_events;
  options.gradients = defaults.gradients ? 1 : 0;
  return options;
}

StreamOptions options_of(const rg_stream_options& options) {
  const auto refuse = [](const std::string& what) { fail(RG_BAD_ARGUMENT, what); };
  if (options.rows < 1 || options.rows > 4096)
    refuse("rows is " + std::to_string(options.rows) + "; it must lie between 1 and 4096");
  if (!(options.glide >= 0.0 && options.glide <= 3600.0))
    refuse("glide is " + std::to_string(options.glide) + "; it must lie between 0 and 3600 seconds");
  if (options.max_events < 0 || options.max_events > 1 << 20)
    refuse("max_events is " + std::to_string(options.max_events) + "; it must lie between 0 and 1048576");
  return {options.glide, options.max_events, options.gradients != 0};
}

bool has_parameter(const Stream& stream, int parameter, int row) {
  return parameter >= 0 && parameter < stream.parameters() && row >= 0 && row < stream.rows(parameter);
}

void require_parameter(const Stream& stream, int index) {
  if (!has_parameter(stream, index, 0))
    fail(RG_BAD_ARGUMENT, "there is no parameter " + std::to_string(index) + "; there are " +
                              std::to_string(stream.parameters()) + ", counted from 0");
}

void silence(float* const* outputs, int channels, int frames) {
  if (outputs == nullptr || frames <= 0) return;
  for (int channel = 0; channel < channels; ++channel)
    if (outputs[channel] != nullptr) std::fill_n(outputs[channel], frames, 0.0f);
}

}  // namespace

}  // namespace retrograd::c

using namespace retrograd;
using namespace retrograd::c;

rg_status rg_stream_options_init(rg_stream_options* options, size_t size) {
  return set_defaults(options, size, default_stream_options(), "rg_stream_options");
}

rg_status rg_stream_open(rg_patch patch, const rg_stream_options* options, rg_stream* stream) {
  return guarded([&] {
    require(stream, "stream");
    *stream = {0};
    const rg_stream_options read = read_struct(options, default_stream_options(), "rg_stream_options");
    const Rack played = patch_of(patch);
    auto object = std::unique_ptr<StreamObject>(
        new StreamObject{Knobs(played), stream_of(played, read.rows, options_of(read)), read.gradients != 0,
                         std::vector<char>(static_cast<std::size_t>(read.rows))});
    const int channels = object->stream.output_channels();
    *stream = open<rg_stream>(std::move(object), channels);
  });
}

rg_status rg_stream_close(rg_stream stream) { return close<StreamObject>(stream.id); }

rg_status rg_stream_prepare(rg_stream stream, double sample_rate, int max_block) {
  return guarded([&] {
    const Use<StreamObject> use(stream.id, Sharing::alone);
    usable(use)->stream.prepare(sample_rate, max_block);
  });
}

rg_status rg_stream_process(rg_stream stream, const float* const* inputs, float* const* outputs, int frames) {
  const Use<StreamObject> use(stream.id, Sharing::one_at_a_time);
  if (use.status() == RG_OK) return static_cast<rg_status>(use->stream.process(inputs, outputs, frames));
  silence(outputs, use.channels(), frames);
  return use.status();
}

rg_status rg_stream_status(rg_stream stream) {
  const Use<StreamObject> use(stream.id, Sharing::one_at_a_time);
  return use.status() != RG_OK ? use.status() : static_cast<rg_status>(use->stream.status());
}

rg_status rg_stream_bad_rows(rg_stream stream, int* rows, int capacity, int* count) {
  if (count == nullptr || capacity < 0 || (rows == nullptr && capacity > 0)) return RG_BAD_ARGUMENT;
  const Use<StreamObject> use(stream.id, Sharing::one_at_a_time);
  if (use.status() != RG_OK) return use.status();
  // Each channel has its rows.
  std::vector<char>& is_bad = use->is_bad;
  std::ranges::fill(is_bad, 0);
  for (const int channel : use->stream.bad_channels())
    is_bad[static_cast<std::size_t>(channel) % is_bad.size()] = 1;
  *count = 0;
  for (std::size_t row = 0; row < is_bad.size(); ++row) {
    if (is_bad[row] == 0) continue;
    if (*count < capacity) rows[*count] = static_cast<int>(row);
    ++*count;
  }
  return RG_OK;
}

rg_status rg_stream_schedule(rg_stream stream, const rg_stream_event* event) {
  // Not read_struct: this one may not allocate a message.
  if (event == nullptr || event->size < sizeof(rg_stream_event)) return RG_BAD_ARGUMENT;
  if (event->kind < RG_EVENT_INPUT || event->kind > RG_EVENT_SLEEP) return RG_NOT_TAKEN;
  const Use<StreamObject> use(stream.id, Sharing::one_at_a_time);
  if (use.status() != RG_OK) return use.status();
  const auto kind = static_cast<StreamEvent::Kind>(event->kind);
  return use->stream.schedule({kind, event->offset, event->index, event->row, event->value}) ? RG_OK
                                                                                             : RG_NOT_TAKEN;
}

rg_status rg_stream_reset(rg_stream stream) {
  const Use<StreamObject> use(stream.id, Sharing::one_at_a_time);
  if (use.status() == RG_OK) use->stream.reset();
  return use.status();
}

rg_status rg_stream_rewind(rg_stream stream, const float* const* seeds) {
  if (seeds == nullptr) return RG_BAD_ARGUMENT;
  const Use<StreamObject> use(stream.id, Sharing::one_at_a_time);
  if (use.status() != RG_OK) return use.status();
  if (!use->has_gradients) return RG_BAD_CALL;
  return static_cast<rg_status>(use->stream.rewind(seeds));
}

rg_status rg_stream_gradient(rg_stream stream, int parameter, int row, double* gradient) {
  const Use<StreamObject> use(stream.id, Sharing::one_at_a_time);
  if (use.status() != RG_OK) return use.status();
  if (gradient == nullptr || !has_parameter(use->stream, parameter, row)) return RG_BAD_ARGUMENT;
  if (!use->has_gradients) return RG_BAD_CALL;
  *gradient = use->stream.gradient(parameter, row);
  return RG_OK;
}

rg_status rg_stream_get_info(rg_stream stream, rg_stream_info* info) {
  const Use<StreamObject> use(stream.id, Sharing::one_at_a_time);
  if (use.status() != RG_OK) return use.status();
  if (info == nullptr || info->size < sizeof(std::size_t)) return RG_BAD_ARGUMENT;
  rg_stream_info written{};
  written.input_channels = use->stream.input_channels();
  written.output_channels = use->stream.output_channels();
  written.parameters = use->stream.parameters();
  written.max_block = use->stream.max_block();
  written.sample_rate = use->stream.sample_rate();
  written.position = use->stream.position();
  write_struct(written, info);
  return RG_OK;
}

rg_status rg_stream_parameter(rg_stream stream, const char* name, int* index) {
  return guarded([&] {
    require(name, "name");
    require(index, "index");
    const Use<StreamObject> use(stream.id, Sharing::any_thread);
    const Stream& named = usable(use)->stream;
    try {
      *index = named.parameter(name);
    } catch (const TapeError& error) {
      fail(RG_BAD_ARGUMENT, error.what());
    }
  });
}

rg_status rg_stream_parameter_info(rg_stream stream, int index, rg_parameter_info* info) {
  return guarded([&] {
    const Use<StreamObject> use(stream.id, Sharing::any_thread);
    const StreamObject& object = *usable(use);
    require_parameter(object.stream, index);
    const std::string& name = object.stream.name(index);
    const Domain& domain = object.stream.domain(index);
    write_parameter(name, domain, object.knobs.of(name, domain), object.stream.value(index),
                    object.stream.rows(index), info);
  });
}

rg_status rg_stream_parameter_name(rg_stream stream, int index, char* text, size_t capacity, size_t* length) {
  return guarded([&] {
    const Use<StreamObject> use(stream.id, Sharing::any_thread);
    const Stream& named = usable(use)->stream;
    require_parameter(named, index);
    give_text(named.name(index), text, capacity, length);
  });
}

rg_status rg_stream_set(rg_stream stream, int parameter, int row, double value) {
  const Use<StreamObject> use(stream.id, Sharing::any_thread);
  if (use.status() != RG_OK) return use.status();
  if (!has_parameter(use->stream, parameter, row < 0 ? 0 : row) || row < -1) return RG_BAD_ARGUMENT;
  const bool is_set = row < 0 ? use->stream.set(parameter, value) : use->stream.set(parameter, row, value);
  return is_set ? RG_OK : RG_BAD_VALUE;
}

rg_status rg_stream_get(rg_stream stream, int parameter, int row, double* value) {
  const Use<StreamObject> use(stream.id, Sharing::any_thread);
  if (use.status() != RG_OK) return use.status();
  if (value == nullptr || !has_parameter(use->stream, parameter, row)) return RG_BAD_ARGUMENT;
  *value = use->stream.value(parameter, row);
  return RG_OK;
}
