// What the tests of streams share: blocks of any sizes, the same on a tape at full length, and a synth with
// everything that streams.
#pragma once

#include <doctest/doctest.h>

#include "../racks/fm_fixture.hpp"

#include <retrograd/backends/cpu/own_node.hpp>
#include <retrograd/nodes/all.hpp>
#include <retrograd/nodes/oscillator.hpp>
#include <retrograd/stream/stream.hpp>

#include <algorithm>
#include <cstring>
#include <functional>
#include <random>
#include <string>
#include <vector>

namespace stream_fixture {

using namespace retrograd;

using Channels = std::vector<std::vector<float>>;

// Sizes of blocks, one after the other, each from 0 to 1024.
using BlockSizes = std::function<int()>;
inline BlockSizes always(int size) {
  return [size] { return size; };
}
inline BlockSizes random_sizes(unsigned seed) {
  return [random = std::mt19937(seed)]() mutable {
    const int most = random() % 3 == 0 ? 1024 : 40;
    return static_cast<int>(random() % static_cast<unsigned>(most + 1));
  };
}

// Plays `length` samples in blocks. `before(first, frames)` is called before each block.
inline Channels play(Stream& stream, const Channels& inputs, int length, BlockSizes size,
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

inline bool same_bits(const std::vector<float>& a, const float* b) {
  return std::memcmp(a.data(), b, a.size() * sizeof(float)) == 0;
}

// "channel 3, sample 200"; empty where all samples are the same.
inline std::string first_difference(const Channels& a, const Channels& b) {
  for (std::size_t c = 0; c < a.size(); ++c)
    for (std::size_t n = 0; n < a[c].size(); ++n)
      if (a[c][n] != b[c][n]) return "channel " + std::to_string(c) + ", sample " + std::to_string(n);
  return "";
}

inline std::vector<float> gate_signal(int length, std::initializer_list<int> edges) {
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
inline constexpr int samples = 5000;
inline constexpr int block_sizes[] = {1, 7, 64, 441, 1024};

// A synth with everything that streams: an FM voice on three rows, an envelope on a computed gate, a pitch
// that varies over time, one row of modulation for all, a running sum, filters and one of a user's own.
inline std::vector<Var> record_everything(Tape& tape) {
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
  const Var own = causal(OnePole{}, voices.audio + wandering * 0.3, tape.parameter("cutoff", 0.2));
  const Var swept = state_variable(own, 1500.0 * (noise * 0.5 + 1.0), tape.parameter("q", 1.2)),
            steady = biquad(own, biquad_coefficients(FilterKind::high, tape.parameter("edge", 300.0),
                                                     tape.constant(0.7)));
  const Var filtered = swept + one_pole_low(steady, pitch);
  const Var drift = cumulative_sum(noise * 1e-3);
  return {filtered, tanh(filtered * drift + depth), wobble};
}

inline Channels everything_inputs(int length) {
  std::mt19937 random(5);
  std::uniform_real_distribution<float> uniform(-1.0f, 1.0f);
  std::vector<float> noise(static_cast<std::size_t>(length));
  for (float& n : noise) n = uniform(random);
  return {gate_signal(length, {0, 700, 1501, 1502, 1503, 3000}), gate_signal(length, {37, 2043, 2061, 2300}),
          gate_signal(length, {1024, 1040, 3333}), noise};
}

// The same on a tape, at full length: one vector for each output channel.
inline Channels offline(const Stream::Builder& builder, const Channels& inputs,
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

inline std::vector<float> seed_signal(int length, unsigned seed) {
  std::mt19937 random(seed);
  std::uniform_real_distribution<float> uniform(-1.0f, 1.0f);
  std::vector<float> values(static_cast<std::size_t>(length));
  for (float& v : values) v = uniform(random);
  return values;
}

}  // namespace stream_fixture
