// Streams: the same bits as a tape's own play whatever the blocks, and what a host may do to one.
#include <doctest/doctest.h>

#include "../synths/fm_fixture.hpp"

#include <retrograd/backends/cpu/own_node.hpp>
#include <retrograd/nodes/all.hpp>
#include <retrograd/patches/record.hpp>
#include <retrograd/stream/stream.hpp>
#include <retrograd/synths/oscillator.hpp>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <functional>
#include <limits>
#include <random>
#include <string>
#include <vector>

using namespace retrograd;

namespace {

using Channels = std::vector<std::vector<float>>;

// Sizes of blocks, one after the other, each from 0 to 1024.
using BlockSizes = std::function<int()>;
BlockSizes always(int size) {
  return [size] { return size; };
}
BlockSizes random_sizes(unsigned seed) {
  return [random = std::mt19937(seed)]() mutable {
    const int most = random() % 3 == 0 ? 1024 : 40;
    return static_cast<int>(random() % static_cast<unsigned>(most + 1));
  };
}

// Plays `length` samples in blocks. `before(first, frames)` is called before each block.
Channels play(Stream& stream, const Channels& inputs, int length, BlockSizes size,
              const std::function<void(int, int)>& before = {}) {
  Channels outputs(static_cast<std::size_t>(stream.output_channels()),
                   std::vector<float>(static_cast<std::size_t>(length), -7.0f));
  std::vector<const float*> in(inputs.size());
  std::vector<float*> out(outputs.size());
  for (int at = 0; at < length;) {
    const int frames = std::min(size(), length - at);
    for (std::size_t c = 0; c < in.size(); ++c) in[c] = inputs[c].data() + at;
    for (std::size_t c = 0; c < out.size(); ++c) out[c] = outputs[c].data() + at;
    if (before) before(at, frames);
    REQUIRE(stream.process(inputs.empty() ? nullptr : in.data(), out.data(), frames) == StreamStatus::ok);
    at += frames;
  }
  return outputs;
}

bool same_bits(const std::vector<float>& a, const float* b) {
  return std::memcmp(a.data(), b, a.size() * sizeof(float)) == 0;
}

// "channel 3, sample 200"; empty where all samples are the same.
std::string first_difference(const Channels& a, const Channels& b) {
  for (std::size_t c = 0; c < a.size(); ++c)
    for (std::size_t n = 0; n < a[c].size(); ++n)
      if (a[c][n] != b[c][n]) return "channel " + std::to_string(c) + ", sample " + std::to_string(n);
  return "";
}

std::vector<float> gate_signal(int length, std::initializer_list<int> edges) {
  std::vector<float> gate(static_cast<std::size_t>(length));
  bool high = false;
  auto edge = edges.begin();
  for (int n = 0; n < length; ++n) {
    if (edge != edges.end() && *edge == n) {
      high = !high;
      ++edge;
    }
    gate[static_cast<std::size_t>(n)] = high ? 1.0f : 0.0f;
  }
  return gate;
}

struct OnePole : OwnCausal<OnePole, 2> {  // y[n] = y[n-1] + c * (x[n] - y[n-1])
  static constexpr const char* name = "one_pole";
  template <class T>
  struct State {
    T y{};
  };
  template <class T>
  T forward(State<T>& s, T x, T c) const {
    return s.y = s.y + c * (x - s.y);
  }
  template <class T>
  std::array<T, 2> adjoint(State<T>& gs, const State<T>& s, T gy, T x, T c) const {
    const T g = gy + gs.y;
    gs.y = g * (T(1) - c);
    return {g * c, g * (x - s.y)};
  }
};

// Tests run at several block sizes; so many samples are enough for every kind of edge.
constexpr int samples = 5000;
const int block_sizes[] = {1, 7, 64, 441, 1024};

// A synth with everything that streams: an FM voice on three rows, an envelope on a computed gate, a pitch
// that varies over time, one row of modulation for all, a running sum and a user's own filter.
std::vector<Var> record_everything(Tape& tape) {
  const std::int64_t length = *tape.options().length;
  const Var gates = tape.input("gates", Tensor(Shape{3, length}));
  const Var noise = tape.input("noise", Tensor(Shape{length}));
  const FmNumbers fm = FmNumbers::six_operators();
  const Var pitch = tape.parameter("pitch", Tensor{220.0, 330.0, 440.5}.reshaped(Shape{3, 1}), positive);
  const RecordedFm voices = record_fm(tape, fm, gates, pitch, 3);
  const Var wobble = sinusoid(tape.parameter("rate", 5.5), std::nullopt, length) * 0.01 + 1.0;
  const Var depth =
      adsr(sinusoid(tape.constant(3.0), std::nullopt, length) + 0.4,
           {tape.constant(0.01), tape.parameter("decay", 0.1), tape.constant(0.5), tape.constant(0.05)});
  const Var wandering = sinusoid(pitch * wobble, noise * depth);
  const Var filtered = causal(OnePole{}, voices.audio + wandering * 0.3, tape.parameter("cutoff", 0.2));
  const Var drift = cumulative_sum(noise * 1e-3);
  return {filtered, tanh(filtered * drift + depth), wobble};
}

Channels everything_inputs(int length) {
  std::mt19937 random(5);
  std::uniform_real_distribution<float> uniform(-1.0f, 1.0f);
  std::vector<float> noise(static_cast<std::size_t>(length));
  for (float& n : noise) n = uniform(random);
  return {gate_signal(length, {0, 700, 1501, 1502, 1503, 3000}), gate_signal(length, {37, 2043, 2061, 2300}),
          gate_signal(length, {1024, 1040, 3333}), noise};
}

// The same on a tape, at full length: one vector for each output channel.
Channels offline(const Stream::Builder& builder, const Channels& inputs,
                 const std::vector<std::pair<std::string, Shape>>& names, int length, double rate) {
  Tape tape({.type = ElementType::f32, .sample_rate = rate, .length = length});
  const std::vector<Var> outputs = builder(tape);
  std::size_t channel = 0;
  for (const auto& [name, shape] : names) {
    std::vector<float> all;
    for (std::int64_t row = 0; row < shape.rows(); ++row, ++channel)
      all.insert(all.end(), inputs[channel].begin(), inputs[channel].end());
    tape.set(tape.find(name), Tensor(std::span<const float>(all), shape));
  }
  tape.play(outputs);
  Channels played;
  for (const Var output : outputs)
    for (std::int64_t row = 0; row < output.shape().rows(); ++row) {
      const auto of_row = tape.value(output).row<float>(row);
      played.emplace_back(of_row.begin(), of_row.end());
    }
  return played;
}

}  // namespace

