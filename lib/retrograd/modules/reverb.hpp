// A room: eight delay lines that feed one another through an orthogonal matrix (J.-M. Jot, A. Chaigne, "Digital delay
// networks for designing artificial reverberators" (1991)). With r(t) what line i gives back, T its delay, and low and high
// what lies below and above the crossover:
//
//     a = g_low low(r) + g_high high(r),   g = 10^(-3 T / decay)     60 dB in the decay of each band, whatever the line
//     what goes in again: a - 1/4 the sum of all a                    Householder's reflection, which keeps the energy
//
// Lines are whole numbers of samples, so that nothing but g makes them weaker.
#pragma once

#include <retrograd/modules/delay_parameters.hpp>
#include <retrograd/nodes/arithmetic.hpp>
#include <retrograd/nodes/one_pole.hpp>

#include <array>
#include <cmath>
#include <vector>

namespace retrograd {

struct ReverbModule {
  static constexpr const char* name = "reverb";
  static constexpr const char* summary = "a room: eight delay lines that feed one another";
  static constexpr Structure structure[] = {
      {.name = "size", .low = 20, .high = 400, .usual = 100, .summary = "percent: how long its lines are"}};
  static constexpr int lines = 8;
  /// At a size of 100 %; no two have a short common multiple.
  static constexpr std::array<double, lines> seconds = {0.0297, 0.0331, 0.0371, 0.0411,
                                                        0.0437, 0.0479, 0.0523, 0.0571};

  static void describe(const StructureValues&, Description& d) {
    d.inputs = {{.name = "in", .is_required = true, .is_heard = true, .summary = "what sounds in the room"}};
    d.parameters = {time_of_band("decay", 2.0, "until what lies below the crossover is 60 dB down"),
                    time_of_band("decay_high", 0.8, "the same above it"),
                    {.name = "crossover",
                     .unit = Unit::hertz,
                     .domain = range(20.0, 20000.0),
                     .usual = 3000.0,
                     .is_logarithmic = true,
                     .low_shown = 100.0,
                     .high_shown = 12000.0,
                     .when_heard = {.kind = Draw::Kind::keep},
                     .when_modulating = {.kind = Draw::Kind::keep},
                     .fit_rate = 0.04,
                     .modulation = Modulation::octaves,
                     .summary = "between the two"},
                    wet_level(0.3)};
    d.outputs = {"left", "right"};
  }

  static void record(const void*, Recorder& r) {
    const Var in = r.in("in"), low_decay = r.value("decay"), high_decay = r.value("decay_high"),
              crossover = r.value("crossover");
    const double rate = r.tape().options().sample_rate.value_or(1.0);
    std::vector<Feedback> loops;
    std::vector<Var> absorbed;
    std::optional<Var> left, right, sum;
    for (int i = 0; i < lines; ++i) {
      const double samples =
          std::max(2.0, std::round(seconds[static_cast<std::size_t>(i)] *
                                   static_cast<double>(r.structure("size")) / 100.0 * rate));
      const double time = samples / rate;
      loops.push_back(loop_around(r, {in, low_decay, high_decay, crossover}));
      const Var late =
          delay(loops.back().value, constant(r.tape().state(), time), {.longest = time, .shortest = time});
      const Var low = one_pole_low(late, crossover), low_gain = gain(time, low_decay),
                high_gain = gain(time, high_decay);
      absorbed.push_back(low_gain * low + high_gain * (late - low));
      add(sum, absorbed.back(), 1.0);
      add(left, late, i % 2 == 0 ? 1.0 : -1.0);
      add(right, late, i / 2 % 2 == 0 ? 1.0 : -1.0);
    }
    const Var fed = in - 0.25 * *sum;
    for (std::size_t i = 0; i < loops.size(); ++i) r.tape().close(loops[i], fed + absorbed[i]);
    // Eight lines of what comes in are as loud as it.
    const Var level = r.value("level") * 0.3535533905932738;
    r.out("left", in + level * *left);
    r.out("right", in + level * *right);
  }

 private:
  static ParameterSpec time_of_band(const char* called, double usual, const char* what) {
    const Draw draw{.kind = Draw::Kind::logarithmic, .low = 0.3, .high = 4.0};
    return {.name = called,
            .unit = Unit::seconds,
            .domain = range(0.01, 1000.0),
            .usual = usual,
            .role = Role::time,
            .is_logarithmic = true,
            .low_shown = 0.1,
            .high_shown = 20.0,
            .when_heard = draw,
            .when_modulating = draw,
            .summary = what};
  }
  static Var gain(double time, Var decay) {
    constexpr double ln_1000 = 6.907755278982137;
    return exp(-ln_1000 * time / decay);
  }
  static void add(std::optional<Var>& sum, Var value, double sign) {
    sum = !sum ? (sign > 0.0 ? value : -value) : sign > 0.0 ? *sum + value : *sum - value;
  }
};

}  // namespace retrograd
