// f32 gradients against f64 on the same graph: for a loss of y and a parameter p,
//
//     |g32 - g64| <= 1e-4 * sum over samples of |gy * dy/dp|
//
// with gy the loss's gradient by each sample and dy/dp by central differences, both in f64: rounding may not
// cost more than a ten-thousandth of what was added up.
#include <doctest/doctest.h>

#include "../racks/fm_fixture.hpp"

#include <retrograd/nodes/all.hpp>

#include <cmath>
#include <numbers>
#include <vector>

using namespace retrograd;

namespace {

constexpr double rate = 44100.0;
constexpr std::int64_t length = 44100;

struct Synth {
  explicit Synth(ElementType type, const FmNumbers& fm)
      : tape({.type = type, .sample_rate = rate, .length = length}) {
    const Var gate_signal = tape.input("gate", gate({{0.0, 0.5}, {0.6, 0.8}}, tape));
    audio = record_fm(tape, fm, gate_signal, tape.parameter("pitch", fm.frequency)).audio;
    Tensor target(Shape{length});
    for (std::int64_t n = 0; n < length; ++n)
      target.as<double>()[static_cast<std::size_t>(n)] =
          0.5 * std::sin(2 * std::numbers::pi * 1.01 * fm.frequency * static_cast<double>(n) / rate);
    loss = mean(square(audio - tape.input("target", target)));
  }
  Tape tape;
  Var audio, loss;
};

std::vector<double> audio_of(Synth& graph) {
  graph.tape.play({graph.audio});
  const auto y = graph.tape.value(graph.audio).as<double>();
  return {y.begin(), y.end()};
}

void check(const FmNumbers& fm) {
  Synth single(ElementType::f32, fm), twice(ElementType::f64, fm);
  single.tape.play({single.loss});
  single.tape.rewind(single.loss);
  twice.tape.play({twice.loss});
  twice.tape.rewind(twice.loss);
  std::vector<double> gradients;
  for (const Var parameter : twice.tape.parameters())
    gradients.push_back(twice.tape.gradient(parameter).item());

  const std::vector<double> y = audio_of(twice);
  const auto target = twice.tape.value(twice.tape.find("target")).as<double>();
  for (std::size_t p = 0; p < gradients.size(); ++p) {
    const Var parameter = twice.tape.parameters()[p];
    const double value = twice.tape.value(parameter).item(), step = 1e-6 * value;
    twice.tape.set(parameter, Tensor(value + step));
    const std::vector<double> above = audio_of(twice);
    twice.tape.set(parameter, Tensor(value - step));
    const std::vector<double> below = audio_of(twice);
    twice.tape.set(parameter, Tensor(value));
    double magnitude = 0.0, numeric = 0.0;
    for (std::size_t n = 0; n < y.size(); ++n) {
      const double gy = 2.0 * (y[n] - target[n]) / static_cast<double>(length);
      const double term = gy * (above[n] - below[n]) / (2.0 * step);
      magnitude += std::abs(term);
      numeric += term;
    }
    INFO(twice.tape.name(parameter) << ": f32 " << single.tape.gradient(single.tape.parameters()[p]).item()
                                    << ", f64 " << gradients[p] << ", magnitude " << magnitude);
    CHECK(std::abs(numeric - gradients[p]) <= 1e-4 * magnitude);  // the bound itself is sound
    CHECK(std::abs(single.tape.gradient(single.tape.parameters()[p]).item() - gradients[p]) <=
          1e-4 * magnitude);
  }
}

}  // namespace

TEST_CASE("f32 gradients of two operators over a second agree with f64") {
  check(FmNumbers::two_operators());
}

TEST_CASE("f32 gradients of six operators over a second agree with f64") {
  check(FmNumbers::six_operators());
}