TEST_CASE("a streamed patch has the bits of its offline render, for any blocks") {
  for (Patch patch : {default_patch(), default_patch_to_fit()}) {
    patch.duration = 0.6;
    Tape tape(tape_options(patch));
    const RecordedPatch recorded = record(tape, patch);
    tape.play({recorded.audio});
    const auto expected = tape.value(recorded.audio).as<float>();
    const auto gate_samples = tape.value(tape.find("note.gate")).as<float>();
    const Channels gate{{gate_samples.begin(), gate_samples.end()}};
    const int length = static_cast<int>(expected.size());

    Stream stream(patch);
    stream.prepare(patch.sample_rate, 1024);
    for (const int size : block_sizes) {
      stream.reset();
      INFO("blocks of " << size);
      CHECK(same_bits(play(stream, gate, length, always(size))[0], expected.data()));
    }
    for (unsigned seed = 0; seed < 5; ++seed) {
      stream.reset();
      CHECK(same_bits(play(stream, gate, length, random_sizes(seed))[0], expected.data()));
    }
  }
}

TEST_CASE("everything that streams has the bits of the tape, for any blocks and rates") {
  const Channels inputs = everything_inputs(samples);
  for (const double rate : {44100.0, 1.0, 8000.0, 768000.0}) {
    const Channels expected = offline(
        record_everything, inputs, {{"gates", Shape{3, samples}}, {"noise", Shape{samples}}}, samples, rate);
    Stream stream(record_everything);
    stream.prepare(rate, 1024);
    REQUIRE(stream.output_channels() == 7);
    REQUIRE(stream.input_channels() == 4);
    CHECK(stream.input("noise") == 3);
    const auto check = [&](const BlockSizes& sizes) {
      stream.reset();
      const Channels played = play(stream, inputs, samples, sizes);
      for (std::size_t c = 0; c < played.size(); ++c) {
        INFO("rate " << rate << ", channel " << c);
        CHECK(same_bits(played[c], expected[c].data()));
      }
    };
    for (const int size : block_sizes) check(always(size));
    for (unsigned seed = 0; seed < 3; ++seed) check(random_sizes(seed));
  }
}

