// What bends a sound and what follows its level, beside loops over samples: tanh with few aliases, and a follower whose times
// are constant.
#include <retrograd/nodes/all.hpp>

#include <cmath>
#include <string>
#include <vector>

#include "rows.hpp"
#include "synth.hpp"
#include "timing.hpp"

namespace retrograd::tool {
namespace {

constexpr std::int64_t effect_rows = 16, effect_length = bench_sample_rate;
constexpr double effect_values = static_cast<double>(effect_rows * effect_length);
constexpr double attack = 0.005, release = 0.1;  // seconds

using EffectRecord = Var (*)(Tape& tape, Var x);

Var shaped(Tape&, Var x) { return tanh_shaper(x); }
Var followed(Tape& tape, Var x) { return follow(x, tape.constant(attack), tape.constant(release)); }

// A tape of one value made of noise, and the noise that its gradient begins with.
double measured_effect(EffectRecord record, bool has_gradients) {
  Tape tape({.sample_rate = static_cast<double>(bench_sample_rate), .length = effect_length});
  Tensor seed(Shape{effect_rows, effect_length}, ElementType::f32);
  seed.assign(noise(seed.shape()));
  const Var y = record(tape, tape.parameter("x", noise(Shape{effect_rows, effect_length})));
  if (!has_gradients)
    for (const Var parameter : tape.parameters()) tape.freeze(parameter);
  return nanoseconds([&] {
           tape.play({y});
           if (has_gradients) tape.rewind(y, seed);
         }) /
         effect_values;
}

using EffectLoop = void (*)(const float* x, float* y);

// As the papers have it: a difference of antiderivatives, and the curve in the middle where that is small.
void shape_by_hand(const float* x, float* y) {
  float before = 0.0f, antiderivative = 0.0f;
  for (std::int64_t n = 0; n < effect_length; ++n) {
    const float size = std::abs(x[n]), here = size + std::log1p(std::exp(-2.0f * size)) - 0.6931472f;
    const float way = x[n] - before;
    y[n] = std::abs(way) < 1e-3f ? std::tanh(0.5f * (x[n] + before)) : (here - antiderivative) / way;
    before = x[n];
    antiderivative = here;
  }
}
void follow_by_hand(const float* x, float* y) {
  const auto share = [](double seconds) {
    return static_cast<float>(-std::expm1(-1.0 / (seconds * bench_sample_rate)));
  };
  const float up = share(attack), down = share(release);
  float level = 0.0f;
  for (std::int64_t n = 0; n < effect_length; ++n)
    y[n] = level += (x[n] > level ? up : down) * (x[n] - level);
}

double measured_by_hand(EffectLoop loop) {
  const Tensor drawn = noise(Shape{effect_rows, effect_length});
  std::vector<float> x, y(static_cast<std::size_t>(drawn.shape().elements()));
  for (std::int64_t i = 0; i < drawn.shape().elements(); ++i)
    x.push_back(static_cast<float>(drawn.view().at(i)));
  return nanoseconds([&] {
           for (std::int64_t row = 0; row < effect_rows; ++row)
             loop(x.data() + row * effect_length, y.data() + row * effect_length);
         }) /
         effect_values;
}

void add_effect(Rows& rows, const std::string& what, EffectRecord record, EffectLoop by_hand) {
  const std::string name = what + ", 16 rows x 1 s, 1 thread, ", unit = "ns per sample";
  rows.push_back({name + "forward", unit, no_goal, [=] { return measured_effect(record, false); }});
  rows.push_back({name + "forward + backward", unit, no_goal, [=] { return measured_effect(record, true); }});
  rows.push_back(
      {name + "forward, a loop over samples", unit, no_goal, [=] { return measured_by_hand(by_hand); }});
}

}  // namespace

void add_effect_rows(Rows& rows) {
  add_effect(rows, "tanh_shaper", &shaped, &shape_by_hand);
  add_effect(rows, "follower", &followed, &follow_by_hand);
}

}  // namespace retrograd::tool
