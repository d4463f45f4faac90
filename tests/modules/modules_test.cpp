// Each module against its formula, written once more in double.
#include <doctest/doctest.h>

#include "../nodes/adsr_reference.hpp"

#include <retrograd/gradcheck/parameter_check.hpp>
#include <retrograd/nodes/arithmetic.hpp>
#include <retrograd/nodes/square.hpp>
#include <retrograd/nodes/sum_over_rows.hpp>
#include <retrograd/racks/record.hpp>

#include <algorithm>
#include <cmath>
#include <functional>
#include <numbers>
#include <string>
#include <vector>

using namespace retrograd;

namespace {

constexpr double two_pi = 2.0 * std::numbers::pi;
constexpr double rate = 8000.0;
constexpr int length = 640;
const ModuleList modules;

using Samples = std::vector<double>;
using Formula = std::function<double(int)>;

// One module named "it"; what is plugged into it are sines of 100 Hz, 200 Hz and so on, sources 0, 1, ...
struct Bench {
  Rack rack;
  explicit Bench(const std::string& type, StructureValues structure = {}) {
    rack.sample_rate = rate;
    rack.duration = length / rate;
    rack.note = {.frequency = 220.0, .gate = {{0.0, 0.03}, {0.04, 0.06}}};
    rack.modules = {make_module("it", *modules.find(type), std::move(structure))};
    rack.outputs = {"it.out"};
  }
  Bench& set(const std::string& parameter, double value) {
    find_parameter(rack, "it." + parameter).value = value;
    return *this;
  }
  Bench& plug(int source, const std::string& place, double amount = 1.0) {
    const std::string name = "s" + std::to_string(source);
    if (std::ranges::none_of(rack.modules, [&](const Module& module) { return module.name == name; })) {
      rack.modules.push_back(make_module(name, *modules.find("oscillator"), {0, 1}));
      rack.modules.back().values = {100.0 * (source + 1)};
    }
    rack.cables.push_back({name + ".out", "it." + place, amount});
    return *this;
  }
};

double source(int number, int n) {
  return std::sin(two_pi * std::fmod(100.0 * (number + 1) * n / rate, 1.0));
}

void check(const Bench& bench, const Formula& formula) {
  Tape tape({.type = ElementType::f64, .sample_rate = rate, .length = length});
  const RecordedRack recorded = record(tape, bench.rack);
  const Var loss = mean_over_time(square(recorded.audio - 0.1));
  tape.play({recorded.audio, loss});
  double worst = 0.0;
  for (int n = 0; n < length; ++n) {
    const double difference = std::abs(tape.value(recorded.audio).at(n) - formula(n));
    worst = difference <= worst ? worst : difference;
  }
  CHECK(worst < 1e-9);
  for (const ParameterReport& report : check_parameters(tape, loss)) {
    CAPTURE(report.name);
    CAPTURE(report.analytic);
    CAPTURE(report.numeric);
    CHECK(report.agreement == Agreement::agrees);
  }
}

// sin of the phase that these frequencies have come to, and what is added to it.
Formula wave(const Formula& hertz, const Formula& radians) {
  Samples samples;
  double turns = 0.0;
  for (int n = 0; n < length; ++n) {
    samples.push_back(std::sin(two_pi * (turns - std::floor(turns)) + radians(n)));
    turns += hertz(n) / rate;
  }
  return [samples](int n) { return samples[static_cast<std::size_t>(n)]; };
}

Formula number(double value) {
  return [value](int) { return value; };
}

Samples note_gate() {
  Samples gate(length, 0.0);
  std::fill(gate.begin(), gate.begin() + 240, 1.0);
  std::fill(gate.begin() + 320, gate.begin() + 480, 1.0);
  return gate;
}

Formula envelope(const Samples& gate, double attack, double decay, double sustain, double release) {
  const Samples level = adsr_reference(gate, attack * rate, decay * rate, sustain, release * rate);
  return [level](int n) { return level[static_cast<std::size_t>(n)]; };
}

}  // namespace

TEST_CASE("oscillator: a sine at the note's pitch times a ratio, its phase moved") {
  check(Bench("oscillator").set("ratio", 1.5), wave(number(330.0), number(0.0)));
  check(Bench("oscillator").plug(0, "phase"), wave(number(220.0), [](int n) { return source(0, n); }));
  check(
      Bench("oscillator").set("ratio", 1.25).plug(1, "ratio", 0.5).plug(0, "phase"),
      wave([](int n) { return 275.0 * std::exp2(0.5 * source(1, n)); }, [](int n) { return source(0, n); }));
}

