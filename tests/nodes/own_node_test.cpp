// A user's own waveform, pointwise node and causal node: each is one struct, its adjoint under its forward,
// and works on every tape like the library's own.
#include <doctest/doctest.h>

#include "../tape/bits.hpp"

#include <retrograd/backends/cpu/own_node.hpp>
#include <retrograd/nodes/all.hpp>
#include <retrograd/nodes/oscillator.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <random>
#include <string>
#include <vector>

using namespace retrograd;

namespace {

// A triangle: 1 at phase 0, -1 half a turn away.
struct Triangle : OwnPointwise<Triangle, 1> {
  static constexpr const char* name = "triangle";
  template <class T>
  T forward(T phase_turns) const {
    return T(1) - T(4) * math::abs(phase_turns);
  }
  template <class T>
  std::array<T, 1> adjoint(T gy, T, T phase_turns) const {
    return {phase_turns > T(0) ? T(-4) * gy : T(4) * gy};
  }
};

// Soft saturation, y = x / sqrt(1 + (drive*x)^2).
struct Saturate : OwnPointwise<Saturate, 2> {
  static constexpr const char* name = "saturate";
  template <class T>
  T forward(T x, T drive) const {
    return x / math::sqrt(T(1) + drive * x * drive * x);
  }
  template <class T>
  std::array<T, 2> adjoint(T gy, T, T x, T drive) const {
    const T r = T(1) / math::sqrt(T(1) + drive * x * drive * x), g = gy * r * r * r;
    return {g, -(g * drive * x * x * x)};
  }
};

// A one-pole low-pass, y[n] = y[n-1] + c * (x[n] - y[n-1]).
struct OnePole : OwnCausal<OnePole, 2> {
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
    const T g = gy + gs.y;  // of y[n]: from the output and from the next sample
    gs.y = g * (T(1) - c);  // of y[n-1]
    return {g * c, g * (x - s.y)};
  }
};

// A node with a field of its own, and a state larger than most: a delay line with feedback.
struct Echo : OwnCausal<Echo, 1> {
  static constexpr const char* name = "echo";
  double feedback = 0.5;
  template <class T>
  struct State {
    T line[5] = {};
  };
  template <class T>
  T forward(State<T>& s, T x) const {
    const T y = x + T(static_cast<real_t<T>>(feedback)) * s.line[4];
    for (int i = 4; i > 0; --i) s.line[i] = s.line[i - 1];
    return s.line[0] = y;
  }
  template <class T>
  std::array<T, 1> adjoint(State<T>& gs, const State<T>&, T gy, T) const {
    const T g = gy + gs.line[0];
    for (int i = 0; i < 4; ++i) gs.line[i] = gs.line[i + 1];
    gs.line[4] = T(static_cast<real_t<T>>(feedback)) * g;
    return {g};
  }
};

// Its adjoint reads the output, and it does not say so.
struct Squash : OwnPointwise<Squash, 1> {
  static constexpr const char* name = "squash";
  template <class T>
  T forward(T x) const {
    return math::tanh(x);
  }
  template <class T>
  std::array<T, 1> adjoint(T gy, T y, T) const {
    return {gy * (T(1) - y * y)};
  }
};

// Derived from a node that has kernels already.
struct Halved : Squash {
  static constexpr const char* name = "halved";
  template <class T>
  T forward(T x) const {
    return T(real_t<T>(0.5)) * x;
  }
  template <class T>
  std::array<T, 1> adjoint(T gy, T, T) const {
    return {T(real_t<T>(0.5)) * gy};
  }
};

Tensor wave(const Shape& shape, double size, double step) {
  Tensor values(shape);
  for (std::int64_t i = 0; i < shape.elements(); ++i)
    values.as<double>()[static_cast<std::size_t>(i)] = size * std::sin(0.3 + step * static_cast<double>(i));
  return values;
}

constexpr std::int64_t length = 1300;

