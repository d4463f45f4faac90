// The tape as a share of the loop written by hand, checked to give the same audio and the same gradients.
#include <algorithm>
#include <cmath>

#include "../text.hpp"
#include "floor.hpp"
#include "rows.hpp"
#include "synth.hpp"
#include "timing.hpp"

namespace retrograd::tool {
namespace {

std::vector<double> column(const TensorView& values) {
  return {values.as<double>().begin(), values.as<double>().end()};
}

// `read(var)`: the value or the gradient of a parameter.
template <class Read>
FloorValues values_of(const Synth& synth, const Read& read) {
  FloorValues values;
  if (synth.shape.pitch_varies) {
    const auto signal = read(synth.pitch).template as<float>();
    values.pitch_signal.assign(signal.begin(), signal.end());
  } else {
    values.pitch = column(read(synth.pitch));
  }
  for (const Synth::OperatorParameters& p : synth.operators)
    values.operators.push_back({column(read(p.ratio)), column(read(p.gain)), column(read(p.envelope.attack)),
                                column(read(p.envelope.decay)), column(read(p.envelope.sustain)),
                                column(read(p.envelope.release))});
  return values;
}

FloorParameters parameters_of(const Synth& synth) {
  const auto gate = synth.tape.value(synth.tape.find("gate")).as<float>();
  return {.rows = synth.shape.rows,
          .length = synth.shape.length,
          .sample_rate = static_cast<double>(bench_sample_rate),
          .gate_on = 0,
          .gate_off = std::ranges::count(gate, 1.0f),
          .values = values_of(synth, [&](Var var) { return synth.tape.value(var); })};
}

// Largest difference over the largest magnitude (at least `least`): of audio, or of one parameter's gradients.
template <class Values>
double difference(const Values& floor, const Values& tape, double least = 0.0) {
  double worst = 0.0, largest = least;
  for (std::size_t i = 0; i < tape.size(); ++i) {
    const double apart = std::abs(static_cast<double>(floor[i]) - static_cast<double>(tape[i]));
    worst = std::max(worst, std::isnan(apart) ? INFINITY : apart);
    largest = std::max(largest, std::abs(static_cast<double>(tape[i])));
  }
  return worst == 0.0 ? 0.0 : worst / largest;
}

double difference(const FloorValues& floor, const FloorValues& tape) {
  double worst =
      std::max(difference(floor.pitch, tape.pitch), difference(floor.pitch_signal, tape.pitch_signal));
  for (std::size_t i = 0; i < tape.operators.size(); ++i) {
    const FloorOperator &a = floor.operators[i], &b = tape.operators[i];
    worst = std::max({worst, difference(a.ratio, b.ratio), difference(a.gain, b.gain),
                      difference(a.attack, b.attack), difference(a.decay, b.decay),
                      difference(a.sustain, b.sustain), difference(a.release, b.release)});
  }
  return worst;
}

// The same synth on a tape and in the loop.
struct Pair {
  explicit Pair(const SynthShape& shape)
      : synth(shape),
        floor(parameters_of(synth)),
        audio(static_cast<std::size_t>(shape.rows * shape.length)) {
    synth.forward_and_backward();
    const FloorValues expected = values_of(synth, [&](Var var) { return synth.tape.gradient(var); });
    gradients = expected;  // for the sizes
    floor_forward_and_backward();
    look_at("audio",
            difference(std::span<const float>(audio), synth.tape.value(synth.audio).as<float>(), 1.0), 1e-5);
    look_at("gradients", difference(gradients, expected), 1e-4);
  }
  void floor_forward() { floor.forward(audio.data()); }
  void floor_forward_and_backward() {
    floor_forward();
    floor.backward(synth.adjoint().as<float>().data(), gradients);
  }
  void look_at(const std::string& what, double apart, double allowed) {
    if (!(apart <= allowed) && disagreement.empty())
      disagreement = "the " + what + " of the loop written by hand and of the tape differ by " +
                     brief(apart) + ", allowed are " + number(allowed);
  }

  Synth synth;
  Floor floor;
  std::vector<float> audio;
  FloorValues gradients;
  std::string disagreement;
};

}  // namespace

void add_floor_rows(Rows& rows) {
  for (const int operators : {2, 6}) {
    const auto add = [&](const std::string& what, double goal, const SynthShape& shape) {
      const std::string name =
          "tape against a loop by hand, fm " + std::to_string(operators) + " operators, " + what;
      const char* unit = "of the loop's rate";
      rows.push_back({name + ", forward", unit, at_least(goal), [=] {
                        Pair pair(shape);
                        return Figure(
                            compare([&] { pair.floor_forward(); }, [&] { pair.synth.forward(); }).ratio,
                            pair.disagreement);
                      }});
      rows.push_back({name + ", forward + backward", unit, at_least(goal), [=] {
                        Pair pair(shape);
                        return Figure(compare([&] { pair.floor_forward_and_backward(); },
                                              [&] { pair.synth.forward_and_backward(); })
                                          .ratio,
                                      pair.disagreement);
                      }});
    };
    add("16 rows x 1 s", 0.8, {.operators = operators});
    add("1 row x 60 s", 0.6, {.operators = operators, .rows = 1, .length = 60 * bench_sample_rate});
    add("16 rows x 1 s, pitch varying", 0.6, {.operators = operators, .pitch_varies = true});
  }
}

}  // namespace retrograd::tool
