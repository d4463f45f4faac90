// An operator, the voice of frequency modulation (phase modulation, as in the DX7):
//
//     out = sine(phase(hertz * ratio) + in radians) * ADSR(gate) * gain
//
// It runs in one pass over the samples (nodes/operator.hpp). Source: gradrack's FM synth.
#pragma once

#include <retrograd/modules/module.hpp>
#include <retrograd/modules/recorder.hpp>
#include <retrograd/modules/shared_parameters.hpp>
#include <retrograd/nodes/adsr.hpp>
#include <retrograd/nodes/arithmetic.hpp>
#include <retrograd/nodes/oscillator.hpp>

namespace retrograd {

struct FMOperatorModule {
  static constexpr const char* name = "fm_operator";
  static constexpr const char* summary = "a sine with an envelope, its phase moved by other operators";
  static void describe(const StructureValues&, Description& d) {
    d.inputs = {{.name = "phase", .summary = "radians, added to the phase"},
                {.name = "hertz", .normalled = "note.hertz", .summary = "Hz, the pitch"},
                {.name = "gate", .normalled = "note.gate", .summary = "high while the envelope is held"}};
    d.parameters = {pitch_ratio(),
                    {.name = "gain",
                     .domain = range(0.0, infinity),
                     .usual = 1.0,
                     .role = Role::level,
                     .high_shown = 4.0,
                     .when_heard = {.kind = Draw::Kind::logarithmic, .low = 0.1, .high = 1.0},
                     .when_modulating = {.kind = Draw::Kind::logarithmic, .low = 0.1, .high = 4.0},
                     .modulation = Modulation::factor,
                     .summary = "linear; radians where it modulates"}};
    add_envelope(d, "envelope.");
    d.outputs = {"out"};
  }
  static void record(const void*, Recorder& r) {
    const Var frequency = r.in("hertz") * r.value("ratio");
    const std::optional<Var> phase = input_of(r, "phase");
    const bool varies = frequency.is_signal() || (phase && phase->is_signal());
    const Var wave = sinusoid(frequency, phase, varies ? std::nullopt : r.length());
    r.out("out", wave *
                     adsr(r.in("gate"), {r.value("envelope.attack"), r.value("envelope.decay"),
                                         r.value("envelope.sustain"), r.value("envelope.release")}) *
                     r.value("gain"));
  }
};

}  // namespace retrograd
