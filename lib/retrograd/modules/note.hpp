// The note: what is played. Every rack has it, under the name "note", without naming it among its modules.
#pragma once

#include <retrograd/modules/module.hpp>
#include <retrograd/modules/recorder.hpp>
#include <retrograd/nodes/arithmetic.hpp>
#include <retrograd/nodes/log.hpp>

namespace retrograd {

struct NoteModule {
  static constexpr const char* name = "note";
  static constexpr const char* summary =
      "what is played: gate, hertz, pitch (octaves above 440 Hz), key (69 at 440 Hz), velocity, bend, "
      "pressure";
  static void describe(const StructureValues&, Description& d) {
    d.parameters = {{.name = "frequency",
                     .unit = Unit::hertz,
                     .domain = positive,
                     .usual = 440.0,
                     .role = Role::note_frequency,
                     .is_logarithmic = true,
                     .low_shown = 20.0,
                     .high_shown = 20000.0,
                     .when_heard = {.kind = Draw::Kind::keep},
                     .when_modulating = {.kind = Draw::Kind::keep},
                     .fit_rate = 0.3,
                     .fit_rate_heard = 0.3,
                     .modulation = Modulation::octaves,
                     .summary = "the pitch that is played"}};
    d.outputs = {"gate", "hertz", "pitch", "key", "velocity", "bend", "pressure"};
  }
  /// Whether an output does not depend on the frequency.
  static constexpr bool is_there_first(int output) { return output == 0 || output >= 4; }
  static void record(const void*, Recorder& r) {
    record_first(r);
    record_pitch(r);
  }
  /// What is there before whatever moves the frequency.
  static void record_first(Recorder& r) {
    const Recorder::Played& played = r.played();
    const auto number = [&](double x) { return constant(r.tape().state(), Tensor({x})); };
    r.out("gate", played.gate);
    if (r.is_read("velocity")) r.out("velocity", played.velocity ? *played.velocity : number(1.0));
    if (r.is_read("bend")) r.out("bend", played.bend ? *played.bend : number(0.0));
    if (r.is_read("pressure")) r.out("pressure", played.pressure ? *played.pressure : number(0.0));
  }
  static void record_pitch(Recorder& r) {
    const Recorder::Played& played = r.played();
    const Var hertz = r.value("frequency");
    r.out("hertz", hertz);
    const auto pitch = [&] { return log(hertz * (1.0 / 440.0)) * 1.4426950408889634; };
    if (r.is_read("pitch")) r.out("pitch", pitch());
    if (r.is_read("key")) r.out("key", played.key ? *played.key : pitch() * 12.0 + 69.0);
  }
};

}  // namespace retrograd
