// Streams of several stages: values of one, two, three and six rows that read each other.
#include "stream_fixture.hpp"

using namespace stream_fixture;

namespace {

// A state of more than the 16 bytes that the library's own nodes keep: y[n] = x[n] + gain * x[n-9].
struct Echo : OwnCausal<Echo, 2> {
  static constexpr const char* name = "echo";
  template <class T>
  struct State {
    T past[9]{};
  };
  template <class T>
  T forward(State<T>& s, T x, T gain) const {
    const T y = x + gain * s.past[8];
    for (int i = 8; i > 0; --i) s.past[i] = s.past[i - 1];
    s.past[0] = x;
    return y;
  }
  template <class T>
  std::array<T, 2> adjoint(State<T>& gs, const State<T>& s, T gy, T, T gain) const {
    const T gx = gy + gs.past[0];
    for (int i = 0; i < 8; ++i) gs.past[i] = gs.past[i + 1];
    gs.past[8] = gy * gain;
    return {gx, gy * s.past[8]};
  }
};

// With a low-frequency oscillator that all rows share, a phase that glides, a gate that is computed, a parameter
// that is a signal, an input that is an output, an output that others read and that is given twice, and an
// input and a parameter that nothing reads.
std::vector<Var> record_stages(Tape& tape) {
  const std::int64_t length = *tape.options().length;
  const Var two = tape.input("two", Tensor(Shape{2, 1, length}));
  const Var three = tape.input("three", Tensor(Shape{3, length}));
  const Var one = tape.parameter("one", Tensor(Shape{length}));
  tape.input("unread", Tensor(Shape{length}));
  tape.parameter("nothing", 3.0);
  const Var pitch = tape.parameter("pitch", Tensor{220.0, 330.0, 440.5}.reshaped(Shape{3, 1}), positive);
  const Var level = tape.parameter("level", Tensor{0.2, 0.7}.reshaped(Shape{2, 1, 1}));
  const Var phase = tape.parameter("phase", 0.0);
  const Var slow = sinusoid(tape.parameter("rate", 4.0), phase, length);
  const Var smooth = causal(OnePole{}, slow + one * 0.01, tape.parameter("cutoff", 0.1));
  const Var varying = sinusoid(pitch * (smooth * 0.05 + 1.0), phase + three * 0.3);
  const Var steady = sinusoid(pitch * 1.5, phase, length);
  const Var gate = three * sinusoid(tape.constant(30.0), std::nullopt, length) + two;
  const Var envelope =
      adsr(gate, {tape.parameter("attack", 0.003), tape.constant(0.02), level, tape.constant(0.01)});
  const Var voices = causal(Echo{}, envelope * varying * level + steady * slow, tape.parameter("echo", 0.5));
  const Var sum = cumulative_sum(voices * 0.001) + smooth * three;
  return {voices, three, slow, smooth, tanh(sum * two), varying, voices};
}

// Slow noise around a gate's threshold, one channel for each row of the inputs.
Channels stage_inputs(int length) {
  Channels channels;
  for (unsigned channel = 0; channel < 7; ++channel) {
    std::vector<float> samples = seed_signal(length, 20 + channel);
    float y = 0.0f;
    for (float& x : samples) x = 10.0f * (y += 0.05f * (x - y));
    channels.push_back(std::move(samples));
  }
  return channels;
}

struct Timed {
  int at;
  StreamEvent event;
};

// Of every kind, some at the same sample, some at the edges of blocks.
std::vector<Timed> random_events(const Stream& stream, unsigned seed) {
  using Kind = StreamEvent::Kind;
  std::mt19937 random(seed);
  const auto below = [&](int count) { return static_cast<int>(random() % static_cast<unsigned>(count)); };
  std::vector<Timed> events;
  for (int i = 0; i < 60; ++i) {
    const int at = below(3) == 0 ? below(samples / 64) * 64 : below(samples);
    for (int same = below(4) == 0 ? 3 : 1; same > 0; --same) {
      const int parameter = below(stream.parameters());
      const int row = below(stream.rows(parameter) + 1) - 1;
      const std::string& name = stream.name(parameter);
      const double value = (0.1 + 0.001 * below(700)) * (name == "pitch"    ? 1000.0
                                                         : name == "attack" ? 0.01
                                                                            : 1.0);
      switch (below(4)) {
        case 0:
          events.push_back({at, {.kind = Kind::restart, .row = below(7) - 1}});
          break;
        case 1:
          events.push_back(
              {at, {.kind = Kind::input, .index = below(7), .value = static_cast<double>(below(2))}});
          break;
        case 2:
          events.push_back({at, {.kind = Kind::jump, .index = parameter, .row = row, .value = value}});
          break;
        default:
          events.push_back({at, {.kind = Kind::glide, .index = parameter, .row = row, .value = value}});
      }
    }
  }
  std::ranges::stable_sort(events, {}, &Timed::at);
  return events;
}

std::vector<const float*> pointers(const Channels& channels) {
  std::vector<const float*> all;
  for (const auto& channel : channels) all.push_back(channel.data());
  return all;
}

}  // namespace

