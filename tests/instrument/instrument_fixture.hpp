// Instruments, what happens to them sample by sample, and the same patch rendered on a tape.
#pragma once

#include <doctest/doctest.h>
#include <retrograd/instrument/instrument.hpp>
#include <retrograd/math/functions.hpp>
#include <retrograd/nodes/arithmetic.hpp>
#include <retrograd/racks/record.hpp>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <random>
#include <utility>
#include <vector>

namespace instrument_fixture {

using namespace retrograd;

inline constexpr double rate = 48000.0;
inline constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();

/// Short envelopes, so that every part of them is heard within a few thousand samples.
inline Rack short_patch() {
  Rack patch = default_rack_to_fit();
  double step = 0.0;
  for (Module& module : patch.modules) {
    if (module.values.empty()) continue;  // the sum of the three carriers
    const double ratio = module.values[0];
    module.values = {ratio, 0.3 + 50 * step, 0.003 + step, 0.011 - step, 0.4, 0.004 + step};
    step += 0.0007;
  }
  return patch;
}

/// One operator: a sine with a plain envelope.
inline Rack sine_patch(double attack, double release) {
  Rack patch = default_rack();
  patch.cables.clear();
  patch.modules.pop_back();
  patch.modules[0].values = {1.0, 1.0, attack, 0.01, 1.0, release};
  return patch;
}

inline double frequency_of(double key) { return 440.0 * math::exp2((key - 69.0) / 12.0); }

/// The patch on a tape: `length` samples, the gate as it is high in `gate`.
inline std::vector<float> offline(Rack patch, double frequency, double velocity,
                                  const std::vector<float>& gate) {
  Tape tape({.sample_rate = rate, .length = static_cast<std::int64_t>(gate.size())});
  patch.note.frequency = frequency;
  const Var held = tape.input("gate", Tensor(std::span(gate)));
  const Var audio = record(tape, patch, {.gate = held}).audio * tape.parameter("velocity", Tensor(velocity));
  tape.play({audio});
  const auto samples = tape.value(audio).as<float>();
  return {samples.begin(), samples.end()};
}

inline std::vector<float> gate_of(std::size_t length, std::initializer_list<std::pair<int, int>> pairs) {
  std::vector<float> gate(length, 0.0f);
  for (const auto& [on, off] : pairs) std::fill(gate.begin() + on, gate.begin() + off, 1.0f);
  return gate;
}

/// Something that is done to an instrument at a sample.
struct Happening {
  int time;
  std::function<bool(Instrument&, int offset)> event;
};
using Score = std::vector<Happening>;

inline Happening on(int time, double key, double velocity = 1.0) {
  return {time, [=](Instrument& i, int offset) { return i.note_on(key, velocity, offset); }};
}
inline Happening off(int time, double key) {
  return {time, [=](Instrument& i, int offset) { return i.note_off(key, offset); }};
}
inline Happening bend(int time, double to) {
  return {time, [=](Instrument& i, int offset) { return i.pitch_bend(to, offset); }};
}
inline Happening pedal(int time, bool is_down) {
  return {time, [=](Instrument& i, int offset) { return i.sustain(is_down, offset); }};
}

inline constexpr int longest_block = 1024;

inline Happening midi(int time, std::vector<unsigned char> bytes) {
  return {time, [=](Instrument& i, int offset) {
            return i.midi(bytes.data(), static_cast<int>(bytes.size()), offset);
          }};
}

/// Plays on in blocks of `block` samples, 0: of random sizes, empty ones among them.
inline std::vector<float> played(Instrument& instrument, const Score& score, std::size_t length, int block) {
  std::mt19937 random(7);
  std::vector<float> sound(length);
  std::size_t next = 0;
  for (int start = 0; start < static_cast<int>(length);) {
    const int wanted = block > 0 ? block : static_cast<int>(random() % (longest_block + 1));
    const int frames = std::min(wanted, static_cast<int>(length) - start);
    for (; next < score.size() && score[next].time < start + frames; ++next)
      REQUIRE(score[next].event(instrument, score[next].time - start));
    REQUIRE(instrument.process(sound.data() + start, frames) == StreamStatus::ok);
    start += frames;
  }
  return sound;
}

inline std::vector<float> played(const Rack& patch, const InstrumentOptions& options, const Score& score,
                                 std::size_t length, int block) {
  Instrument instrument(patch, options);
  instrument.prepare(rate, longest_block);
  return played(instrument, score, length, block);
}

/// -1 where all are equal.
inline int first_difference(const std::vector<float>& a, const std::vector<float>& b) {
  REQUIRE(a.size() == b.size());
  for (std::size_t i = 0; i < a.size(); ++i)
    if (a[i] != b[i]) return static_cast<int>(i);
  return -1;
}

inline void delay(std::vector<float>& sound, std::size_t samples) {
  sound.insert(sound.begin(), samples, 0.0f);
}

inline void add(std::vector<float>& sum, const std::vector<float>& sound) {
  for (std::size_t i = 0; i < sum.size(); ++i) sum[i] += sound[i];
}

inline float largest_step(const std::vector<float>& sound) {
  float largest = 0.0f;
  for (std::size_t i = 1; i < sound.size(); ++i)
    largest = std::max(largest, std::abs(sound[i] - sound[i - 1]));
  return largest;
}

inline int rising_zeros(const std::vector<float>& sound, std::size_t first, std::size_t last) {
  int crossings = 0;
  for (std::size_t i = first + 1; i < last; ++i) crossings += sound[i - 1] < 0.0f && sound[i] >= 0.0f;
  return crossings;
}

inline constexpr int block_sizes[] = {1, 7, 64, 441, 1024, 0};

}  // namespace instrument_fixture
