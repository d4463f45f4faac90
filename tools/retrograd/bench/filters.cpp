// Filters: linear recurrences over blocks in lanes, beside loops sample by sample, written by hand, and SciPy's.
#include <retrograd/nodes/arithmetic.hpp>
#include <retrograd/nodes/biquad.hpp>
#include <retrograd/nodes/one_pole.hpp>
#include <retrograd/nodes/state_variable.hpp>

#include <cmath>
#include <cstdlib>
#include <numbers>

#include "python.hpp"
#include "rows.hpp"
#include "synth.hpp"
#include "timing.hpp"

namespace retrograd::tool {
namespace {

constexpr double rate = static_cast<double>(bench_sample_rate);

enum class Which { state_variable, biquad, one_pole };

// A filter of a sound that has a gradient; the state-variable filter's g varies over time and has one too, what is constant
// has one.
struct Filtered {
  Tape tape;
  Var y;
  Tensor seed;
  Filtered(Which which, std::int64_t rows, ElementType type = ElementType::f32)
      : tape({.type = type, .sample_rate = rate}), seed(noise(Shape{rows, bench_sample_rate}).to(type)) {
    const Var x = tape.parameter("x", noise(Shape{rows, bench_sample_rate}));
    switch (which) {
      case Which::state_variable: {
        // As a cutoff of 1 kHz that moves up and down by an octave gives it.
        Tensor g(Shape{rows, bench_sample_rate});
        for (std::int64_t n = 0; n < g.shape().elements(); ++n)
          g.as<double>()[static_cast<std::size_t>(n)] =
              std::tan(std::numbers::pi * 1000.0 * std::exp2(std::sin(0.02 * static_cast<double>(n))) / rate);
        const Var k = tape.parameter("k", 0.7), zero = tape.constant(0.0), one = tape.constant(1.0);
        y = detail::record_recurrence(StateVariableFilter(), x, tape.parameter("g", g), k, zero, zero, one);
        break;
      }
      case Which::biquad:
        y = biquad(x, {tape.parameter("b0", 0.2), tape.parameter("b1", 0.3), tape.parameter("b2", 0.1),
                       tape.parameter("a1", -0.6), tape.parameter("a2", 0.2)});
        break;
      case Which::one_pole:
        y = one_pole_low(x, tape.parameter("cutoff", 1000.0));
        break;
    }
  }
  double samples() const { return static_cast<double>(y.shape().elements()); }
  void forward() { tape.play({y}); }
  void forward_and_backward() {
    forward();
    tape.rewind(y, seed);
  }
};

void add(Rows& rows, const std::string& what, Which which, std::int64_t count, double forward, double both) {
  const std::string name =
      what + ", " + std::to_string(count) + (count == 1 ? " row" : " rows") + " x 1 s, 1 thread, ";
  rows.push_back({name + "forward", "ns per sample", at_most(forward), [=] {
                    Filtered filter(which, count);
                    return nanoseconds([&] { filter.forward(); }) / filter.samples();
                  }});
  rows.push_back({name + "forward + backward", "ns per sample", at_most(both), [=] {
                    Filtered filter(which, count);
                    return nanoseconds([&] { filter.forward_and_backward(); }) / filter.samples();
                  }});
}

// How many times faster the tape is than the same filter as a loop sample by sample.
double over_loop() {
  Filtered filter(Which::state_variable, 1);
  filter.forward();
  const auto x = filter.tape.value(filter.tape.find("x")).as<float>(),
             g = filter.tape.value(filter.tape.find("g")).as<float>();
  std::vector<float> y(x.size());
  const auto loop = [&] {
    float s1 = 0.0f, s2 = 0.0f;
    for (std::size_t n = 0; n < y.size(); ++n) {
      const float v1 = (s1 + g[n] * (x[n] - s2)) / (1.0f + g[n] * (g[n] + 0.7f)), v2 = s2 + g[n] * v1;
      s1 = 2.0f * v1 - s1;
      s2 = 2.0f * v2 - s2;
      y[n] = v2;
    }
  };
  return compare(loop, [&] { filter.forward(); }).ratio;
}

constexpr const char* scipy_script = R"(
import sys, time
try:
    import numpy, scipy.signal
except ImportError:
    sys.exit(3)
x = numpy.random.default_rng(1).standard_normal((16, 44100))
times = []
for _ in range(15):
    start = time.perf_counter()
    scipy.signal.lfilter([0.2, 0.3, 0.1], [1.0, -0.6, 0.2], x)
    times.append(time.perf_counter() - start)
print(sorted(times)[7] * 1e9)
)";

double over_scipy(const std::string& python) {
  const PythonResult result = run_python(python, scipy_script, "");
  if (result.exit_code == 127) throw LeftOut{"there is no " + python + " to compare with SciPy"};
  if (result.exit_code == 3) throw LeftOut{python + " has no SciPy to compare with"};
  const double theirs = std::strtod(result.out.c_str(), nullptr);
  if (result.exit_code != 0 || !(theirs > 0.0)) throw LeftOut{"SciPy's filter does not run with " + python};
  Filtered filter(Which::biquad, 16, ElementType::f64);
  return theirs / nanoseconds([&] { filter.forward(); });
}

}  // namespace

void add_filter_rows(Rows& rows, const BenchOptions& options) {
  for (const std::int64_t count : {16, 1})
    add(rows, "state-variable filter, its cutoff varies", Which::state_variable, count, 1.5, 5.0);
  add(rows, "biquad of constant coefficients", Which::biquad, 16, 0.8, 2.5);
  add(rows, "one pole of constant cutoff", Which::one_pole, 16, 0.6, 2.0);
  rows.push_back({"state-variable filter, its cutoff varies, 1 row, over a loop sample by sample, forward",
                  "times as fast", no_goal, over_loop});
  rows.push_back({"biquad of constant coefficients, 16 rows, f64, over scipy.signal.lfilter", "times as fast",
                  at_least(3.0), [=] { return over_scipy(options.python); }});
}

}  // namespace retrograd::tool
