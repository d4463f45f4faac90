// A noise gate: what is quieter than the threshold gets quieter by (ratio - 1) dB more for each dB, down to -range. How far it is
// open is followed in dB, up with the attack, down with the release; it begins closed.
#pragma once

#include <retrograd/modules/level_parameters.hpp>

namespace retrograd {

struct NoiseGateModule {
  static constexpr const char* name = "noise_gate";
  static constexpr const char* summary =
      "a noise gate: what is quieter than the threshold is not let through";
  static void describe(const StructureValues&, Description& d) {
    d.inputs = {
        {.name = "in", .is_required = true, .is_heard = true, .summary = "what is let through or not"},
        {.name = "sidechain", .summary = "whose level counts; else that of in"}};
    d.parameters = {threshold(-50.0, "below it, it closes"),
                    {.name = "ratio",
                     .domain = range(1.0, 1000.0),
                     .usual = 10.0,
                     .is_logarithmic = true,
                     .low_shown = 1.0,
                     .high_shown = 100.0,
                     .summary = "dB of output for one dB of input, below"},
                    decibels("range", 60.0, 0.0, 120.0, "how far it closes"),
                    follow_time("attack", 0.001, "time constant of opening"),
                    follow_time("release", 0.1, "time constant of closing")};
    d.outputs = {"out"};
  }
  static void record(const void*, Recorder& r) {
    const Var in = r.in("in"), range = r.value("range");
    const Var heard = r.has("sidechain") ? r.in("sidechain") : in;
    const Var below = max(r.value("threshold") - to_decibels(heard), 0.0);
    const Var open = max(range - below * (r.value("ratio") - 1.0), 0.0);
    r.out("out", in * from_decibels(follow(open, r.value("attack"), r.value("release")) - range));
  }
};

}  // namespace retrograd