TEST_CASE("events happen at their sample, whatever the blocks") {
  struct Timed {
    int at;
    StreamEvent event;
  };
  using Kind = StreamEvent::Kind;
  Stream stream(record_everything);
  stream.prepare(44100.0, 1024);
  const int pitch = stream.parameter("pitch"), cutoff = stream.parameter("cutoff"),
            decay = stream.parameter("decay"), gain = stream.parameter("fm.operator.0.gain");
  std::mt19937 random(11);
  for (int trial = 0; trial < 6; ++trial) {
    std::vector<Timed> events;
    for (int i = 0; i < 40; ++i) {
      const int at = static_cast<int>(random() % samples), row = static_cast<int>(random() % 4) - 1;
      const double value = 0.1 + 0.001 * static_cast<double>(random() % 700);
      const Kind kind = random() % 2 == 0 ? Kind::jump : Kind::glide;
      switch (random() % 6) {
        case 0:
          events.push_back({at, {.kind = kind, .index = pitch, .row = row, .value = 1000.0 * value}});
          break;
        case 1:
          events.push_back({at, {.kind = kind, .index = cutoff, .value = value}});
          break;
        case 2:
          events.push_back({at, {.kind = kind, .index = decay, .value = 0.1 * value}});
          break;
        case 3:
          events.push_back({at, {.kind = kind, .index = gain, .row = row, .value = value}});
          break;
        case 4:
          events.push_back({at, {.kind = Kind::restart, .row = row}});
          break;
        default:
          events.push_back({at,
                            {.kind = Kind::input,
                             .index = static_cast<int>(random() % 4),
                             .value = static_cast<double>(random() % 2)}});
      }
    }
    std::ranges::stable_sort(events, {}, &Timed::at);
    const auto played = [&](const BlockSizes& sizes) {
      // From the same parameters each time.
      Stream fresh(record_everything);
      fresh.prepare(44100.0, 1024);
      std::size_t next = 0;
      return play(fresh, {}, samples, sizes, [&](int first, int frames) {
        for (; next < events.size() && events[next].at < first + frames; ++next) {
          StreamEvent event = events[next].event;
          event.offset = events[next].at - first;
          REQUIRE(fresh.schedule(event));
        }
      });
    };
    const Channels expected = played(always(1000));
    for (const BlockSizes& sizes : {always(1), always(16), always(63), random_sizes(3), random_sizes(4)})
      CHECK(first_difference(played(sizes), expected) == "");
  }
}