// All of them on one tape: a filtered, saturated, echoing triangle.
Var record_all(Tape& tape) {
  const Var pitch = tape.parameter("pitch", Tensor{220.0, 331.0}.reshaped(Shape{2, 1}));
  const Var vibrato = tape.parameter("vibrato", wave(Shape{1, length}, 3.0, 0.01));
  const Var drive = tape.parameter("drive", Tensor{1.5, 0.6}.reshaped(Shape{2, 1}));
  const Var cutoff = tape.parameter("cutoff", 0.3);
  const Var sweep = tape.parameter("sweep", wave(Shape{length}, 0.1, 0.02));
  const Var triangle = Oscillator<Triangle>()(pitch + vibrato);
  const Var filtered = causal(OnePole{}, triangle, cutoff + sweep);
  Echo echo;
  echo.feedback = 0.6;
  return causal(echo, pointwise(Saturate{}, filtered, drive));
}

}  // namespace

TEST_CASE("a waveform of one's own has its closed form") {
  Tape tape({.type = ElementType::f64, .sample_rate = 44100.0, .length = length});
  const Var y = Oscillator<Triangle>()(tape.constant(440.0));
  tape.play({y});
  double worst = 0.0;
  for (std::int64_t n = 0; n < length; ++n) {
    const double turns = 440.0 * static_cast<double>(n) / 44100.0;
    worst =
        std::max(worst, std::abs(tape.value(y).at(n) - (1.0 - 4.0 * std::abs(turns - std::round(turns)))));
  }
  CHECK(worst <= 1e-12);
}

TEST_CASE("causal nodes of one's own keep their state over tiles, per row") {
  for (const int tile : {128, 512, 0}) {
    Tape tape({.type = ElementType::f64, .length = length, .tile = tile});
    const Var x = tape.input("x", wave(Shape{2, length}, 1.0, 0.37));
    const Var c = tape.input("c", Tensor{0.1, 0.7}.reshaped(Shape{2, 1}));
    const Var filtered = causal(OnePole{}, x, c), echoing = causal(Echo{}, x), held = causal(Echo{}, c);
    REQUIRE(held.shape() == Shape{2, length});
    tape.play({filtered, echoing, held});
    double worst = 0.0;
    for (std::int64_t row = 0; row < 2; ++row) {
      double low = 0.0;
      std::vector<double> y, h;
      for (std::int64_t n = 0; n < length; ++n) {
        const double sample = tape.value(x).at(row * length + n), number = tape.value(c).at(row);
        low += number * (sample - low);
        y.push_back(sample + (n >= 5 ? 0.5 * y[static_cast<std::size_t>(n - 5)] : 0.0));
        h.push_back(number + (n >= 5 ? 0.5 * h[static_cast<std::size_t>(n - 5)] : 0.0));
        worst = std::max({worst, std::abs(tape.value(filtered).at(row * length + n) - low),
                          std::abs(tape.value(echoing).at(row * length + n) - y.back()),
                          std::abs(tape.value(held).at(row * length + n) - h.back())});
      }
    }
    CHECK(worst <= 1e-13);
  }
}

TEST_CASE("gradients through one's own nodes agree with central differences") {
  Tape tape({.type = ElementType::f64, .sample_rate = 44100.0});
  const Var y = record_all(tape), loss = sum(square(y) * 0.1 + y);
  tape.play({loss});
  tape.rewind(loss);
  for (const Var parameter : tape.parameters()) {
    const Tensor value(tape.value(parameter)), gradient(tape.gradient(parameter));
    for (std::int64_t i = 0; i < value.shape().elements(); i += 1 + value.shape().elements() / 3) {
      const auto loss_at = [&](double change) {
        Tensor moved = value;
        moved.as<double>()[static_cast<std::size_t>(i)] += change;
        tape.set(parameter, moved);
        tape.play({loss});
        return tape.value(loss).item();
      };
      const double step = 1e-6;
      const double numeric = (loss_at(step) - loss_at(-step)) / (2.0 * step);
      INFO(tape.name(parameter) << ", element " << i);
      CHECK(gradient.view().at(i) == doctest::Approx(numeric).epsilon(2e-6));
    }
    tape.set(parameter, value);
  }
}

