// The FM synth that the rows share.
#include "synth.hpp"

#include <retrograd/losses/losses.hpp>
#include <retrograd/nodes/arithmetic.hpp>
#include <retrograd/nodes/oscillator.hpp>
#include <retrograd/racks/gate.hpp>

#include <algorithm>
#include <cmath>
#include <numbers>

namespace retrograd::tool {
namespace {

// From `low` in the first row to almost `high` in the last.
Tensor spread(std::int64_t rows, double low, double high) {
  Tensor value(Shape{rows, 1});
  for (std::int64_t row = 0; row < rows; ++row)
    value.as<double>()[static_cast<std::size_t>(row)] =
        low + (high - low) * static_cast<double>(row) / static_cast<double>(rows);
  return value;
}

// A vibrato of a third of a semitone, five times a second.
Tensor with_vibrato(const Tensor& pitch, std::int64_t length) {
  Tensor signal(pitch.shape().with_length(length), ElementType::f32);
  const double turns_per_sample = 5.0 / static_cast<double>(bench_sample_rate);
  std::size_t i = 0;
  for (const double hertz : pitch.as<double>())
    for (std::int64_t n = 0; n < length; ++n) {
      const double phase = 2.0 * std::numbers::pi * turns_per_sample * static_cast<double>(n);
      signal.as<float>()[i++] = static_cast<float>(hertz * (1.0 + 0.02 * std::sin(phase)));
    }
  return signal;
}

}  // namespace

std::vector<Route> bench_routing(int operators) {
  if (operators == 6) return {{1, 0}, {2, 1}, {4, 3}, {5, 4}};
  std::vector<Route> routing;
  for (int carrier = 0; carrier + 1 < operators; carrier += 2) routing.push_back({carrier + 1, carrier});
  return routing;
}

std::vector<int> bench_order(int operators) {
  std::vector<int> order;
  for (int i = operators; i-- > 0;) order.push_back(i);
  return order;
}

std::vector<int> bench_audible(int operators) {
  std::vector<int> audible;
  for (int i = 0; i < operators; ++i)
    if (std::ranges::none_of(bench_routing(operators),
                             [i](const Route& route) { return route.modulator == i; }))
      audible.push_back(i);
  return audible;
}

Tensor noise(const Shape& shape) {
  Tensor values(shape, ElementType::f32);
  std::uint32_t state = 1;
  for (float& value : values.as<float>()) {
    state = state * 1664525u + 1013904223u;
    value = static_cast<float>(static_cast<std::int32_t>(state)) * 0x1p-31f;
  }
  return values;
}

Synth::Synth(const SynthShape& wanted)
    : shape(wanted),
      tape({.type = shape.type,
            .device = shape.device,
            .sample_rate = static_cast<double>(bench_sample_rate),
            .length = shape.length,
            .executor = shape.executor,
            .gpu = shape.gpu}) {
  const auto parameter = [&](const std::string& name, double low, double high, const Domain& domain) {
    return tape.parameter(name, spread(shape.rows, low, high), domain);
  };
  const double half = static_cast<double>(shape.length) / static_cast<double>(bench_sample_rate) / 2.0;
  const Var held = tape.input("gate", gate({{0.0, half}}, tape));
  if (shape.pitch_varies)
    pitch = tape.parameter("pitch", with_vibrato(spread(shape.rows, 200.0, 400.0), shape.length), positive);
  else
    pitch = parameter("pitch", 200.0, 400.0, positive);
  for (int i = 0; i < shape.operators; ++i) {
    const std::string of = " of operator " + std::to_string(i);
    operators.push_back(
        {parameter("ratio" + of, 1.0 + i, 1.1 + i, positive),
         parameter("gain" + of, 0.5, 1.0, positive),
         {parameter("attack" + of, 0.1, 0.2, positive), parameter("decay" + of, 0.3, 0.4, positive),
          parameter("sustain" + of, 0.1, 0.4, unit_interval),
          parameter("release" + of, 0.2, 0.4, positive)}});
  }
  record_audio(held);
}

// Nodes as a host records them: what racks cost is another row's.
void Synth::record_audio(Var held) {
  const std::vector<Route> routing = bench_routing(shape.operators);
  std::vector<std::optional<Var>> modulation(operators.size());
  std::optional<Var> sum;
  for (const int i : bench_order(shape.operators)) {
    const auto& [ratio, gain, envelope] = operators[static_cast<std::size_t>(i)];
    const Var output =
        sinusoid(pitch * ratio, modulation[static_cast<std::size_t>(i)]) * adsr(held, envelope) * gain;
    bool modulates = false;
    for (const Route& route : routing) {
      if (route.modulator != i) continue;
      std::optional<Var>& into = modulation[static_cast<std::size_t>(route.carrier)];
      into = into ? *into + output : output;
      modulates = true;
    }
    if (!modulates) sum = sum ? *sum + output : output;
  }
  audio = *sum;
}

const Tensor& Synth::adjoint() {
  if (!adjoint_) adjoint_ = noise(audio.shape()).to(shape.device);
  return *adjoint_;
}

Var Synth::mean_squared_loss() {
  const Var target = tape.input("target", Tensor(audio.shape(), ElementType::f32));
  return retrograd::mean_squared_loss(audio, target);
}

Var Synth::spectral_loss() {
  const Var target = tape.input("target", Tensor(audio.shape(), ElementType::f32));
  return multi_resolution_stft_loss(audio, target);
}

}  // namespace retrograd::tool