TEST_CASE("stages of different rows have the bits of the tape, for any blocks") {
  const Channels inputs = stage_inputs(samples);
  const Channels expected = offline(record_stages, inputs,
                                    {{"two", Shape{2, 1, samples}},
                                     {"three", Shape{3, samples}},
                                     {"one", Shape{samples}},
                                     {"unread", Shape{samples}}},
                                    samples, 44100.0);
  Stream stream(record_stages);
  stream.prepare(44100.0, 1024);
  const auto check = [&](const BlockSizes& sizes) {
    stream.reset();
    CHECK(first_difference(play(stream, inputs, samples, sizes), expected) == "");
  };
  for (const int size : block_sizes) check(always(size));
  for (unsigned seed = 0; seed < 3; ++seed) check(random_sizes(seed));
}

TEST_CASE("events happen at their sample in every stage, whatever the blocks, glides and ways back") {
  const Channels seeds(26, std::vector<float>(1024, 1.0f));
  for (const double glide : {0.0, 0.0001, 0.00123, 0.02}) {
    const std::vector<Timed> events =
        random_events(Stream(record_stages), static_cast<unsigned>(1e6 * glide));
    const auto played = [&](const BlockSizes& sizes, bool rewinds) {
      Stream stream(record_stages, {.glide = glide, .gradients = rewinds});
      stream.prepare(44100.0, 1024);
      std::size_t next = 0;
      return play(stream, {}, samples, sizes, [&](int first, int frames) {
        if (rewinds) REQUIRE(stream.rewind(pointers(seeds).data()) == StreamStatus::ok);
        for (; next < events.size() && events[next].at < first + frames; ++next) {
          StreamEvent event = events[next].event;
          event.offset = events[next].at - first;
          REQUIRE(stream.schedule(event));
        }
      });
    };
    const Channels expected = played(always(1000), false);
    for (const BlockSizes& sizes : {always(1), always(16), random_sizes(3)})
      CHECK(first_difference(played(sizes, false), expected) == "");
    for (const BlockSizes& sizes : {always(1024), always(63)})
      CHECK(first_difference(played(sizes, true), expected) == "");
  }
}

TEST_CASE("stages' live gradients are the slopes of the last block, after a restart as well") {
  const int before = 2011;
  const StreamOptions options{.glide = 0.0, .gradients = true};
  for (const bool restarts : {false, true})
    for (const int frames : {37, 2500}) {
      const Channels inputs = stage_inputs(before + frames);
      Channels tail, seeds;
      for (const auto& channel : inputs) tail.emplace_back(channel.begin() + before, channel.end());
      for (unsigned channel = 0; channel < 26; ++channel) seeds.push_back(seed_signal(frames, 40 + channel));
      const auto last_block = [&](Stream& stream, int parameter, int row, double change) {
        stream.prepare(44100.0, 2500);
        play(stream, inputs, before, always(before));
        if (change != 0.0) REQUIRE(stream.set(parameter, row, stream.value(parameter, row) + change));
        if (restarts) REQUIRE(stream.schedule({.kind = StreamEvent::Kind::restart, .row = -1}));
        const Channels played = play(stream, tail, frames, always(frames));
        double sum = 0.0;
        for (std::size_t c = 0; c < played.size(); ++c)
          for (std::size_t n = 0; n < played[c].size(); ++n)
            sum += static_cast<double>(played[c][n]) * static_cast<double>(seeds[c][n]);
        return sum;
      };
      Stream stream(record_stages, options);
      last_block(stream, 0, 0, 0.0);
      REQUIRE(stream.output_channels() == 26);
      REQUIRE(stream.rewind(pointers(seeds).data()) == StreamStatus::ok);
      struct Step {
        const char* name;
        double size;
      };
      for (const Step& step :
           {Step{"pitch", 0.1}, {"phase", 3e-3}, {"rate", 0.04}, {"cutoff", 1e-3}, {"echo", 5e-3}}) {
        const int parameter = stream.parameter(step.name), row = stream.rows(parameter) - 1;
        Stream above(record_stages, options), below(record_stages, options);
        const double numeric =
            (last_block(above, parameter, row, step.size) - last_block(below, parameter, row, -step.size)) /
            (2.0 * step.size);
        INFO(step.name << " over " << frames << " frames" << (restarts ? " after a restart" : ""));
        CHECK(stream.gradient(parameter, row) == doctest::Approx(numeric).epsilon(2e-2).scale(1e-2));
      }
    }
}

TEST_CASE("two ways back over one block give the same gradients, even while parameters glide") {
  Stream stream(record_stages, {.gradients = true});
  stream.prepare(44100.0, 3000);
  const Channels inputs = stage_inputs(3000), seeds(26, std::vector<float>(3000, 1.0f));
  play(stream, inputs, 3000, always(3000));
  for (int parameter = 0; parameter < stream.parameters(); ++parameter)
    CHECK(stream.set(parameter, 1.2 * stream.value(parameter)));
  play(stream, inputs, 2900, always(2900));
  const auto gradients = [&] {
    CHECK(stream.rewind(pointers(seeds).data()) == StreamStatus::ok);
    std::vector<double> all;
    for (int parameter = 0; parameter < stream.parameters(); ++parameter)
      for (int row = 0; row < stream.rows(parameter); ++row) all.push_back(stream.gradient(parameter, row));
    return all;
  };
  const std::vector<double> once = gradients();
  CHECK(once == gradients());
}