TEST_CASE("oscillator: its pitch may be plugged in, in Hz") {
  Bench bench("oscillator");
  bench.set("ratio", 0.5);
  bench.rack.modules.push_back(make_module("pitch", *modules.find("constant")));
  bench.rack.modules.back().values = {500.0};
  bench.rack.cables.push_back({"pitch.out", "it.hertz"});
  check(bench, wave(number(250.0), number(0.0)));
}

TEST_CASE("oscillator: free, at a frequency of its own, whatever the note") {
  check(Bench("oscillator", {0, 1}).set("frequency", 123.0), wave(number(123.0), number(0.0)));
  check(Bench("oscillator", {0, 1})
            .set("frequency", 123.0)
            .plug(0, "frequency", 1.5)
            .plug(1, "frequency", -0.25),
        wave([](int n) { return 123.0 * std::exp2(1.5 * source(0, n) - 0.25 * source(1, n)); }, number(0.0)));
}

TEST_CASE("fm_operator: a sine, its phase moved, times an envelope and a gain") {
  const auto with_envelope = [](Bench bench) {
    return bench.set("envelope.attack", 0.00513)
        .set("envelope.decay", 0.01)
        .set("envelope.sustain", 0.4)
        .set("envelope.release", 0.007);
  };
  const Formula level = envelope(note_gate(), 0.00513, 0.01, 0.4, 0.007);
  const Formula plain = wave(number(440.0), number(0.0));
  check(with_envelope(Bench("fm_operator").set("ratio", 2.0).set("gain", 0.6)),
        [=](int n) { return 0.6 * plain(n) * level(n); });
  const Formula moved = wave(number(440.0), [](int n) { return source(0, n) + source(1, n); });
  check(with_envelope(Bench("fm_operator")
                          .set("ratio", 2.0)
                          .set("gain", 0.6)
                          .plug(0, "phase")
                          .plug(1, "phase")
                          .plug(2, "gain", 0.25)),
        [=](int n) { return 0.6 * (1.0 + 0.25 * source(2, n)) * moved(n) * level(n); });
}

TEST_CASE("adsr: an envelope of the note's gate, or of the one that is plugged in") {
  const auto bench = [] {
    return Bench("adsr").set("attack", 0.00513).set("decay", 0.01).set("sustain", 0.4).set("release", 0.007);
  };
  check(bench(), envelope(note_gate(), 0.00513, 0.01, 0.4, 0.007));
  Samples gate;
  for (int n = 0; n < length; ++n) gate.push_back(source(0, n));  // high from 1/2 on
  Bench plugged = bench();
  plugged.plug(0, "gate");
  Tape tape({.type = ElementType::f64, .sample_rate = rate, .length = length});
  const RecordedRack recorded = record(tape, plugged.rack);
  tape.play({recorded.audio});
  const Formula expected = envelope(gate, 0.00513, 0.01, 0.4, 0.007);
  double worst = 0.0;
  for (int n = 0; n < length; ++n)
    worst = std::max(worst, std::abs(tape.value(recorded.audio).at(n) - expected(n)));
  CHECK(worst < 1e-9);
}

TEST_CASE("vca: what comes in times a level, times what opens it where that is plugged in") {
  check(Bench("vca").plug(0, "in").set("level", 0.5), [](int n) { return 0.5 * source(0, n); });
  check(Bench("vca").plug(0, "in").plug(1, "cv").set("level", 0.5),
        [](int n) { return 0.5 * source(0, n) * source(1, n); });
  check(Bench("vca").plug(0, "in").set("level", 2.0).plug(1, "level", 0.5),
        [](int n) { return source(0, n) * (2.0 + 0.5 * source(1, n)); });
  check(Bench("vca").plug(0, "in").plug(1, "in"), [](int n) { return source(0, n) + source(1, n); });
}