TEST_CASE("no row's events change another row's bits") {
  const auto played = [&](bool disturbs) {
    Stream stream(record_everything);
    stream.prepare(44100.0, 1024);
    const int pitch = stream.parameter("pitch");
    const Channels inputs = everything_inputs(samples);
    return play(stream, inputs, samples, always(100), [&](int first, int) {
      if (!disturbs || first % 700 != 0) return;
      CHECK(stream.schedule({StreamEvent::Kind::restart, 13, 0, 1, 0.0}));
      CHECK(stream.schedule({StreamEvent::Kind::jump, 13, pitch, 1, 200.0 + first}));
      CHECK(stream.schedule({StreamEvent::Kind::glide, 57, pitch, 1, 500.0 + first}));
    });
  };
  const Channels calm = played(false), disturbed = played(true);
  CHECK(calm[0] == disturbed[0]);
  CHECK(calm[1] != disturbed[1]);
  CHECK(calm[2] == disturbed[2]);
}

TEST_CASE("a restarted row is the row from its first sample on, at any sample") {
  const Patch patch = default_patch();
  Tape tape(tape_options(patch));
  const RecordedPatch recorded = record(tape, patch);
  tape.play({recorded.audio});
  const auto expected = tape.value(recorded.audio).as<float>();
  Stream stream(patch, 2);
  stream.prepare(patch.sample_rate, 512);
  const int gate = stream.input("note.gate");
  for (const int start : {0, 1, 37, 511}) {
    stream.reset();
    bool is_playing = false;
    const Channels played = play(stream, {}, 4000, always(512), [&](int, int) {
      if (std::exchange(is_playing, true)) return;
      CHECK(stream.schedule({StreamEvent::Kind::restart, start, 0, 1, 0.0}));
      CHECK(stream.schedule({StreamEvent::Kind::input, start, gate + 1, 0, 1.0}));
    });
    CHECK(std::equal(played[1].begin() + start, played[1].end(), expected.begin()));
    CHECK(std::ranges::count(played[0], 0.0f) == 4000);
  }
}

TEST_CASE("a parameter glides evenly to its new value, and rests there exactly") {
  Stream stream([](Tape& tape) -> std::vector<Var> {
    return {tape.input("x", Tensor(Shape{*tape.options().length})) * tape.parameter("gain", 0.25)};
  });
  stream.prepare(48000.0, 1024);
  const int gain = stream.parameter("gain");
  bool is_first = true;
  const std::vector<float> ones(3000, 1.0f);
  const Channels played = play(stream, {ones}, 3000, random_sizes(8), [&](int, int) {
    if (std::exchange(is_first, false)) CHECK(stream.set(gain, 0.75));
  });
  const double glide = 0.02 * 48000.0;
  for (int n = 0; n < 3000; ++n) {
    const double expected = 0.25 + 0.5 * std::min(1.0, n / glide);
    CHECK(std::abs(static_cast<double>(played[0][static_cast<std::size_t>(n)]) - expected) < 1e-6);
    if (n >= glide) CHECK(played[0][static_cast<std::size_t>(n)] == 0.75f);
  }
  CHECK(stream.value(gain) == 0.75);
}

TEST_CASE("a change of pitch or loudness makes no click") {
  Stream stream([](Tape& tape) -> std::vector<Var> {
    return {sinusoid(tape.parameter("pitch", 200.0, positive), std::nullopt, tape.options().length) *
            tape.parameter("gain", 1.0)};
  });
  stream.prepare(44100.0, 1024);
  std::mt19937 random(1);
  float steepest = 0.0f;
  double highest = 200.0;
  const Channels played = play(stream, {}, 44100, random_sizes(9), [&](int, int) {
    if (random() % 4 != 0) return;
    const double pitch = 100.0 + static_cast<double>(random() % 400);
    highest = std::max(highest, pitch);
    CHECK(stream.set(stream.parameter("pitch"), pitch));
    CHECK(stream.set(stream.parameter("gain"), static_cast<double>(random() % 2)));
  });
  for (std::size_t n = 1; n < played[0].size(); ++n)
    steepest = std::max(steepest, std::abs(played[0][n] - played[0][n - 1]));
  // A sine of the highest pitch, and a gain that goes from 0 to 1 in 20 ms.
  CHECK(steepest < 6.2832 * highest / 44100.0 + 1.0 / (0.02 * 44100.0));
  CHECK(steepest > 0.01f);
}

