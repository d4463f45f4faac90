#include <retrograd/math/finite.hpp>
#include <retrograd/math/floating_point.hpp>
#include <retrograd/math/ordered_sum.hpp>
#include <retrograd/stream/glides.hpp>
#include <retrograd/stream/stream.hpp>
#include <retrograd/tape/backend.hpp>

#include <algorithm>
#include <cmath>
#include <optional>

namespace retrograd {

namespace {

using math::are_finite;

// An input or a parameter, as the builder recorded it.
struct Recorded {
  std::string name;
  int id;
  int rows;
  int first;  // of its channels or elements among all
  Domain domain;
  bool operator==(const Recorded& other) const {
    return name == other.name && rows == other.rows && first == other.first;
  }
};

const Recorded& find(const std::vector<Recorded>& all, std::string_view name, const char* kind) {
  std::string known;
  for (const Recorded& recorded : all) {
    if (recorded.name == name) return recorded;
    known += (known.empty() ? "" : ", ") + recorded.name;
  }
  raise<TapeError>("the stream has no " + std::string(kind) + " named '" + std::string(name) +
                   "'; it has: " + (known.empty() ? "none" : known));
}

}  // namespace

const char* to_string(StreamStatus status) {
  switch (status) {
    case StreamStatus::ok:
      return "ok";
    case StreamStatus::not_prepared:
      return "the stream has not been prepared";
    case StreamStatus::bad_block:
      return "a block of fewer than 0 frames or of more than were prepared, or without outputs";
    case StreamStatus::bad_input:
      return "an input is NaN or infinite";
    case StreamStatus::not_finite:
      return "what was computed was NaN or infinite: those rows are silent and start again, the others play "
             "on";
  }
  return "an unknown status";
}

struct Stream::State final : LiveConstants {
  State(Builder the_builder, const StreamOptions& the_options)
      : builder(std::move(the_builder)), options(the_options) {
    if (!(options.glide >= 0.0 && options.glide <= 60.0))
      raise<DomainError>("[stream] a glide of " + std::to_string(options.glide) +
                         " s; it must be between 0 and 60");
    if (options.max_events < 0 || options.max_events > 1 << 20)
      raise<DomainError>("[stream] room for " + std::to_string(options.max_events) +
                         " events; it must be 0 to 1048576");
    events.reserve(static_cast<std::size_t>(options.max_events));
    // Once at any rate, to know what there is and that it streams.
    record(44100.0, math::block);
    std::vector<double> values;
    const Graph& graph = graph_of(static_cast<const TapeState*>(tape->state()));
    for (const Recorded& parameter : parameters)
      for (int row = 0; row < parameter.rows; ++row)
        values.push_back(leaf_of(graph, parameter).value.view().at(row));
    glides.emplace(std::move(values));
    held.resize(channels(inputs));
    is_filled.resize(held.size());
    plan.reset();
  }

  static std::size_t channels(const std::vector<Recorded>& of) {
    return of.empty() ? 0 : static_cast<std::size_t>(of.back().first + of.back().rows);
  }
  static const Leaf& leaf_of(const Graph& graph, const Recorded& recorded) {
    return graph.leaves[static_cast<std::size_t>(graph.nodes[static_cast<std::size_t>(recorded.id)].leaf)];
  }
  static std::size_t element(const Recorded& parameter, int row) {
    return static_cast<std::size_t>(parameter.first + row);
  }