TEST_CASE("mixer: the sum of its inputs, each times its level; those without a cable are silent") {
  check(Bench("mixer", {3})
            .plug(0, "in.0")
            .plug(1, "in.2")
            .plug(2, "in.2")
            .set("level.0", 0.5)
            .set("level.2", 0.25),
        [](int n) { return 0.5 * source(0, n) + 0.25 * (source(1, n) + source(2, n)); });
  check(Bench("mixer", {2}).plug(0, "in.0").plug(1, "level.0", 0.5),
        [](int n) { return source(0, n) * (1.0 + 0.5 * source(1, n)); });
  check(Bench("mixer", {1}).plug(0, "in.0"), [](int n) { return source(0, n); });
  check(Bench("mixer", {2}), number(0.0));
}

TEST_CASE("sum: all that is plugged in") {
  check(Bench("sum").plug(0, "in").plug(1, "in").plug(2, "in"),
        [](int n) { return source(0, n) + source(1, n) + source(2, n); });
}

TEST_CASE("constant: a number, to which cables add") {
  check(Bench("constant").set("value", -2.5), number(-2.5));
  check(Bench("constant").set("value", -2.5).plug(0, "value", 3.0),
        [](int n) { return -2.5 + 3.0 * source(0, n); });
}

TEST_CASE("voices: of one note, what comes in") {
  check(Bench("voices").plug(0, "in").plug(1, "in"), [](int n) { return source(0, n) + source(1, n); });
}

namespace {

// A state-variable filter sample by sample: g and k from the cutoff and the damping, y = m0 x + m1 v1 + m2 v2.
struct Mix {
  double m0, m1, m2;
};
Formula state_variable_loop(const Formula& x, const Formula& cutoff, const Formula& k,
                            const std::function<Mix(double)>& mix_of) {
  Samples samples;
  double s1 = 0.0, s2 = 0.0;
  for (int n = 0; n < length; ++n) {
    const double g = std::tan(std::numbers::pi * std::min(cutoff(n) / rate, 0.49)), damping = k(n);
    const double v1 = (s1 + g * (x(n) - s2)) / (1.0 + g * (g + damping)), v2 = s2 + g * v1;
    const Mix mix = mix_of(damping);
    s1 = 2.0 * v1 - s1;
    s2 = 2.0 * v2 - s2;
    samples.push_back(mix.m0 * x(n) + mix.m1 * v1 + mix.m2 * v2);
  }
  return [samples](int n) { return samples[static_cast<std::size_t>(n)]; };
}
Mix low_pass(double) { return {0.0, 0.0, 1.0}; }
Formula first_source() {
  return [](int n) { return source(0, n); };
}

}  // namespace

TEST_CASE("filter: of second order, its cutoff moved by octaves and its resonance a damping of 2 - 1.98 r") {
  check(Bench("filter").plug(0, "in").set("cutoff", 700.0).set("resonance", 0.6),
        state_variable_loop(first_source(), number(700.0), number(2.0 - 1.98 * 0.6), low_pass));
  check(Bench("filter").plug(0, "in").plug(1, "cutoff", 1.5).plug(2, "resonance", 0.2).set("resonance", 0.5),
        state_variable_loop(
            first_source(), [](int n) { return 1000.0 * std::exp2(1.5 * source(1, n)); },
            [](int n) { return 2.0 - 1.98 * (0.5 + 0.2 * source(2, n)); }, low_pass));
  const auto kind = [](std::int64_t number_of_kind, const std::function<Mix(double)>& mix) {
    check(Bench("filter", {number_of_kind}).plug(0, "in").set("cutoff", 300.0).set("resonance", 0.5),
          state_variable_loop(first_source(), number(300.0), number(2.0 - 1.98 * 0.5), mix));
  };
  kind(1, [](double k) { return Mix{0.0, k, 0.0}; });
  kind(2, [](double k) { return Mix{1.0, -k, -1.0}; });
  kind(3, [](double k) { return Mix{1.0, -k, 0.0}; });
  kind(4, [](double k) { return Mix{1.0, -k, -2.0}; });
  kind(5, [](double k) { return Mix{1.0, -2.0 * k, 0.0}; });
}

