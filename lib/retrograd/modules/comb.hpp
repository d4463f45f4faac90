// A comb filter with feedback: y(t) = x(t) + feedback y(t - time). It rings at the multiples of 1 / time.
// M. R. Schroeder, "Natural sounding artificial reverberation" (1962).
#pragma once

#include <retrograd/modules/delay_parameters.hpp>
#include <retrograd/nodes/arithmetic.hpp>

namespace retrograd {

struct CombModule {
  static constexpr const char* name = "comb";
  static constexpr const char* summary = "a comb filter: it rings at the multiples of 1 / time";
  static constexpr Structure structure[] = {longest_delay(100)};
  static constexpr double shortest = 0.0005;  ///< seconds

  static void describe(const StructureValues& built, Description& d) {
    d.inputs = {{.name = "in", .is_required = true, .is_heard = true, .summary = "what is filtered"}};
    d.parameters = {delay_time(0.01, shortest, static_cast<double>(built[0]) / 1000.0), feedback(0.7)};
    d.outputs = {"out"};
  }
  static void record(const void*, Recorder& r) {
    const Var in = r.in("in"), time = r.value("time"), again = r.value("feedback");
    const Feedback loop = loop_around(r, {in, time, again});
    const Var y = in + again * delay(loop.value, time,
                                     {.longest = static_cast<double>(r.structure("longest")) / 1000.0,
                                      .shortest = shortest});
    r.tape().close(loop, y);
    r.out("out", y);
  }
};

}  // namespace retrograd