  void record(double at_rate, int block) {
    const math::DefaultFloatingPoint environment;
    const std::int64_t length = LivePlan::history + (block + math::block - 1) / math::block * math::block;
    Tape recording({.type = ElementType::f32, .sample_rate = at_rate, .length = length});
    const std::vector<Var> vars = builder(recording);
    if (vars.empty()) raise<TapeError>("[stream] the builder returned no outputs");
    Graph& graph = graph_of(recording.state());
    std::vector<Recorded> found_inputs, found_parameters, found_outputs;
    for (std::size_t id = 0; id < graph.nodes.size(); ++id) {
      const RecordedNode& node = graph.nodes[id];
      if (node.leaf < 0) continue;
      Leaf& leaf = graph.leaves[static_cast<std::size_t>(node.leaf)];
      if (!options.gradients) leaf.frozen = true;
      if (leaf.name.empty()) {
        if (node.signal)
          raise<TapeError>("[stream] a constant signal of shape " + to_string(node.shape) +
                           " cannot stream; make it an input");
        continue;
      }
      std::vector<Recorded>& found = node.signal ? found_inputs : found_parameters;
      found.push_back({leaf.name, static_cast<int>(id), static_cast<int>(node.shape.rows()),
                       static_cast<int>(channels(found)), leaf.domain});
    }
    std::vector<int> ids;
    for (const Var& var : vars) {
      if (var.tape() != recording.state())
        raise<TapeError>("[stream] the builder returned a Var of another tape than it was given");
      if (!var.is_signal())
        raise<TapeError>("[stream] output " + std::to_string(ids.size()) +
                         " is constant over time; the outputs of a stream are signals");
      if (var.shape().length() != length && graph.nodes[static_cast<std::size_t>(var.id())].leaf < 0)
        raise<TapeError>("[stream] output " + std::to_string(ids.size()) + ", of '" +
                         graph.nodes[static_cast<std::size_t>(var.id())].type->name + "', has " +
                         std::to_string(var.shape().length()) + " samples of the " + std::to_string(length) +
                         " that the tape has; a stream's outputs have the tape's length");
      ids.push_back(var.id());
      found_outputs.push_back({"", var.id(), static_cast<int>(var.shape().rows()),
                               static_cast<int>(channels(found_outputs)), real});
    }
    auto live = compile_live(graph, make_plan(graph, ids), ids, length, *this, options.gradients);
    if (tape && !(found_inputs == inputs && found_parameters == parameters && found_outputs == outputs))
      raise<TapeError>("[stream] at " + std::to_string(at_rate) +
                       " Hz the builder recorded other inputs, parameters or outputs than at first");
    plan = std::move(live);
    voices = static_cast<int>(plan->voices());
    inputs = std::move(found_inputs);
    parameters = std::move(found_parameters);
    outputs = std::move(found_outputs);
    tape.emplace(std::move(recording));
    find_buffers(graph);
  }

  // Where samples and values are, so that no call looks for them.
  void find_buffers(Graph& graph) {
    const auto collect = [&](const std::vector<Recorded>& of, const auto& find, std::vector<float*>& rows,
                             std::int64_t length) {
      rows.clear();
      for (const Recorded& recorded : of)
        for (int row = 0; row < recorded.rows; ++row) rows.push_back(find(recorded) + row * length);
    };
    const std::int64_t length = *tape->options().length;
    collect(
        inputs,
        [&](const Recorded& input) {
          return static_cast<float*>(const_cast<Leaf&>(leaf_of(graph, input)).value.data());
        },
        input_rows, length);
    collect(
        outputs, [&](const Recorded& output) { return plan->signal(output.id); }, output_rows, length);
    seed_rows.clear();
    if (options.gradients)
      collect(
          outputs, [&](const Recorded& output) { return plan->adjoint(output.id); }, seed_rows, length);
    bad_channels.clear();
    bad_channels.reserve(output_rows.size());
  }

  // LiveConstants: every parameter as it is at a sample.
  void write(std::int64_t at) override {
    Graph& graph = graph_of(tape->state());
    for (const Recorded& parameter : parameters) {
      auto* values = static_cast<double*>(const_cast<Leaf&>(leaf_of(graph, parameter)).value.data());
      for (int row = 0; row < parameter.rows; ++row) values[row] = glides->at(element(parameter, row), at);
    }
  }

  bool allows(const Recorded& parameter, double value) const {
    if (!parameter.domain.contains(value)) return false;
    for (const Leaf::Reader& reader :
         leaf_of(graph_of(static_cast<const TapeState*>(tape->state())), parameter).readers)
      if (!reader.allowed->domain.contains(value)) return false;
    return true;
  }

  bool set(int index, int row, double value) noexcept {
    if (index < 0 || index >= static_cast<int>(parameters.size())) return false;
    const Recorded& parameter = parameters[static_cast<std::size_t>(index)];
    if (row < -1 || row >= parameter.rows || !allows(parameter, value)) return false;
    for (int each = 0; each < parameter.rows; ++each)
      if (row < 0 || each == row) glides->set(element(parameter, each), value);
    glides->announce();
    return true;
  }