TEST_CASE("filter: of bell and shelves the gain is in dB") {
  const double a = std::pow(10.0, 9.0 / 40.0), k = 2.0 - 1.98 * 0.3;
  const auto bench = [](std::int64_t kind) {
    return Bench("filter", {kind}).plug(0, "in").set("cutoff", 300.0).set("gain", 9.0);
  };
  check(bench(6), state_variable_loop(first_source(), number(300.0), number(k / a), [&](double narrow) {
          return Mix{1.0, narrow * (a * a - 1.0), 0.0};
        }));
  const double g = std::tan(std::numbers::pi * 300.0 / rate);
  const auto moved = [&](double factor) { return number(std::atan(g * factor) * rate / std::numbers::pi); };
  check(bench(7), state_variable_loop(first_source(), moved(1.0 / std::sqrt(a)), number(k), [&](double) {
          return Mix{1.0, k * (a - 1.0), a * a - 1.0};
        }));
  check(bench(8), state_variable_loop(first_source(), moved(std::sqrt(a)), number(k), [&](double) {
          return Mix{a * a, k * (1.0 - a) * a, 1.0 - a * a};
        }));
}

TEST_CASE("one_pole: of first order, its cutoff moved by octaves") {
  const auto low = [](const Formula& cutoff, double m0, double m1) {
    Samples samples;
    double s = 0.0;
    for (int n = 0; n < length; ++n) {
      const double g = std::tan(std::numbers::pi * cutoff(n) / rate), v = (source(0, n) - s) * g / (1.0 + g);
      samples.push_back(m0 * source(0, n) + m1 * (v + s));
      s = s + 2.0 * v;
    }
    return [samples](int n) { return samples[static_cast<std::size_t>(n)]; };
  };
  check(Bench("one_pole").plug(0, "in"), low(number(1000.0), 0.0, 1.0));
  check(Bench("one_pole", {1}).plug(0, "in").set("cutoff", 200.0), low(number(200.0), 1.0, -1.0));
  check(Bench("one_pole", {2}).plug(0, "in").set("cutoff", 200.0), low(number(200.0), -1.0, 2.0));
  check(Bench("one_pole").plug(0, "in").plug(1, "cutoff", 1.0),
        low([](int n) { return 1000.0 * std::exp2(source(1, n)); }, 0.0, 1.0));
}

TEST_CASE("equaliser: bells between two shelves; with gains of 0 dB it is not there") {
  check(Bench("equaliser").plug(0, "in"), first_source());
  const double a = std::pow(10.0, 6.0 / 40.0), k = 1.0 / 2.0 / a;
  check(Bench("equaliser", {3}).plug(0, "in").set("frequency.1", 200.0).set("gain.1", 6.0).set("q.1", 2.0),
        state_variable_loop(first_source(), number(200.0), number(k), [&](double narrow) {
          return Mix{1.0, narrow * (a * a - 1.0), 0.0};
        }));
}

TEST_CASE("formant: band-passes side by side, as wide as they say") {
  const auto band = [](double hertz, double width) {
    return state_variable_loop(first_source(), number(hertz), number(width / hertz), [](double k) {
      return Mix{0.0, k, 0.0};
    });
  };
  const Formula first = band(730.0, 80.0), second = band(1090.0, 45.0);
  check(Bench("formant", {2}).plug(0, "in").set("width.1", 45.0).set("level.0", 0.5),
        [=](int n) { return 0.5 * first(n) + 0.56 * second(n); });
}

TEST_CASE("ladder: four stages, its way back without a delay") {
  const auto ladder = [](bool saturates) {
    Samples samples;
    double s[4] = {};
    const double g = std::tan(std::numbers::pi * 600.0 / rate), gain = g / (1.0 + g),
                 k = saturates ? 2.4 : 3.96 * 0.6;
    for (int n = 0; n < length; ++n) {
      const auto stages = [&](double in, bool moves) {
        for (double& state : s) {
          const double v = (in - state) * gain, out = v + state;
          if (moves) state = out + v;
          in = out;
        }
        return in;
      };
      double low = -100.0, high = 100.0;
      for (int i = 0; i < 100; ++i) {
        const double u = 0.5 * (low + high);
        (u + k * stages(saturates ? std::tanh(u) : u, false) < source(0, n) ? low : high) = u;
      }
      samples.push_back(stages(saturates ? std::tanh(low) : low, true));
    }
    return [samples](int n) { return samples[static_cast<std::size_t>(n)]; };
  };
  check(Bench("ladder").plug(0, "in").set("cutoff", 600.0).set("resonance", 0.6), ladder(false));
  check(Bench("ladder", {1}).plug(0, "in").set("cutoff", 600.0).set("resonance", 0.6), ladder(true));
}