TEST_CASE("an envelope keeps the times of its last edge while parameters change") {
  const auto builder = [](Tape& tape) -> std::vector<Var> {
    const Var gate = tape.input("gate", Tensor(Shape{*tape.options().length}));
    return {adsr(gate, {tape.parameter("attack", 0.01), tape.parameter("decay", 0.02),
                        tape.parameter("sustain", 0.5), tape.parameter("release", 0.03)})};
  };
  const std::vector<float> gate = gate_signal(6000, {0, 2000, 4001, 5000});
  const auto played = [&](bool changes) {
    Stream stream(builder, {.glide = 0.0});
    stream.prepare(44100.0, 100);
    return play(stream, {gate}, 6000, always(100), [&](int first, int) {
      if (changes && first == 200) {
        CHECK(stream.set(stream.parameter("attack"), 0.004));
        CHECK(stream.set(stream.parameter("decay"), 0.5));
        CHECK(stream.set(stream.parameter("sustain"), 0.1));
      }
    })[0];
  };
  const std::vector<float> still = played(false), changed = played(true);
  // The release is the first note's last edge; blocks of 16 are counted anew from a change: the last bits.
  for (std::size_t n = 0; n < 2000; ++n) CHECK(std::abs(still[n] - changed[n]) < 1e-6f);
  // From the second note's edge on: from the level the release had, with the new attack.
  const double start = changed[4000], step = static_cast<double>(changed[4001]) - start;
  CHECK(step == doctest::Approx((1.0 - start) / (0.004 * 44100.0)).epsilon(1e-4));
}

TEST_CASE("a node that cannot stream is named when the stream is made, and why") {
  const auto message = [](Stream::Builder builder) -> std::string {
    try {
      Stream stream(std::move(builder));
    } catch (const TapeError& error) {
      return error.what();
    }
    return "";
  };
  const auto input = [](Tape& tape) { return tape.input("x", Tensor(Shape{*tape.options().length})); };
  const auto names = [](const std::string& text, const char* node, const char* why) {
    INFO(text);
    return text.find(node) != std::string::npos && text.find(why) != std::string::npos;
  };
  CHECK(names(message([&](Tape& tape) -> std::vector<Var> { return {input(tape) * mean(input(tape))}; }), "",
              "named 'x' already"));
  CHECK(names(message([&](Tape& tape) -> std::vector<Var> {
                const Var x = input(tape);
                return {x * sum_over_time(x)};
              }),
              "'sum_over_time'", "reduces a whole signal"));
  CHECK(names(message([&](Tape& tape) -> std::vector<Var> { return {stack({input(tape)}, 0)}; }), "'stack'",
              "sees its whole input"));
  CHECK(names(message([&](Tape& tape) -> std::vector<Var> {
                return {input(tape) + tape.constant(Tensor(Shape{*tape.options().length}))};
              }),
              "constant signal", "make it an input"));
  CHECK(names(message([&](Tape& tape) -> std::vector<Var> { return {tape.parameter("p", 1.0)}; }), "output 0",
              "constant over time"));
  CHECK(names(message([&](Tape&) -> std::vector<Var> { return {}; }), "builder", "no outputs"));
}