  bool schedule(const StreamEvent& event) noexcept {
    using Kind = StreamEvent::Kind;
    if (events.size() == events.capacity() || event.offset < 0) return false;
    if (event.kind == Kind::input) {
      if (event.index < 0 || event.index >= static_cast<int>(held.size()) ||
          !are_finite_as_float(event.value))
        return false;
    } else if (event.kind == Kind::restart || event.kind == Kind::sleep) {
      if (event.row < -1 || event.row >= voices) return false;
    } else {
      if (event.index < 0 || event.index >= static_cast<int>(parameters.size())) return false;
      const Recorded& parameter = parameters[static_cast<std::size_t>(event.index)];
      if (event.row < -1 || event.row >= parameter.rows || !allows(parameter, event.value)) return false;
    }
    const auto later = std::ranges::upper_bound(events, event.offset, {}, &StreamEvent::offset);
    events.insert(later, event);
    return true;
  }
  static bool are_finite_as_float(double value) {
    const float sample = static_cast<float>(value);
    return are_finite(&sample, 1);
  }

  // Parameters that other threads have set since the last call glide from here.
  void take_sets() {
    if (!glides->take_announcement()) return;
    for (const Recorded& parameter : parameters)
      for (int row = 0; row < parameter.rows; ++row) {
        const std::size_t i = element(parameter, row);
        if (glides->waits(i)) move(parameter, row, glides->target(i), glide_samples);
      }
  }

  // The parameter's row goes to `value` in so many samples, from the sample that is played next.
  void move(const Recorded& parameter, int row, double value, std::int64_t samples) {
    plan->change(parameter.id, row, glides->go(element(parameter, row), value, position, position + samples));
  }

  void apply(const StreamEvent& event, const float* const* host_inputs, int frames) {
    if (event.kind == StreamEvent::Kind::input) {
      const auto channel = static_cast<std::size_t>(event.index);
      held[channel] = static_cast<float>(event.value);
      is_filled[channel] = 0;
      if (is_held(host_inputs, channel))
        std::fill(input_rows[channel] + LivePlan::history + event.offset,
                  input_rows[channel] + LivePlan::history + frames, held[channel]);
      return;
    }
    const std::int64_t at = block_start + event.offset;
    plan->play(at);
    position = at;
    if (event.kind == StreamEvent::Kind::restart) return plan->restart(event.row);
    if (event.kind == StreamEvent::Kind::sleep) return plan->sleep(event.row);
    const Recorded& parameter = parameters[static_cast<std::size_t>(event.index)];
    for (int row = 0; row < parameter.rows; ++row)
      if (event.row < 0 || row == event.row) {
        glides->set(element(parameter, row), event.value);
        move(parameter, row, event.value, event.kind == StreamEvent::Kind::jump ? 0 : glide_samples);
      }
  }

  static bool is_held(const float* const* host_inputs, std::size_t channel) {
    return host_inputs == nullptr || host_inputs[channel] == nullptr;
  }

  StreamStatus process(const float* const* host_inputs, float* const* host_outputs, int frames) noexcept {
    const math::DefaultFloatingPoint environment;
    last_frames = 0;
    bad_channels.clear();
    status = check(host_inputs, host_outputs, frames);
    if (status != StreamStatus::ok) {
      silence(host_outputs, frames);
      return status;
    }
    block_start = position;
    plan->begin_block(position);
    for (std::size_t channel = 0; channel < input_rows.size(); ++channel) {
      float* samples = input_rows[channel] + LivePlan::history;
      if (!is_held(host_inputs, channel)) {
        std::copy_n(host_inputs[channel], frames, samples);
        is_filled[channel] = 0;
      } else if (is_filled[channel] == 0) {
        std::fill_n(samples, *tape->options().length - LivePlan::history, held[channel]);
        is_filled[channel] = 1;
      }
    }
    take_sets();
    std::size_t taken = 0;
    for (; taken < events.size() && events[taken].offset < frames; ++taken)
      apply(events[taken], host_inputs, frames);
    events.erase(events.begin(), events.begin() + static_cast<std::ptrdiff_t>(taken));
    for (StreamEvent& event : events) event.offset -= frames;
    position = block_start + frames;
    plan->play(position);
    last_frames = frames;
    return status = give(host_outputs, frames);
  }

