// Graphs on which every node, state and adjoint meets the edges of tiles: what tests of bits record.
#pragma once

#include "../racks/fm_fixture.hpp"

#include <retrograd/nodes/all.hpp>
#include <retrograd/nodes/oscillator.hpp>

#include <algorithm>
#include <cmath>
#include <functional>
#include <string>
#include <vector>

namespace graphs {

using namespace retrograd;

inline constexpr double rate = 44100.0;

struct Recorded {
  std::vector<Var> values;  // to be played and compared
  Var loss;
};

struct Case {
  std::string name;
  std::int64_t length;
  std::function<Recorded(Tape&)> record;
};

/// Rises and falls on both sides of the edges of every tile size.
inline Tensor restless_gate(const Tape& tape) {
  Tensor signal(Shape{*tape.options().length}, tape.options().type);
  std::vector<double> values(static_cast<std::size_t>(*tape.options().length), 0.0);
  bool is_high = true;
  std::size_t next = 0;
  const std::size_t edges[] = {3,    90,   127,  128,  129,  255,   300,   511,   512,  640,
                               1023, 1024, 1025, 1535, 1540, 2047,  2050,  2559,  3000, 4095,
                               4097, 4608, 8190, 8192, 8193, 16384, 16390, 24577, 26000};
  for (const std::size_t edge : edges) {
    for (; next < std::min(edge, values.size()); ++next) values[next] = is_high ? 1.0 : 0.0;
    is_high = !is_high;
  }
  for (; next < values.size(); ++next) values[next] = is_high ? 1.0 : 0.0;
  signal.assign(Tensor(std::span<const double>(values)).to(signal.type()));
  return signal;
}

inline Tensor wave(const Shape& shape, double size, double turns) {
  Tensor values(shape);
  for (std::int64_t i = 0; i < shape.elements(); ++i)
    values.as<double>()[static_cast<std::size_t>(i)] =
        size *
        std::sin(turns * 6.283185307179586 * static_cast<double>(i) / static_cast<double>(shape.elements()));
  return values;
}

// Three voices, every number per voice; pitch constant over time.
inline Recorded record_voices(Tape& tape, const FmNumbers& fm) {
  const Var gate = tape.input("gate", restless_gate(tape));
  const Var pitch = tape.parameter(
      "pitch", Tensor{fm.frequency, fm.frequency * 1.5, fm.frequency * 0.77}.reshaped(Shape{3, 1}));
  const Var audio = record_fm(tape, fm, gate, pitch, 3).audio;
  const Var target =
      tape.input("target", wave(audio.shape().with_length(*tape.options().length), 0.4, 701.0));
  const Var loss = mean(square(audio - target));
  return {{audio, loss, maximum(audio)}, loss};
}

// Pitch bent over time, by a curve that all voices share and that has a gradient.
inline Recorded record_bend(Tape& tape, const FmNumbers& fm) {
  const std::int64_t length = *tape.options().length;
  const Var gate = tape.input("gate", restless_gate(tape));
  const Var bend = tape.parameter("bend", wave(Shape{1, length}, 0.05, 3.0));
  const Var vibrato = tape.parameter("vibrato", wave(Shape{3, length}, 2.0, 60.0));
  const Var pitch =
      tape.parameter("pitch", Tensor{200.0, 310.0, 470.0}.reshaped(Shape{3, 1})) * (bend + 1.0) + vibrato;
  const Var audio = record_fm(tape, fm, gate, pitch, 3).audio;
  const Var drift = cumulative_sum(audio * 0.001) * bend;
  const Var loss = mean(square(audio + drift - tape.input("target", wave(Shape{3, length}, 0.4, 701.0))));
  return {{audio, drift, loss}, loss};
}

// Every function of the library, in a chain.
inline Recorded record_functions(Tape& tape) {
  const std::int64_t length = *tape.options().length;
  const Var x = tape.parameter("x", wave(Shape{2, length}, 1.5, 5.0));
  const Var a = tape.parameter("a", 0.7), b = tape.parameter("b", Tensor{0.3, 1.1}.reshaped(Shape{2, 1}));
  const Var positive = softplus(x * a) + 0.1;
  const Var y = pow(positive, b) + log(positive) * sqrt(positive) + exp(-square(x)) +
                tanh(x) * sigmoid(x / positive) + sin(x * 9.0) * cos(x) + clamp(x, -a, b) +
                select(x > 0.2, min(x, b), max(x, a)) + abs(x);
  const Var z = y * a * b + product(x, y, a) + exp(a) * log(b + 1.0);
  const Var loss = mean(square(z)) + maximum(z);
  return {{y, z, loss}, loss};
}

// One row, which threads share by splitting its time: what moves the states is all there.
inline Recorded record_one_row(Tape& tape) {
  const std::int64_t length = *tape.options().length;
  const Var gate = tape.input("gate", restless_gate(tape));
  const Var bend = tape.parameter("bend", wave(Shape{length}, 0.05, 3.0));
  const Var swept = record_fm(tape, FmNumbers::six_operators(), gate, 300.0 * (bend + 1.0)).audio;
  const Var steady = sinusoid(tape.parameter("steady", 777.0), cumulative_sum(bend) * 0.1);
  const Var audio = swept * steady + 0.1 * swept;
  return {{audio}, audio};
}

// One row whose way back threads can share too: no frequency varies over time. Its gate rises and falls where
// groups of tiles meet, and rests through a whole group.
inline Recorded record_steady_row(Tape& tape) {
  const Var gate = tape.input("gate", restless_gate(tape));
  const Var audio = record_fm(tape, FmNumbers::six_operators(), gate, tape.parameter("pitch", 300.0)).audio;
  return {{audio}, audio};
}

// Voices that are mixed into one row with an effect, which a bend that all share moves, beside what they are alone.
inline Recorded record_mix(Tape& tape) {
  const std::int64_t length = *tape.options().length;
  const Var gate = tape.input("gate", restless_gate(tape));
  const Var pitch = tape.parameter("pitch", Tensor{200.0, 310.0, 470.0}.reshaped(Shape{3, 1}));
  const Var bend = tape.parameter("bend", wave(Shape{length}, 0.05, 3.0));
  const Var voices = record_fm(tape, FmNumbers::two_operators(), gate, pitch * (bend + 1.0), 3).audio;
  const Var bus = mix(voices), other = mix(voices * bend) + mix(bend);
  const Var wet = tanh(bus * tape.parameter("drive", 1.5)) + cumulative_sum(bus * 0.001);
  const Var numbers = mix(tape.parameter("numbers", Tensor{0.1, 0.3, 0.7}.reshaped(Shape{3, 1})));
  const Var loss = mean(square(wet + other * numbers));
  return {{wet, other, voices, loss}, loss};
}

// Filters with settings that vary and that do not, one row and three.
inline Recorded record_filters(Tape& tape) {
  const std::int64_t length = *tape.options().length;
  const Var x = tape.parameter("x", wave(Shape{3, length}, 1.0, 401.0));
  const Var cutoff = tape.parameter("cutoff", Tensor{300.0, 1000.0, 5000.0}.reshaped(Shape{3, 1}));
  const Var bend = tape.parameter("bend", wave(Shape{length}, 0.5, 7.0)), q = tape.parameter("q", 1.5);
  const Var swept = state_variable(x, cutoff * (bend + 1.0), q, FilterKind::bell, bend * 6.0);
  const Var steady = state_variable(swept, cutoff, q) + one_pole_high(swept, 900.0 + 300.0 * bend);
  const Var one_row =
      biquad(mix(x), biquad_coefficients(FilterKind::band, tape.parameter("other", 700.0), q));
  const Var y = steady * 0.5 + one_pole_low(one_row, tape.parameter("smoothed", 2000.0));
  const Var loss = mean(square(y));
  return {{swept, y, loss}, loss};
}

// What bends a sound and follows its level, with times that vary and that do not.
inline Recorded record_level(Tape& tape) {
  const std::int64_t length = *tape.options().length;
  const Var x = tape.parameter("x", wave(Shape{3, length}, 3.0, 401.0));
  const Var bend = tape.parameter("bend", wave(Shape{length}, 0.5, 7.0)),
            attack = tape.parameter("attack", 0.001);
  const Var bent = tanh_shaper(x) + arctangent_shaper(x * bend) + fold_shaper(x);
  const Var held = clip_shaper(x * 0.4) + cubic_shaper(bend);
  const Var level = envelope_follower(x, attack, 0.01 + 0.01 * bend) + follow(bend, attack, attack);
  const Var y =
      bent * level + held + crushed(x, tape.parameter("bits", 5.0), tape.parameter("looks", 7000.0));
  const Var loss = mean(square(y));
  return {{bent, level, y, loss}, loss};
}

inline std::vector<Case> cases() {
  return {{"two operators, three voices", 5003,
           [](Tape& t) { return record_voices(t, FmNumbers::two_operators()); }},
          {"six operators, three voices", 3001,
           [](Tape& t) { return record_voices(t, FmNumbers::six_operators()); }},
          {"one row", 9001, record_one_row},
          {"one steady row", 43001, record_steady_row},
          {"bent pitch", 9001, [](Tape& t) { return record_bend(t, FmNumbers::two_operators()); }},
          {"a mix of three voices", 9001, record_mix},
          {"filters", 5003, record_filters},
          {"shapers and followers", 5003, record_level},
          {"all functions", 2777, [](Tape& t) { return record_functions(t); }}};
}

}  // namespace graphs