TEST_CASE("bad calls give silence and a status, and the stream stays where it was") {
  Stream stream(default_patch());
  std::vector<float> gate(256, 1.0f), out(256, 5.0f), expected(256);
  const float* in[] = {gate.data()};
  float* outs[] = {out.data()};
  const auto is_silent = [&] { return std::ranges::count(out, 0.0f) == 256; };

  CHECK(stream.process(in, outs, 256) == StreamStatus::not_prepared);
  CHECK(is_silent());
  stream.prepare(44100.0, 256);
  float* expected_outs[] = {expected.data()};
  CHECK(stream.process(in, expected_outs, 256) == StreamStatus::ok);
  CHECK(stream.process(in, expected_outs, 256) == StreamStatus::ok);
  stream.reset();
  CHECK(stream.process(in, outs, 256) == StreamStatus::ok);

  std::vector<float> large(300, 5.0f);
  float* large_outs[] = {large.data()};
  CHECK(stream.process(in, large_outs, 257) == StreamStatus::bad_block);
  CHECK(large[256] == 0.0f);
  CHECK(large[257] == 5.0f);
  CHECK(stream.process(in, outs, -1) == StreamStatus::bad_block);
  CHECK(stream.process(in, nullptr, 16) == StreamStatus::bad_block);
  for (const float bad : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    std::fill(out.begin(), out.end(), 5.0f);
    gate[255] = bad;
    CHECK(stream.process(in, outs, 256) == StreamStatus::bad_input);
    CHECK(is_silent());
    CHECK(stream.status() == StreamStatus::bad_input);
  }
  gate[255] = 1.0f;
  CHECK(stream.position() == 256);
  CHECK(stream.process(in, outs, 256) == StreamStatus::ok);
  CHECK(out == expected);
  CHECK(stream.process(nullptr, nullptr, 0) == StreamStatus::ok);
  float* nowhere[] = {nullptr};
  CHECK(stream.process(in, nowhere, 256) == StreamStatus::ok);

  const int pitch = stream.parameter("note.frequency"),
            attack = stream.parameter("fm.operator.0.envelope.attack");
  const double nan = std::numeric_limits<double>::quiet_NaN();
  CHECK_FALSE(stream.set(pitch, nan));
  CHECK_FALSE(stream.set(pitch, -1.0));
  CHECK_FALSE(stream.set(attack, -1.0));
  CHECK_FALSE(stream.set(99, 1.0));
  CHECK_FALSE(stream.set(pitch, 1, 100.0));
  CHECK_FALSE(stream.schedule({StreamEvent::Kind::jump, 0, pitch, 0, nan}));
  CHECK_FALSE(stream.schedule({StreamEvent::Kind::jump, -1, pitch, 0, 100.0}));
  CHECK_FALSE(stream.schedule({StreamEvent::Kind::input, 0, 7, 0, 1.0}));
  CHECK_FALSE(stream.schedule({StreamEvent::Kind::restart, 0, 0, 3, 0.0}));
  CHECK(stream.value(pitch) == 300.0);
  CHECK_THROWS_WITH_AS(stream.prepare(0.5, 64), doctest::Contains("1 to 768000"), DomainError);
  CHECK_THROWS_WITH_AS(stream.prepare(44100.0, 0), doctest::Contains("1 to 1048576"), DomainError);
  CHECK_THROWS_WITH_AS(stream.parameter("pitch"), doctest::Contains("note.frequency"), TapeError);
}

TEST_CASE("an output that is not finite is silence, and the stream starts again") {
  Stream stream([](Tape& tape) -> std::vector<Var> {
    return {1.0 / tape.input("x", Tensor(Shape{*tape.options().length}))};
  });
  stream.prepare(44100.0, 64);
  std::vector<float> x(64, 2.0f), y(64);
  const float* in[] = {x.data()};
  float* out[] = {y.data()};
  CHECK(stream.process(in, out, 64) == StreamStatus::ok);
  x[3] = 0.0f;
  CHECK(stream.process(in, out, 64) == StreamStatus::not_finite);
  CHECK(std::ranges::count(y, 0.0f) == 64);
  CHECK(stream.position() == 0);
  x[3] = 2.0f;
  CHECK(stream.process(in, out, 64) == StreamStatus::ok);
  CHECK(y[0] == 0.5f);
}

