// What reads earlier samples, beside loops over samples: a delay that is constant, one that moves, and eight lines that feed
// one another.
#include <retrograd/nodes/all.hpp>

#include <array>
#include <cmath>
#include <memory>
#include <vector>

#include "rows.hpp"
#include "synth.hpp"
#include "timing.hpp"

namespace retrograd::tool {
namespace {

constexpr std::int64_t rows_at_once = 16, length = bench_sample_rate;
constexpr double samples_in_all = static_cast<double>(rows_at_once * length);

// A tape of one value made of noise, and the noise that its gradient begins with.
class Played {
 public:
  using Record = Var (*)(Tape& tape, Var x);

  Played(Record record, bool has_gradients)
      : tape_({.sample_rate = static_cast<double>(bench_sample_rate), .length = length}),
        seed_(Shape{rows_at_once, length}, ElementType::f32) {
    seed_.assign(noise(seed_.shape()));
    const Var x = tape_.parameter("x", noise(Shape{rows_at_once, length}));
    y_ = record(tape_, x);
    if (!has_gradients)
      for (const Var parameter : tape_.parameters()) tape_.freeze(parameter);
  }
  void forward() { tape_.play({y_}); }
  void forward_and_backward() {
    tape_.play({y_});
    tape_.rewind(y_, seed_);
  }

 private:
  Tape tape_;
  Tensor seed_;
  Var y_;
};

Var constant_delay(Tape& tape, Var x) { return delay(x, tape.constant(0.0123), {.longest = 0.1}); }

Tensor moving_times() {
  Tensor times(Shape{rows_at_once, length}, ElementType::f32);
  std::size_t i = 0;
  for (float& time : times.as<float>()) {
    const double phase = 0.0004 * static_cast<double>(i++ % static_cast<std::size_t>(length));
    time = static_cast<float>(0.02 + 0.005 * std::sin(phase));
  }
  return times;
}

Var moving_delay(Tape& tape, Var x) {
  return delay(x, tape.parameter("time", moving_times()),
               {.longest = 0.1, .interpolation = Interpolation::cubic});
}

// Eight lines of 25 to 60 ms, mixed by a Householder reflection.
constexpr std::array<double, 8> line_seconds = {0.0253, 0.0293, 0.0337, 0.0379,
                                                0.0431, 0.0479, 0.0533, 0.0597};

Var eight_lines(Tape& tape, Var x) {
  const Var gain = tape.parameter("gain", 0.9);
  std::vector<Feedback> loops;
  std::vector<Var> late;
  for (const double seconds : line_seconds) {
    loops.push_back(tape.feedback(x.shape(), 1024));
    late.push_back(delay(loops.back().value, tape.constant(seconds), {.longest = 0.06}));
  }
  Var sum = late[0];
  for (std::size_t i = 1; i < late.size(); ++i) sum = sum + late[i];
  const Var mixed = x - gain * 0.25 * sum;
  for (std::size_t i = 0; i < late.size(); ++i) tape.close(loops[i], mixed + gain * late[i]);
  return sum;
}

// The same three, a row and a sample at a time.
class Loop {
 public:
  Loop() : x_(samples(1)), y_(x_.size()), times_(moving_times()) {}

  void constant_delay() {
    const double d = 0.0123 * bench_sample_rate;
    const auto k = static_cast<std::int64_t>(d);
    const auto t = static_cast<float>(d - static_cast<double>(k));
    for_rows([&](const float* x, float* y, std::int64_t) {
      for (std::int64_t n = 0; n < length; ++n) {
        const float a = n < k ? 0.0f : x[n - k], b = n < k + 1 ? 0.0f : x[n - k - 1];
        y[n] = a + t * (b - a);
      }
    });
  }
  void moving_delay() {
    for_rows([&](const float* x, float* y, std::int64_t row) {
      const float* times = times_.as<float>().data() + row * length;
      for (std::int64_t n = 0; n < length; ++n) {
        const float d = times[n] * static_cast<float>(bench_sample_rate);
        const auto k = static_cast<std::int64_t>(d);
        const float t = d - static_cast<float>(k);
        const auto at = [&](std::int64_t m) { return m < 0 ? 0.0f : x[m]; };
        const float p0 = at(n - k + 1), p1 = at(n - k), p2 = at(n - k - 1), p3 = at(n - k - 2);
        y[n] =
            p1 + 0.5f * t * (p2 - p0 + t * (2 * p0 - 5 * p1 + 4 * p2 - p3 + t * (3 * (p1 - p2) + p3 - p0)));
      }
    });
  }
  void eight_lines() {
    std::vector<std::vector<float>> lines(line_seconds.size());
    for_rows([&](const float* x, float* y, std::int64_t) {
      std::array<std::size_t, 8> at{};
      for (std::size_t i = 0; i < lines.size(); ++i)
        lines[i].assign(static_cast<std::size_t>(line_seconds[i] * bench_sample_rate), 0.0f);
      for (std::int64_t n = 0; n < length; ++n) {
        float sum = 0.0f;
        for (std::size_t i = 0; i < lines.size(); ++i) sum += lines[i][at[i]];
        const float mixed = x[n] - 0.9f * 0.25f * sum;
        for (std::size_t i = 0; i < lines.size(); ++i) {
          lines[i][at[i]] = mixed + 0.9f * lines[i][at[i]];
          if (++at[i] == lines[i].size()) at[i] = 0;
        }
        y[n] = sum;
      }
    });
  }

 private:
  static std::vector<float> samples(float scale) {
    const Tensor drawn = noise(Shape{rows_at_once, length});
    std::vector<float> x;
    for (std::int64_t i = 0; i < drawn.shape().elements(); ++i)
      x.push_back(scale * static_cast<float>(drawn.view().at(i)));
    return x;
  }
  template <class Row>
  void for_rows(const Row& row) {
    for (std::int64_t r = 0; r < rows_at_once; ++r) row(x_.data() + r * length, y_.data() + r * length, r);
  }

  std::vector<float> x_, y_;
  Tensor times_;
};

void add_rows(Rows& rows, const std::string& what, Played::Record record, void (Loop::*by_hand)(),
              double forward, double both) {
  const std::string name = what + ", 16 rows x 1 s, 1 thread, ", unit = "ns per sample";
  rows.push_back({name + "forward", unit, at_most(forward), [=] {
                    Played played(record, false);
                    return nanoseconds([&] { played.forward(); }) / samples_in_all;
                  }});
  rows.push_back({name + "forward + backward", unit, at_most(both), [=] {
                    Played played(record, true);
                    return nanoseconds([&] { played.forward_and_backward(); }) / samples_in_all;
                  }});
  rows.push_back({name + "forward, a loop over samples", unit, no_goal, [=] {
                    Loop loop;
                    return nanoseconds([&] { (loop.*by_hand)(); }) / samples_in_all;
                  }});
}

}  // namespace

void add_delay_rows(Rows& rows) {
  add_rows(rows, "delay", &constant_delay, &Loop::constant_delay, 0.4, 1.0);
  add_rows(rows, "cubic_delay that moves", &moving_delay, &Loop::moving_delay, 2.0, 7.0);
  add_rows(rows, "feedback delay network of 8 lines", &eight_lines, &Loop::eight_lines, 8.0, 24.0);
}

}  // namespace retrograd::tool
