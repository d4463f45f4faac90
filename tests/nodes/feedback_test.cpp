// Loops, against loops over samples in double; of any length down to one sample.
#include <doctest/doctest.h>

#include <retrograd/backends/cpu/own_node.hpp>
#include <retrograd/nodes/all.hpp>
#include <retrograd/tensor/errors.hpp>

#include <cmath>
#include <functional>
#include <random>
#include <string>
#include <vector>

using namespace retrograd;

namespace {

using Row = std::vector<double>;

Row noise(std::int64_t count, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<double> normal;
  Row row(static_cast<std::size_t>(count));
  for (double& x : row) x = normal(random);
  return row;
}
Tensor tensor_of(const Row& row) { return Tensor(std::span<const double>(row)); }
Row row_of(const TensorView& view) {
  Row row;
  for (std::int64_t i = 0; i < view.shape.elements(); ++i) row.push_back(view.at(i));
  return row;
}
void append(Row& all, const Row& more) { all.insert(all.end(), more.begin(), more.end()); }

constexpr std::int64_t length = 1300;

// y[n] = x[n] + g tanh(y at n - d), d in samples; its own lowpass through a second loop.
struct Loop {
  double gain, delay;
  std::int64_t least;
  Interpolation interpolation = Interpolation::linear;
};

Row by_definition(const Loop& loop, const Row& x) {
  const auto at = [](const Row& y, std::int64_t n) { return n < 0 ? 0.0 : y[static_cast<std::size_t>(n)]; };
  Row y(x.size());
  for (std::int64_t n = 0; n < static_cast<std::int64_t>(x.size()); ++n) {
    const auto k = static_cast<std::int64_t>(std::floor(loop.delay));
    const double t = loop.delay - static_cast<double>(k);
    double late = (1 - t) * at(y, n - k) + t * at(y, n - k - 1);
    if (loop.interpolation == Interpolation::cubic) {
      const double p0 = at(y, n - k + 1), p1 = at(y, n - k), p2 = at(y, n - k - 1), p3 = at(y, n - k - 2);
      late = p1 + 0.5 * t * (p2 - p0 + t * (2 * p0 - 5 * p1 + 4 * p2 - p3 + t * (3 * (p1 - p2) + p3 - p0)));
    }
    y[static_cast<std::size_t>(n)] = x[static_cast<std::size_t>(n)] + loop.gain * std::tanh(late);
  }
  return y;
}

struct Played {
  Row y, gradients;
};

// The same on a tape, three rows of it with other gains, and the gradients of all.
Played on_tape(const Loop& loop, const Row& x, const TapeOptions& options, bool is_trained,
               bool is_linear = false) {
  Tape tape(options);
  const Var in = tape.parameter("x", tensor_of(x));
  const Var gain =
      tape.parameter("gain", Tensor{loop.gain, 0.5 * loop.gain, -loop.gain}.reshaped(Shape{3, 1}));
  const Var time = tape.parameter("time", loop.delay);
  if (!is_trained)
    for (const Var parameter : tape.parameters()) tape.freeze(parameter);
  if (is_linear) {
    tape.freeze(gain);
    tape.freeze(time);
  }
  const Feedback around =
      tape.feedback(Shape{3, x.size() > 0 ? static_cast<std::int64_t>(x.size()) : 1}, loop.least);
  const Var late = delay(around.value, time, {.longest = 400.0, .interpolation = loop.interpolation});
  const Var y = in + gain * (is_linear ? late : tanh(late));
  tape.close(around, y);
  const Var loss = sum(y * tape.constant(tensor_of(noise(static_cast<std::int64_t>(x.size()), 77))));
  tape.play({y, loss});
  Played played{row_of(tape.value(y)), {}};
  if (is_trained) {
    tape.rewind(loss);
    for (const Var parameter : tape.parameters())
      if (!tape.is_frozen(parameter)) append(played.gradients, row_of(tape.gradient(parameter)));
  }
  return played;
}

const std::vector<Loop> loops = {{0.7, 300.25, 256},
                                 {0.7, 300.25, 300},
                                 {0.6, 131.5, 128},
                                 {0.7, 140.0, 100},
                                 {0.5, 100.75, 48},
                                 {0.8, 17.5, 17},
                                 {0.8, 17.5, 16},
                                 {0.9, 12.25, 12},
                                 {0.7, 5.0, 5},
                                 {0.6, 1.0, 1},
                                 {0.9, 1.5, 1},
                                 {0.7, 33.3, 31, Interpolation::cubic},
                                 {0.6, 2.25, 1, Interpolation::cubic},
                                 {0.8, 200.7, 130, Interpolation::cubic}};

std::string message_of(const std::function<void()>& run) {
  try {
    run();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

struct Smooth : OwnCausal<Smooth, 1> {
  static constexpr const char* name = "smooth";
  template <class T>
  struct State {
    T y{};
  };
  template <class T>
  T forward(State<T>& s, T x) const {
    return s.y = T(0.5) * s.y + T(0.5) * x;
  }
  template <class T>
  std::array<T, 1> adjoint(State<T>& gs, const State<T>&, T gy, T) const {
    const T g = gy + gs.y;
    gs.y = T(0.5) * g;
    return {T(0.5) * g};
  }
};

}  // namespace

TEST_CASE("a loop of any length is the loop over samples") {
  const Row x = noise(length, 1);
  for (const Loop& loop : loops)
    for (const bool is_trained : {false, true}) {
      INFO("delay " << loop.delay << ", least " << loop.least << (is_trained ? ", trained" : ""));
      const Played played = on_tape(loop, x, {.type = ElementType::f64}, is_trained);
      for (int row = 0; row < 3; ++row) {
        const double gains[] = {loop.gain, 0.5 * loop.gain, -loop.gain};
        Loop of_row = loop;
        of_row.gain = gains[row];
        const Row expected = by_definition(of_row, x);
        double worst = 0.0;
        for (std::size_t n = 0; n < x.size(); ++n)
          worst =
              std::max(worst, std::abs(expected[n] - played.y[static_cast<std::size_t>(row) * x.size() + n]));
        CHECK(worst < 1e-11);
      }
    }
}

TEST_CASE("a loop's gradient is its slope: of what goes in, of the part that goes round and of the time") {
  const Row x = noise(length, 2), weights = noise(length, 77);
  const auto loss_of = [&](const Loop& loop, const Row& in) {
    double sum = 0.0;
    for (const double gain : {loop.gain, 0.5 * loop.gain, -loop.gain}) {
      Loop of_row = loop;
      of_row.gain = gain;
      const Row y = by_definition(of_row, in);
      for (std::size_t n = 0; n < y.size(); ++n) sum += y[n] * weights[n];
    }
    return sum;
  };
  for (const Loop& loop : loops) {
    INFO("delay " << loop.delay << ", least " << loop.least);
    const Played played = on_tape(loop, x, {.type = ElementType::f64}, true);
    const double h = 1e-6;
    const auto check = [&](double slope, double gradient) {
      CHECK(std::abs(slope - gradient) < 1e-6 * (1.0 + std::abs(slope)));
    };
    Loop high = loop, low = loop;
    high.gain += h;
    low.gain -= h;
    const double* of_gain = played.gradients.data() + length;
    check((loss_of(high, x) - loss_of(low, x)) / (2 * h), of_gain[0] + 0.5 * of_gain[1] - of_gain[2]);
    if (loop.delay != std::floor(loop.delay) || loop.interpolation == Interpolation::cubic) {
      high = low = loop;
      high.delay += h;
      low.delay -= h;
      check((loss_of(high, x) - loss_of(low, x)) / (2 * h), of_gain[3]);
    }
    for (const std::size_t n :
         {std::size_t(0), std::size_t(130), std::size_t(700), std::size_t(length - 1)}) {
      Row up = x, down = x;
      up[n] += h;
      down[n] -= h;
      check((loss_of(loop, up) - loss_of(loop, down)) / (2 * h), played.gradients[n]);
    }
  }
}

TEST_CASE(
    "a loop's bits do not depend on tiles, on threads, on its least delay or on whether its signal is kept") {
  const Row x = noise(length, 3);
  for (const Interpolation interpolation : {Interpolation::linear, Interpolation::cubic})
    for (const bool is_linear : {false, true}) {
      const auto run = [&](std::int64_t least, int tile, int threads, bool is_trained) {
        ThreadPool pool(threads);
        return on_tape({0.7, 150.3, least, interpolation}, x, {.tile = tile, .executor = &pool}, is_trained,
                       is_linear);
      };
      const Played expected = run(128, 128, 1, true);
      for (const std::int64_t least : {1, 7, 16, 40, 100, 128, 149})
        for (const int tile : {0, 128, 512}) {
          INFO("least " << least << ", tile " << tile << (is_linear ? ", linear" : ""));
          const Played played = run(least, tile, tile == 0 ? 3 : 1, true);
          CHECK(played.y == expected.y);
          CHECK(played.gradients == expected.gradients);
          CHECK(run(least, tile, 1, false).y == expected.y);
        }
    }
}

TEST_CASE("loops cross, and go through one another, before and behind what is in no loop") {
  // Two lines whose ends are mixed into both, a node with a state in a long loop, and a loop that reads a loop.
  const Row x = noise(length, 4);
  const auto at = [](const Row& y, std::int64_t n) { return n < 0 ? 0.0 : y[static_cast<std::size_t>(n)]; };
  for (const std::int64_t most : {150, 20}) {
    const std::int64_t da = most, db = most + 37, dc = 3;
    const auto expected = [&](double gain) {
      Row a(x.size()), b(x.size()), c(x.size());
      for (std::int64_t n = 0; n < length; ++n) {
        const auto i = static_cast<std::size_t>(n);
        const double la = at(a, n - da), lb = at(b, n - db), in = std::sin(x[i]);
        a[i] = in + gain * (la + lb);
        b[i] = in * 0.5 + gain * (la - lb);
        c[i] = a[i] * b[i] + 0.5 * at(c, n - dc);
      }
      return c;
    };
    Tape tape({.type = ElementType::f64});
    const Var in = tape.input("x", tensor_of(x)), gain = tape.parameter("gain", 0.6), dry = sin(in);
    const Feedback fa = tape.feedback(in.shape(), most), fb = tape.feedback(in.shape(), most),
                   fc = tape.feedback(in.shape(), 2);
    const Var la = delay(fa.value, tape.constant(double(da)), {.longest = 400.0});
    const Var lb = delay(fb.value, tape.constant(double(db)), {.longest = 400.0});
    const Var half = dry * 0.5;
    const Var a = dry + gain * (la + lb), b = half + gain * (la - lb);
    tape.close(fb, b);
    tape.close(fa, a);
    const Var c = a * b + 0.5 * delay(fc.value, tape.constant(double(dc)), {.longest = 9.0});
    tape.close(fc, c);
    const Var loss = sum(c * c);
    tape.play({c, loss});
    const Row wanted = expected(0.6);
    double worst = 0.0;
    for (std::size_t n = 0; n < wanted.size(); ++n)
      worst = std::max(worst, std::abs(wanted[n] - tape.value(c).at(static_cast<std::int64_t>(n))));
    CHECK(worst < 1e-9);
    tape.rewind(loss);
    const auto loss_of = [&](double g) {
      double sum = 0.0;
      for (const double y : expected(g)) sum += y * y;
      return sum;
    };
    const double slope = (loss_of(0.6 + 1e-6) - loss_of(0.6 - 1e-6)) / 2e-6;
    CHECK(std::abs(slope - tape.gradient(gain).item()) < 1e-6 * std::abs(slope));
  }
}

TEST_CASE("a loop may hold nodes with a state, as short as they go; shorter it refuses them by name") {
  const Row x = noise(length, 5);
  using Filter = Var (*)(Var);
  const Filter by_sample = [](Var late) { return causal(Smooth{}, late); };
  const Filter by_block = [](Var late) { return one_pole_low(late, constant(late.tape(), 0.8)); };
  const auto record = [&](Tape& tape, double samples, std::int64_t least, Filter filter) {
    const Var in = tape.input("x", tensor_of(x)), gain = tape.parameter("gain", 0.8);
    const Feedback loop = tape.feedback(in.shape(), least);
    const Var late = delay(loop.value, tape.constant(samples), {.longest = 300.0});
    const Var y = in + gain * tanh(filter(late) + 0.1 * filter(late * late));
    tape.close(loop, y);
    return sum(y * y);
  };
  // The same loop in parts of any size, and as slow as it can be.
  const auto run = [&](double samples, std::int64_t least, Filter filter, ElementType type, int tile) {
    Tape tape({.type = type, .tile = tile});
    const Var loss = record(tape, samples, least, filter);
    tape.play({loss});
    tape.rewind(loss);
    return std::pair(tape.value(loss).item(), tape.gradient(tape.find("gain")).item());
  };
  for (const Filter filter : {by_sample, by_block})
    for (const ElementType type : {ElementType::f32, ElementType::f64}) {
      const auto expected = run(150.25, 128, filter, type, 128);
      for (const std::int64_t least : {150, 100, 48, 16, 9, 1})
        for (const int tile : {0, 128, 512})
          if (least >= 16 || filter == by_sample) CHECK(run(150.25, least, filter, type, tile) == expected);
    }
  const auto loss_of = [&](double gain, std::size_t delay) {
    Row y(x.size());
    double first = 0.0, second = 0.0, sum = 0.0;
    for (std::size_t n = 0; n < y.size(); ++n) {
      const double late = n < delay ? 0.0 : y[n - delay];
      first = 0.5 * first + 0.5 * late;
      second = 0.5 * second + 0.5 * late * late;
      y[n] = x[n] + gain * std::tanh(first + 0.1 * second);
      sum += y[n] * y[n];
    }
    return sum;
  };
  for (const std::size_t delay : {1, 3, 20, 140}) {
    const auto [loss, slope] = run(double(delay), std::int64_t(delay), by_sample, ElementType::f64, 0);
    CHECK(std::abs(loss - loss_of(0.8, delay)) < 1e-9 * loss);
    const double expected = (loss_of(0.8 + 1e-6, delay) - loss_of(0.8 - 1e-6, delay)) / 2e-6;
    CHECK(std::abs(slope - expected) < 1e-6 * std::abs(expected));
  }
  Tape shorter, tiles;
  const Var of_shorter = record(shorter, 200.0, 15, by_block);
  CHECK(message_of([&] { shorter.play({of_shorter}); }) ==
        "[play] a loop of 15 samples passes through 'one_pole' of shape (1300), which goes 16 samples at a "
        "time: "
        "every delay in the loop must be as long");
  const Var of_tiles = record(tiles, 200.0, 127, [](Var late) { return cumulative_sum(late); });
  CHECK(message_of([&] { tiles.play({of_tiles}); }) ==
        "[play] a loop of 127 samples passes through 'cumulative_sum' of shape (1300), which goes 128 "
        "samples at a "
        "time: every delay in the loop must be as long");
}

TEST_CASE("what goes round dies away to zero, and is nowhere denormal") {
  Row x(2000);
  x[0] = 1.0;
  for (const Loop& loop :
       {Loop{0.5, 3.0, 3}, Loop{0.3, 17.5, 16, Interpolation::cubic}, Loop{0.001, 140.0, 128}}) {
    const Played played = on_tape(loop, x, {}, true);
    for (const Row* row : {&played.y, &played.gradients})
      for (const double y : *row) CHECK((y == 0.0 || std::abs(y) >= 0x1p-126));
    CHECK(std::all_of(played.y.begin() + 1990, played.y.begin() + 2000, [](double y) { return y == 0.0; }));
  }
}

TEST_CASE("a loop that cannot be is refused by name") {
  Tape tape({.sample_rate = 1000.0, .length = 64});
  const Var x = tape.input("x", Tensor(Shape{2, 64})), one = tape.input("one", Tensor(Shape{64}));
  const Feedback loop = tape.feedback(x.shape(), 16);
  CHECK(message_of([&] { loop.value + x; }) ==
        "[add] reads the value of a loop, which is not computed yet; it goes through a delay first: "
        "delay(loop.value, ...)");
  CHECK(message_of([&] { delay(loop.value, tape.constant(0.015), {.longest = 1.0}); }) ==
        "[delay] a delay of 0.015 s is too short for its loop, whose delays are 0.016 s or longer: "
        "tape.feedback(shape, 16)");
  CHECK(message_of([&] {
          delay(loop.value, tape.constant(0.016), {.longest = 1.0, .interpolation = Interpolation::cubic});
        }) ==
        "[cubic_delay] a delay of 0.016 s is too short for its loop, whose delays are 0.017 s or longer: "
        "tape.feedback(shape, 16)");
  CHECK(message_of([&] { delay(loop.value, tape.constant(0.01), {.longest = 0.01}); }) ==
        "[delay] the longest delay is 0.01 s, and must be from 0.016 to 67108.9 s (67108864 samples)");
  const Var late = delay(loop.value, tape.constant(0.02), {.longest = 1.0});
  const Var y = x + late;
  CHECK(message_of([&] { tape.play({y}); }) ==
        "[play] a loop of shape (2, 64) was never closed: tape.close(loop, y) says what goes round");
  CHECK(message_of([&] { tape.close(loop, delay(one, tape.constant(0.0), {.longest = 1.0})); }) ==
        "[close] the loop has the shape (2, 64) and is closed with 'delay' of shape (64)");
  CHECK(message_of([&] { tape.close(loop, x); }) ==
        "[close] a loop is closed with what is computed from it; this is an input or a parameter");
  CHECK(message_of([&] { tape.close({late}, y); }) ==
        "[close] the output of 'delay' is no loop's value; loops come from tape.feedback");
  tape.close(loop, y);
  CHECK(message_of([&] { tape.close(loop, y); }) ==
        "[close] the loop was closed already, with the output of 'add'; a loop is closed once");
  tape.play({y});
  CHECK(message_of([&] { tape.play({loop.value}); }) ==
        "[play] a loop's value is what it was closed with; name that as an output");
  CHECK(message_of([&] { tape.feedback(x.shape(), 0); }) ==
        "[feedback] a least delay of 0 samples; what goes round is delayed by 1 sample at least");
  CHECK(message_of([&] {
          tape.feedback(Shape{2, 1}, 1);
        }) == "[feedback] a loop of shape (2, 1); what goes round is a signal, of more than one sample");
  const Feedback mixed = tape.feedback(Shape{64}, 16);
  const Var sums = mix(x + delay(mixed.value, tape.constant(0.02), {.longest = 1.0}));
  tape.close(mixed, sums);
  CHECK(message_of([&] { tape.play({sums}); }) ==
        "[play] a loop passes through 'mix' of shape (64), a sum over rows; in a loop are nodes that go from "
        "sample "
        "to sample");
}