TEST_CASE("events beyond the block wait, and there is room for as many as was asked") {
  Stream stream(default_patch(), 1, {.max_events = 2});
  stream.prepare(44100.0, 64);
  CHECK(stream.schedule({StreamEvent::Kind::input, 100, 0, 0, 1.0}));
  CHECK(stream.schedule({StreamEvent::Kind::input, 120, 0, 0, 0.0}));
  CHECK_FALSE(stream.schedule({StreamEvent::Kind::input, 0, 0, 0, 0.0}));
  const Channels played = play(stream, {}, 192, always(64));
  CHECK(std::count(played[0].begin(), played[0].begin() + 100, 0.0f) == 100);
  CHECK(std::count(played[0].begin() + 100, played[0].begin() + 120, 0.0f) == 0);
  CHECK(stream.schedule({StreamEvent::Kind::input, 0, 0, 0, 0.0}));
}

TEST_CASE("prepared again, a stream is at its start and keeps its parameters") {
  Stream stream(default_patch());
  stream.prepare(44100.0, 64);
  CHECK(stream.set(stream.parameter("note.frequency"), 123.0));
  stream.prepare(48000.0, 128);
  CHECK(stream.sample_rate() == 48000.0);
  CHECK(stream.max_block() == 128);
  CHECK(stream.value(stream.parameter("note.frequency")) == 123.0);
  Patch patch = default_patch();
  patch.sample_rate = 48000.0;
  patch.note.frequency = 123.0;
  Tape tape(tape_options(patch));
  const RecordedPatch recorded = record(tape, patch);
  tape.play({recorded.audio});
  const std::vector<float> gate(1000, 1.0f);
  CHECK(same_bits(play(stream, {gate}, 1000, always(128))[0], tape.value(recorded.audio).as<float>().data()));
}

// --- live gradients ------------------------------------------------------------------------------

namespace {

std::vector<float> seed_signal(int length, unsigned seed) {
  std::mt19937 random(seed);
  std::uniform_real_distribution<float> uniform(-1.0f, 1.0f);
  std::vector<float> values(static_cast<std::size_t>(length));
  for (float& v : values) v = uniform(random);
  return values;
}

}  // namespace

TEST_CASE("over a first block a live gradient has the bits of the tape's") {
  for (const int length : {1, 100, 1024, 3000}) {
    Patch patch = default_patch_to_fit();
    patch.note.gate = {{0.0, 0.03}};
    patch.duration = length / patch.sample_rate;
    Tape tape(tape_options(patch));
    std::vector<float> gate(static_cast<std::size_t>(length), 0.0f);
    for (int n = 0; n < std::min(length, 1323); ++n) gate[static_cast<std::size_t>(n)] = 1.0f;
    const std::vector<float> seed = seed_signal(length, 2);
    Stream stream(patch, 1, {.gradients = true});
    stream.prepare(patch.sample_rate, 3000);
    play(stream, {gate}, length, always(length));
    const float* seeds[] = {seed.data()};
    REQUIRE(stream.rewind(seeds) == StreamStatus::ok);
    if (length == 1) continue;  // on a tape one sample is a constant
    const Var held = tape.input("gate", Tensor(std::span<const float>(gate)));
    const RecordedPatch recorded = record(tape, patch, held);
    tape.play({recorded.audio});
    tape.rewind(recorded.audio, Tensor(std::span<const float>(seed)));
    for (const Var parameter : recorded.parameters) {
      INFO(tape.name(parameter) << " of " << length << " samples");
      CHECK(stream.gradient(stream.parameter(tape.name(parameter))) == tape.gradient(parameter).item());
    }
  }
}

