// A plucked string (K. Karplus, A. Strong, "Digital synthesis of plucked-string and drum timbres" (1983); tuning and
// pick as D. Jaffe, J. O. Smith, "Extensions of the Karplus-Strong plucked-string algorithm" (1983)):
//
//     y(t) = e(t) - e(t - position / f) + g (b/2 d(t) + (1 - b) d(t - 1/sr) + b/2 d(t - 2/sr)),  d(t) = y(t - 1/f + 1/sr)
//
// with the note's frequency f, the pluck e, b = damping / 2 and g so that the string rings for `decay` seconds (60 dB) at
// its lowest; the damping takes (1 - b) + b cos w of frequency w each time round. Its middle lies one sample behind the
// delay at any frequency, so that damping does not change the tuning.
#pragma once

#include <retrograd/modules/delay_parameters.hpp>
#include <retrograd/nodes/arithmetic.hpp>

namespace retrograd {

struct StringModule {
  static constexpr const char* name = "string";
  static constexpr const char* summary =
      "a plucked string: what comes in, or a pulse when the gate rises, goes round";
  static constexpr double lowest_hertz = 20.0;
  static constexpr Structure structure[] = {{.name = "highest",
                                             .low = 100,
                                             .high = 8000,
                                             .usual = 4200,
                                             .summary = "Hz; lower ones are computed faster"}};

  static void describe(const StructureValues&, Description& d) {
    d.inputs = {
        {.name = "in", .is_heard = true, .summary = "what plucks it: a burst of noise; else a pulse"},
        {.name = "gate", .normalled = "note.gate", .summary = "its rise plucks, where nothing comes in"},
        {.name = "hertz", .normalled = "note.hertz", .summary = "Hz, the pitch"}};
    const Draw decay{.kind = Draw::Kind::logarithmic, .low = 0.2, .high = 5.0};
    const Draw part{.kind = Draw::Kind::uniform, .low = 0.05, .high = 0.5};
    const Draw all{.kind = Draw::Kind::uniform, .low = 0.0, .high = 1.0};
    d.parameters = {{.name = "decay",
                     .unit = Unit::seconds,
                     .domain = range(0.01, 1000.0),
                     .usual = 3.0,
                     .role = Role::time,
                     .is_logarithmic = true,
                     .low_shown = 0.05,
                     .high_shown = 20.0,
                     .when_heard = decay,
                     .when_modulating = decay,
                     .summary = "until it is 60 dB down"},
                    {.name = "damping",
                     .domain = unit_interval,
                     .usual = 0.3,
                     .when_heard = all,
                     .when_modulating = all,
                     .summary = "how much sooner the highs are gone"},
                    {.name = "position",
                     .domain = range(0.01, 0.5),
                     .usual = 0.2,
                     .low_shown = 0.01,
                     .high_shown = 0.5,
                     .when_heard = part,
                     .when_modulating = part,
                     .summary = "where it is plucked, of its length"}};
    d.outputs = {"out"};
  }
  static void record(const void*, Recorder& r) {
    constexpr double ln_1000 = 6.907755278982137;
    const double sample = 1.0 / r.tape().options().sample_rate.value_or(1.0);
    const Var hertz = clamp(r.in("hertz"), lowest_hertz, static_cast<double>(r.structure("highest")));
    const Var period = 1.0 / hertz;
    const Interpolation cubic = Interpolation::cubic;
    const double longest = 1.0 / lowest_hertz + 4.0 * sample;
    const Var gate = r.in("gate");
    const Var pluck =
        r.has("in") ? r.in("in")
                    : max(gate - delay(gate, constant(r.tape().state(), sample), {.longest = sample}), 0.0);
    const Var excitation = pluck - delay(pluck, max(period * r.value("position"), sample),
                                         {.longest = longest, .interpolation = cubic});

    const Var b = r.value("damping") * 0.5;
    const Var again = exp(-ln_1000 * period / r.value("decay"));
    const Feedback loop = loop_around(r, {excitation, hertz, b, again});
    const double shortest =
        std::max(1.0 / static_cast<double>(r.structure("highest")) - sample, 2.0 * sample);
    const auto late = [&](int samples) {
      return delay(loop.value, period + (samples - 1) * sample,
                   {.longest = longest, .interpolation = cubic, .shortest = shortest});
    };
    const Var sides = b * 0.5, round = sides * (late(0) + late(2)) + (1.0 - b) * late(1);
    const Var y = excitation + again * round;
    r.tape().close(loop, y);
    r.out("out", y);
  }
};

}  // namespace retrograd