  StreamStatus check(const float* const* host_inputs, float* const* host_outputs, int frames) const {
    if (!prepared) return StreamStatus::not_prepared;
    if (frames < 0 || frames > max_block || (host_outputs == nullptr && frames > 0))
      return StreamStatus::bad_block;
    for (std::size_t channel = 0; channel < input_rows.size(); ++channel)
      if (!is_held(host_inputs, channel) && !are_finite(host_inputs[channel], frames))
        return StreamStatus::bad_input;
    return StreamStatus::ok;
  }

  StreamStatus give(float* const* host_outputs, int frames) {
    if (!outputs_are_finite(frames)) {
      plan->restart_not_finite();
      for (const Recorded& output : outputs)
        for (int row = 0; row < output.rows; ++row)
          if (plan->was_not_finite(output.id, row)) bad_channels.push_back(output.first + row);
    }
    for (std::size_t channel = 0; channel < output_rows.size() && frames > 0; ++channel)
      if (host_outputs[channel] != nullptr)
        std::copy_n(output_rows[channel] + LivePlan::history, frames, host_outputs[channel]);
    return bad_channels.empty() ? StreamStatus::ok : StreamStatus::not_finite;
  }

  bool outputs_are_finite(int frames) const {
    std::size_t channel = 0;
    for (const Recorded& output : outputs)
      for (int row = 0; row < output.rows; ++row, ++channel)
        if (!plan->is_silent(output.id, row) && !are_finite(output_rows[channel] + LivePlan::history, frames))
          return false;
    return true;
  }

  void silence(float* const* host_outputs, int frames) const {
    if (host_outputs == nullptr || frames <= 0) return;
    for (std::size_t channel = 0; channel < channels(outputs); ++channel)
      if (host_outputs[channel] != nullptr) std::fill_n(host_outputs[channel], frames, 0.0f);
  }

  void reset() noexcept {
    position = block_start = 0;
    last_frames = 0;
    bad_channels.clear();
    events.clear();
    std::fill(held.begin(), held.end(), 0.0f);
    std::fill(is_filled.begin(), is_filled.end(), char{0});
    glides->rest();
    if (plan) plan->start(0);
  }

  StreamStatus rewind(const float* const* seeds) noexcept {
    const math::DefaultFloatingPoint environment;
    if (!prepared || !options.gradients) return StreamStatus::not_prepared;
    if (status != StreamStatus::ok) return status;
    for (float* row : seed_rows) std::fill_n(row, *tape->options().length, 0.0f);
    for (std::size_t channel = 0; channel < seed_rows.size(); ++channel) {
      if (seeds == nullptr || seeds[channel] == nullptr) continue;
      if (!are_finite(seeds[channel], last_frames)) return StreamStatus::bad_input;
      // Added, since one value may be two outputs.
      float* of_block = seed_rows[channel] + LivePlan::history;
      for (int n = 0; n < last_frames; ++n) of_block[n] += seeds[channel][n];
    }
    plan->rewind();
    return gradients_are_finite() ? StreamStatus::ok : StreamStatus::not_finite;
  }

  bool gradients_are_finite() const {
    const Graph& graph = graph_of(static_cast<const TapeState*>(tape->state()));
    for (const Recorded& parameter : parameters) {
      const std::optional<Tensor>& gradient = leaf_of(graph, parameter).gradient;
      for (int row = 0; gradient && row < parameter.rows; ++row)
        if (!math::is_finite(gradient->view().at(row))) return false;
    }
    return true;
  }

  Builder builder;
  StreamOptions options;
  std::vector<Recorded> inputs, parameters, outputs;
  std::optional<Tape> tape;
  std::unique_ptr<LivePlan> plan;
  int voices = 0;
  std::vector<float*> input_rows, output_rows, seed_rows;  // [channel], from the history on

  double rate = 0.0;
  int max_block = 0;
  bool prepared = false;
  std::int64_t glide_samples = 0;

