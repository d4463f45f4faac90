// Modules with delays, each against its formula over samples in double; and the tuning of the string.
#include <doctest/doctest.h>

#include <retrograd/gradcheck/parameter_check.hpp>
#include <retrograd/nodes/arithmetic.hpp>
#include <retrograd/nodes/square.hpp>
#include <retrograd/nodes/sum_over_rows.hpp>
#include <retrograd/racks/record.hpp>

#include <cmath>
#include <functional>
#include <numbers>
#include <string>
#include <vector>

using namespace retrograd;

namespace {

using Samples = std::vector<double>;
const ModuleList modules;
constexpr double two_pi = 2.0 * std::numbers::pi;
constexpr double rate = 8000.0;
constexpr int length = 1500;

double at(const Samples& x, std::int64_t n) { return n < 0 ? 0.0 : x[static_cast<std::size_t>(n)]; }
double linear(const Samples& x, int n, double d) {
  const auto k = static_cast<std::int64_t>(std::floor(d));
  const double t = d - static_cast<double>(k);
  return (1 - t) * at(x, n - k) + t * at(x, n - k - 1);
}
double cubic(const Samples& x, int n, double d) {
  const auto k = static_cast<std::int64_t>(std::floor(d));
  const double t = d - static_cast<double>(k);
  const double p0 = at(x, n - k + 1), p1 = at(x, n - k), p2 = at(x, n - k - 1), p3 = at(x, n - k - 2);
  return p1 + 0.5 * t * (p2 - p0 + t * (2 * p0 - 5 * p1 + 4 * p2 - p3 + t * (3 * (p1 - p2) + p3 - p0)));
}

// A rack of a sine of 110 Hz into a module named "it".
Rack rack_of(const std::string& type, StructureValues structure, std::vector<double> values) {
  Rack rack;
  rack.sample_rate = rate;
  rack.duration = length / rate;
  rack.note = {.frequency = 220.0, .gate = {{0.0, 0.1}}};
  rack.modules = {make_module("it", *modules.find(type), std::move(structure)),
                  make_module("sine", *modules.find("oscillator"), {0, 1})};
  rack.modules[0].values = std::move(values);
  rack.modules[1].values = {110.0};
  rack.cables = {{"sine.out", "it.in"}};
  rack.outputs = {"it.out"};
  return rack;
}
Samples sine() {
  Samples samples;
  for (int n = 0; n < length; ++n) samples.push_back(std::sin(two_pi * std::fmod(110.0 * n / rate, 1.0)));
  return samples;
}

void check(const Rack& rack, const Samples& expected) {
  Tape tape({.type = ElementType::f64, .sample_rate = rate, .length = length});
  const RecordedRack recorded = record(tape, rack);
  const Var loss = mean_over_time(square(recorded.audio - 0.1));
  tape.play({recorded.audio, loss});
  double worst = 0.0;
  for (int n = 0; n < length; ++n) {
    const double difference =
        std::abs(tape.value(recorded.audio).at(n) - expected[static_cast<std::size_t>(n)]);
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

// Samples by a formula that may read those before.
Samples made(const std::function<double(const Samples&, int)>& formula) {
  Samples y;
  for (int n = 0; n < length; ++n) y.push_back(formula(y, n));
  return y;
}

}  // namespace

TEST_CASE("delay: what comes in, later") {
  const Samples x = sine();
  check(rack_of("delay", {2000, 3, 0}, {0.05003}),
        made([&](const Samples&, int n) { return linear(x, n, 400.24); }));
  check(rack_of("delay", {100, 0, 1}, {0.0123}),
        made([&](const Samples&, int n) { return cubic(x, n, 98.4); }));
}

TEST_CASE("echo: repeats, each weaker than the one before") {
  const Samples x = sine();
  const Samples d =
      made([&](const Samples& y, int n) { return x[std::size_t(n)] + 0.6 * linear(y, n, 240.4); });
  check(rack_of("echo", {2000}, {0.03005, 0.6, 0.5}),
        made([&](const Samples&, int n) { return x[std::size_t(n)] + 0.5 * linear(d, n, 240.4); }));
}

TEST_CASE("comb: it goes round") {
  const Samples x = sine();
  for (const double samples : {84.8, 12.4})
    check(rack_of("comb", {100}, {samples / rate, 0.7}),
          made([&](const Samples& y, int n) { return x[std::size_t(n)] + 0.7 * linear(y, n, samples); }));
}

TEST_CASE("all_pass: all frequencies are as loud as they were") {
  const Samples x = sine();
  const Samples v =
      made([&](const Samples& y, int n) { return x[std::size_t(n)] + 0.7 * linear(y, n, 50.5); });
  check(rack_of("all_pass", {100}, {50.5 / rate, 0.7}),
        made([&](const Samples&, int n) { return linear(v, n, 50.5) - 0.7 * v[std::size_t(n)]; }));
  // Of a whole number of samples: the energy of the impulse response is that of the impulse.
  double energy = 0.0;
  const Samples w = made([&](const Samples& y, int n) { return (n == 0) + 0.7 * at(y, n - 20); });
  for (int n = 0; n < length; ++n) energy += std::pow(at(w, n - 20) - 0.7 * w[std::size_t(n)], 2);
  CHECK(std::abs(energy - 1.0) < 1e-9);
}

TEST_CASE("chorus and flanger: a time that a sine moves") {
  const Samples x = sine();
  const auto time = [&](int n, double middle, double depth, double hertz) {
    return (middle + depth * std::sin(two_pi * std::fmod(hertz * n / rate, 1.0))) * rate;
  };
  check(rack_of("chorus", {}, {0.02, 3.0, 0.003, 0.7}), made([&](const Samples&, int n) {
          return x[std::size_t(n)] + 0.7 * cubic(x, n, time(n, 0.02, 0.003, 3.0));
        }));
  const Samples d = made([&](const Samples& y, int n) {
    return x[std::size_t(n)] + 0.5 * cubic(y, n, time(n, 0.003, 0.002, 2.0));
  });
  check(rack_of("flanger", {}, {0.003, 2.0, 0.002, 0.5, 0.7}), made([&](const Samples&, int n) {
          return x[std::size_t(n)] + 0.7 * cubic(d, n, time(n, 0.003, 0.002, 2.0));
        }));
}

TEST_CASE("string: the formula, plucked by what comes in, and by the gate alone") {
  const Samples x = sine();
  const double period = rate / 220.0, b = 0.4 / 2, again = std::pow(10.0, -3.0 / (220.0 * 2.0));
  for (const bool is_plugged : {true, false}) {
    Rack rack = rack_of("string", {1000}, {2.0, 0.4, 0.23});
    if (!is_plugged) rack.cables.clear();
    const Samples pluck = made([&](const Samples&, int n) {
      return is_plugged ? x[std::size_t(n)] : n == 0 ? 1.0 : 0.0;
    });
    const Samples expected = made([&](const Samples& y, int n) {
      const double d0 = cubic(y, n, period - 1), d1 = cubic(y, n, period), d2 = cubic(y, n, period + 1);
      return pluck[std::size_t(n)] - cubic(pluck, n, 0.23 * period) +
             again * (b / 2 * (d0 + d2) + (1 - b) * d1);
    });
    check(rack, expected);
  }
}

TEST_CASE("a string is in tune within one cent from 27 Hz to 4 kHz, however it is damped") {
  constexpr double sample_rate = 44100.0;
  for (const double hertz : {27.5, 61.7, 220.0, 1046.5, 2093.0, 3729.3, 4000.0})
    for (const double damping : {0.0, 0.8}) {
      Rack rack;
      rack.sample_rate = sample_rate;
      rack.note = {.frequency = hertz, .gate = {{0.0, 0.05}}};
      const double cycles = hertz < 100.0 ? 30.0 : 200.0;
      rack.duration = (cycles + 30.0) / hertz;
      // A short burst of a sine at the pitch makes it ring in its lowest mode, nearly alone.
      rack.modules = {make_module("string", *modules.find("string")),
                      make_module("sine", *modules.find("oscillator"))};
      rack.modules[0].values = {1000.0, damping, 0.5};
      rack.modules.push_back(make_module("burst", *modules.find("vca")));
      rack.modules.push_back(make_module("env", *modules.find("adsr")));
      rack.modules[3].values = {4.0 / hertz, 2.0 / hertz, 0.0, 1.0 / hertz};
      rack.note.gate = {{0.0, 8.0 / hertz}};
      rack.cables = {{"sine.out", "burst.in"}, {"env.out", "burst.cv"}, {"burst.out", "string.in"}};
      rack.outputs = {"string.out"};
      Tape tape(tape_options(rack));
      const RecordedRack recorded = record(tape, rack);
      for (const Var parameter : tape.parameters()) tape.freeze(parameter);
      tape.play({recorded.audio});
      const auto audio = tape.value(recorded.audio).as<float>();
      std::vector<double> crossings;
      for (auto n = static_cast<std::size_t>(25.0 / hertz * sample_rate); n + 1 < audio.size(); ++n)
        if (audio[n] < 0.0f && audio[n + 1] >= 0.0f)
          crossings.push_back(static_cast<double>(n) +
                              static_cast<double>(audio[n] / (audio[n] - audio[n + 1])));
      REQUIRE(crossings.size() > 20);
      const double periods = static_cast<double>(crossings.size() - 1);
      const double measured = sample_rate * periods / (crossings.back() - crossings.front());
      const double cents = 1200.0 * std::log2(measured / hertz);
      INFO(hertz << " Hz, damping " << damping << ": " << measured << " Hz");
      CHECK(std::abs(cents) < 1.0);
    }
}

TEST_CASE("a reverb decays by 60 dB in the time of each band, within 5 %") {
  constexpr double sample_rate = 44100.0;
  for (const double low_decay : {1.5, 0.7})
    for (const bool is_high : {false, true}) {
      const double decay = is_high ? 0.6 * low_decay : low_decay, hertz = is_high ? 14000.0 : 150.0;
      Rack rack;
      rack.sample_rate = sample_rate;
      rack.duration = 0.2 + 0.8 * decay;
      rack.note = {.frequency = hertz, .gate = {{0.0, 0.1}}};
      const auto add = [&](const char* name, const char* type, std::vector<double> values) {
        rack.modules.push_back(make_module(name, *modules.find(type)));
        rack.modules.back().values = std::move(values);
      };
      add("sine", "oscillator", {1.0});
      add("env", "adsr", {0.02, 0.02, 1.0, 0.01});
      add("burst", "vca", {1.0});
      add("room", "reverb", {low_decay, 0.6 * low_decay, 1500.0, 1.0});
      rack.cables = {{"sine.out", "burst.in"}, {"env.out", "burst.cv"}, {"burst.out", "room.in"}};
      rack.outputs = {"room.left", "room.right"};
      Tape tape(tape_options(rack));
      const RecordedRack recorded = record(tape, rack);
      for (const Var parameter : tape.parameters()) tape.freeze(parameter);
      tape.play(recorded.outputs);
      // What sounds from each moment on, in dB, falls along a line: its slope from 5 to 35 dB below where it began.
      std::vector<double> rest;
      for (const Var output : recorded.outputs) {
        const auto y = tape.value(output).as<float>();
        rest.resize(y.size() + 1);
        double sum = 0.0;
        for (std::size_t n = y.size(); n-- > 0;) {
          sum += static_cast<double>(y[n]) * static_cast<double>(y[n]);
          rest[n] += sum;
        }
      }
      const auto first = static_cast<std::size_t>(0.2 * sample_rate);
      const auto reaches = [&](double decibels) {
        std::size_t n = first;
        while (n + 1 < rest.size() && rest[n] > rest[first] * std::pow(10.0, decibels / 10.0)) ++n;
        return static_cast<double>(n);
      };
      const double measured = 60.0 / 25.0 * (reaches(-30.0) - reaches(-5.0)) / sample_rate;
      INFO(hertz << " Hz: " << measured << " s of " << decay);
      CHECK(std::abs(measured / decay - 1.0) < 0.05);
    }
}