TEST_CASE("gradients through one's own nodes in f32 agree with f64") {
  std::vector<std::vector<double>> gradients[2];
  for (const ElementType type : {ElementType::f32, ElementType::f64}) {
    Tape tape({.type = type, .sample_rate = 44100.0});
    const Var y = record_all(tape), loss = mean(square(y));
    tape.play({loss});
    tape.rewind(loss);
    for (const Var parameter : tape.parameters()) {
      const TensorView gradient = tape.gradient(parameter);
      std::vector<double> values;
      for (std::int64_t i = 0; i < gradient.shape.elements(); ++i) values.push_back(gradient.at(i));
      gradients[static_cast<int>(type)].push_back(values);
    }
  }
  for (std::size_t p = 0; p < gradients[0].size(); ++p) {
    double worst = 0.0, largest = 0.0;
    for (std::size_t i = 0; i < gradients[0][p].size(); ++i) {
      worst = std::max(worst, std::abs(gradients[0][p][i] - gradients[1][p][i]));
      largest = std::max(largest, std::abs(gradients[1][p][i]));
    }
    CHECK(largest > 0.0);
    CHECK(worst <= 1e-4 * largest);
  }
}

TEST_CASE("one's own nodes have the same bits for any tile and any number of threads") {
  for (const ElementType type : {ElementType::f32, ElementType::f64}) {
    const auto run = [&](int tile, int threads) {
      ThreadPool pool(threads);
      Tape tape({.type = type, .sample_rate = 44100.0, .tile = tile, .executor = &pool});
      const Var y = record_all(tape);
      tape.play({y});
      tape.rewind(y);
      std::vector<Bits> bits{bits_of("y", tape.value(y))};
      for (const Var p : tape.parameters()) bits.push_back(bits_of(tape.name(p), tape.gradient(p)));
      return bits;
    };
    const std::vector<Bits> expected = run(512, 1);
    for (const int tile : {0, 128, 1024})
      for (const int threads : {1, 3}) CHECK(first_difference(run(tile, threads), expected) == "");
  }
}

TEST_CASE("an adjoint that reads the output gets it, whether the node says so or not") {
  for (const bool is_signal : {true, false}) {
    Tape tape({.type = ElementType::f64});
    const Var x = tape.parameter("x", is_signal ? wave(Shape{2, length}, 1.0, 0.1) : Tensor(0.7));
    const Var loss = sum(pointwise(Squash{}, x * 1.0) * 1.0);
    tape.play({loss});
    tape.rewind(loss);
    double worst = 0.0;
    for (std::int64_t i = 0; i < x.shape().elements(); ++i) {
      const double y = std::tanh(tape.value(x).at(i));
      worst = std::max(worst, std::abs(tape.gradient(x).at(i) - (1.0 - y * y)));
    }
    CHECK(worst < 1e-14);
  }
}

TEST_CASE("a node derived from one of one's own computes what it says itself") {
  Tape tape({.type = ElementType::f64, .length = length});
  const Var x = tape.parameter("x", wave(Shape{length}, 1.0, 0.1)), y = pointwise(Halved{}, x), loss = sum(y);
  tape.play({y, loss});
  tape.rewind(loss);
  for (const std::int64_t i : {0, 1, 700}) {
    CHECK(tape.value(y).at(i) == 0.5 * tape.value(x).at(i));
    CHECK(tape.gradient(x).at(i) == 0.5);
  }
}

TEST_CASE("one's own nodes are fused with the library's into one stage") {
  Tape tape({.sample_rate = 44100.0});
  const std::vector<Var> outputs{sum_over_time(record_all(tape))};
  const std::string text = tape.describe_plan(outputs);
  INFO(text);
  const std::size_t at = text.find("one_pole");
  REQUIRE(at != std::string::npos);
  const std::string line = text.substr(text.rfind('\n', at) + 1, text.find('\n', at) - text.rfind('\n', at));
  for (const char* name : {"phase", "triangle", "one_pole", "saturate", "echo", "sum_over_time"})
    CHECK(line.find(name) != std::string::npos);
}