TEST_CASE("a live gradient is the slope of the last block, the states before it constant") {
  // The loss of a block that begins anywhere, by central differences over streams that differ in a parameter
  // from that block on.
  const int before = 2011;
  for (const int frames : {37, 640, 1500}) {
    const Channels inputs = everything_inputs(before + frames);
    const std::vector<float> seed = seed_signal(frames, 3);
    const auto block = [&](Stream& stream, const std::function<void()>& change) {
      stream.prepare(44100.0, 2048);
      Channels head = inputs, tail;
      play(stream, head, before, always(before));
      change();
      for (const auto& channel : inputs) tail.emplace_back(channel.begin() + before, channel.end());
      double sum = 0.0;
      const Channels played = play(stream, tail, frames, always(frames));
      for (const auto& channel : played)
        for (std::size_t n = 0; n < channel.size(); ++n)
          sum += static_cast<double>(channel[n]) * static_cast<double>(seed[n]);
      return sum;
    };
    const StreamOptions options{.glide = 0.0, .gradients = true};
    Stream stream(record_everything, options);
    block(stream, [] {});
    const std::vector<const float*> seeds(7, seed.data());
    REQUIRE(stream.rewind(seeds.data()) == StreamStatus::ok);
    for (const char* name : {"pitch", "rate", "cutoff", "fm.operator.0.gain", "fm.operator.1.ratio"}) {
      const int parameter = stream.parameter(name);
      const int row = stream.rows(parameter) - 1;
      const double value = stream.value(parameter, row), step = 1e-3 * value;
      const auto moved = [&](double change) {
        Stream other(record_everything, options);
        return block(other, [&] { CHECK(other.set(parameter, row, value + change)); });
      };
      const double numeric = (moved(step) - moved(-step)) / (2.0 * step);
      INFO(name << " over " << frames << " frames");
      CHECK(stream.gradient(parameter, row) == doctest::Approx(numeric).epsilon(2e-2).scale(1e-2));
    }
  }
}

TEST_CASE("an envelope's live gradient is that of the times it keeps") {
  // In the middle of a decay: the level S + (1 - S) * exp(-(k - A)/D) of a block, by its formula.
  const double a = 0.01 * 44100.0, d = 0.02 * 44100.0, s = 0.5;
  Stream stream(
      [](Tape& tape) -> std::vector<Var> {
        const Var gate = tape.input("gate", Tensor(Shape{*tape.options().length}));
        return {adsr(gate, {tape.parameter("attack", 0.01), tape.parameter("decay", 0.02),
                            tape.parameter("sustain", 0.5), tape.parameter("release", 0.03)})};
      },
      {.gradients = true});
  stream.prepare(44100.0, 512);
  const std::vector<float> gate(2000, 1.0f), ones(512, 1.0f);
  play(stream, {gate}, 700, always(100));
  play(stream, {gate}, 300, always(300));
  const float* seeds[] = {ones.data()};
  REQUIRE(stream.rewind(seeds) == StreamStatus::ok);
  double of_attack = 0.0, of_decay = 0.0, of_sustain = 0.0;
  for (int k = 701; k <= 1000; ++k) {
    const double q = std::exp(-(k - a) / d);
    of_attack += (1.0 - s) * q / d;
    of_decay += (1.0 - s) * q * (k - a) / (d * d);
    of_sustain += 1.0 - q;
  }
  CHECK(stream.gradient(stream.parameter("attack")) == doctest::Approx(44100.0 * of_attack).epsilon(1e-4));
  CHECK(stream.gradient(stream.parameter("decay")) == doctest::Approx(44100.0 * of_decay).epsilon(1e-4));
  CHECK(stream.gradient(stream.parameter("sustain")) == doctest::Approx(of_sustain).epsilon(1e-4));
  CHECK(stream.gradient(stream.parameter("release")) == 0.0);
}

TEST_CASE("a way back leaves no trace in what is heard") {
  const Channels inputs = everything_inputs(samples);
  const auto played = [&](bool rewinds) {
    Stream stream(record_everything, {.gradients = true});
    stream.prepare(44100.0, 2048);
    const std::vector<float> ones(2048, 1.0f);
    const std::vector<const float*> seeds(7, ones.data());
    bool has_played = false;
    return play(stream, inputs, samples, always(1501), [&](int first, int) {
      if (rewinds && has_played) CHECK(stream.rewind(seeds.data()) == StreamStatus::ok);
      has_played = true;
      CHECK(stream.set(stream.parameter("pitch"), 300.0 + first));
    });
  };
  CHECK(played(true) == played(false));
}