  StreamStatus status = StreamStatus::not_prepared;
  std::int64_t position = 0, block_start = 0;
  int last_frames = 0;
  std::vector<int> bad_channels;  // never more than there are channels
  std::vector<float> held;        // [input channel]
  std::vector<char> is_filled;    // of an input that is held: its samples are, up to the largest block's end
  std::vector<StreamEvent> events;       // by offset; never grows beyond its capacity
  std::optional<detail::Glides> glides;  // every row of every parameter
};

Stream::Stream(Builder builder, const StreamOptions& options)
    : state_(std::make_unique<State>(std::move(builder), options)) {}
Stream::~Stream() = default;
Stream::Stream(Stream&&) noexcept = default;
Stream& Stream::operator=(Stream&&) noexcept = default;

int Stream::input_channels() const { return static_cast<int>(State::channels(state_->inputs)); }
int Stream::output_channels() const { return static_cast<int>(State::channels(state_->outputs)); }
int Stream::input(std::string_view name) const { return find(state_->inputs, name, "input").first; }

int Stream::voices() const { return state_->voices; }
std::int64_t Stream::memory_of_voices() const noexcept {
  return state_->plan == nullptr ? 0 : state_->plan->memory_of_voices();
}

int Stream::parameters() const { return static_cast<int>(state_->parameters.size()); }
int Stream::parameter(std::string_view name) const {
  return static_cast<int>(&find(state_->parameters, name, "parameter") - state_->parameters.data());
}

namespace {
const Recorded& at(const std::vector<Recorded>& parameters, int index) {
  if (index < 0 || index >= static_cast<int>(parameters.size()))
    raise<TapeError>("the stream has no parameter " + std::to_string(index) + "; it has " +
                     std::to_string(parameters.size()) + ", counted from 0");
  return parameters[static_cast<std::size_t>(index)];
}
}  // namespace

const std::string& Stream::name(int parameter) const { return at(state_->parameters, parameter).name; }
const Domain& Stream::domain(int parameter) const { return at(state_->parameters, parameter).domain; }
int Stream::rows(int parameter) const { return at(state_->parameters, parameter).rows; }

void Stream::prepare(double sample_rate, int max_block) {
  constexpr int most = 1 << 20;
  if (!(sample_rate >= 1.0 && sample_rate <= 768000.0))
    raise<DomainError>("[stream] a sample rate of " + std::to_string(sample_rate) +
                       " Hz; it must be 1 to 768000");
  if (max_block < 1 || max_block > most)
    raise<DomainError>("[stream] blocks of up to " + std::to_string(max_block) + " frames; it must be 1 to " +
                       std::to_string(most));
  state_->record(sample_rate, max_block);
  state_->rate = sample_rate;
  state_->max_block = max_block;
  state_->glide_samples = std::llround(state_->options.glide * sample_rate);
  state_->prepared = true;
  state_->status = StreamStatus::ok;
  state_->reset();
}

double Stream::sample_rate() const { return state_->rate; }
int Stream::max_block() const { return state_->max_block; }

StreamStatus Stream::process(const float* const* inputs, float* const* outputs, int frames) noexcept {
  return state_->process(inputs, outputs, frames);
}
StreamStatus Stream::status() const noexcept { return state_->status; }
std::span<const int> Stream::bad_channels() const noexcept { return state_->bad_channels; }
bool Stream::schedule(const StreamEvent& event) noexcept { return state_->schedule(event); }
void Stream::reset() noexcept { state_->reset(); }
std::int64_t Stream::position() const noexcept { return state_->position; }
StreamStatus Stream::rewind(const float* const* seeds) noexcept { return state_->rewind(seeds); }

double Stream::gradient(int parameter, int row) const noexcept {
  if (parameter < 0 || parameter >= parameters()) return 0.0;
  const Recorded& of = state_->parameters[static_cast<std::size_t>(parameter)];
  const Leaf& leaf = State::leaf_of(graph_of(static_cast<const TapeState*>(state_->tape->state())), of);
  if (row < 0 || row >= of.rows || !leaf.gradient) return 0.0;
  return leaf.gradient->view().at(row);
}

bool Stream::set(int parameter, double value) noexcept { return state_->set(parameter, -1, value); }
bool Stream::set(int parameter, int row, double value) noexcept {
  return row >= 0 && state_->set(parameter, row, value);
}
double Stream::value(int parameter, int row) const noexcept {
  if (parameter < 0 || parameter >= parameters()) return 0.0;
  const Recorded& of = state_->parameters[static_cast<std::size_t>(parameter)];
  if (row < 0 || row >= of.rows) return 0.0;
  return state_->glides->target(State::element(of, row));
}

}  // namespace retrograd
