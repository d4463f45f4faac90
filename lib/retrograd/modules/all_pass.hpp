// Schroeder's all-pass: v(t) = x(t) + g v(t - time), y(t) = v(t - time) - g v(t). All frequencies pass as loud as they
// are; what is short becomes a train of pulses. M. R. Schroeder, "Natural sounding artificial reverberation" (1962).
#pragma once

#include <retrograd/modules/delay_parameters.hpp>
#include <retrograd/nodes/arithmetic.hpp>

namespace retrograd {

struct AllPassModule {
  static constexpr const char* name = "all_pass";
  static constexpr const char* summary =
      "Schroeder's all-pass: it spreads a sound in time and keeps its spectrum";
  static constexpr Structure structure[] = {longest_delay(100)};
  static constexpr double shortest = 0.0005;  ///< seconds

  static void describe(const StructureValues& built, Description& d) {
    d.inputs = {{.name = "in", .is_required = true, .is_heard = true, .summary = "what is filtered"}};
    d.parameters = {delay_time(0.01, shortest, static_cast<double>(built[0]) / 1000.0), feedback(0.7)};
    d.outputs = {"out"};
  }
  static void record(const void*, Recorder& r) {
    const Var in = r.in("in"), time = r.value("time"), g = r.value("feedback");
    const Feedback loop = loop_around(r, {in, time, g});
    const Var late =
        delay(loop.value, time,
              {.longest = static_cast<double>(r.structure("longest")) / 1000.0, .shortest = shortest});
    const Var v = in + g * late;
    r.tape().close(loop, v);
    r.out("out", late - g * v);
  }
};

}  // namespace retrograd
