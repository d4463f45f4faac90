// An oscillator: a waveform at the note's pitch times a ratio, or at a frequency of its own, its phase moved by a
// signal. See nodes/oscillation.hpp.
#pragma once

#include <retrograd/modules/module.hpp>
#include <retrograd/modules/recorder.hpp>
#include <retrograd/modules/shared_parameters.hpp>
#include <retrograd/nodes/arithmetic.hpp>
#include <retrograd/nodes/oscillator.hpp>

namespace retrograd {

struct OscillatorModule {
  static constexpr const char* name = "oscillator";
  static constexpr const char* summary =
      "a sine at the note's pitch times a ratio, or at a frequency of its own";
  static constexpr const char* waves[] = {"sine"};
  static constexpr const char* pitches[] = {"note", "free"};
  static constexpr Structure structure[] = {
      {.name = "wave", .choices = waves, .summary = "its form"},
      {.name = "pitch", .choices = pitches, .summary = "note: it has a ratio; free: it has a frequency"}};

  static void describe(const StructureValues& built, Description& d) {
    d.inputs = {{.name = "phase", .summary = "radians, added to the phase"}};
    if (built[1] == 0) {
      d.inputs.push_back({.name = "hertz", .normalled = "note.hertz", .summary = "Hz, the pitch"});
      d.parameters = {pitch_ratio()};
    } else {
      d.parameters = {{.name = "frequency",
                       .unit = Unit::hertz,
                       .domain = positive,
                       .usual = 5.0,
                       .is_logarithmic = true,
                       .low_shown = 0.01,
                       .high_shown = 20000.0,
                       .when_heard = {.kind = Draw::Kind::keep},
                       .when_modulating = {.kind = Draw::Kind::logarithmic, .low = 0.1, .high = 20.0},
                       .fit_rate = 0.04,
                       .fit_rate_heard = 0.0005,
                       .modulation = Modulation::octaves,
                       .summary = "of the wave"}};
    }
    d.outputs = {"out"};
  }
  static void record(const void*, Recorder& r) {
    const Var frequency = r.structure("pitch") == 0 ? r.in("hertz") * r.value("ratio") : r.value("frequency");
    const std::optional<Var> phase = input_of(r, "phase");
    const bool varies = frequency.is_signal() || (phase && phase->is_signal());
    r.out("out", sinusoid(frequency, phase, varies ? std::nullopt : r.length()));
  }
};

}  // namespace retrograd
