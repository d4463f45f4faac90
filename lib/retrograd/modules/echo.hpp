// An echo: out = in + level e, with e(t) = d(t - time) and d = in + feedback e: repeats that grow weaker by the feedback.
#pragma once

#include <retrograd/modules/delay_parameters.hpp>
#include <retrograd/nodes/arithmetic.hpp>

namespace retrograd {

struct EchoModule {
  static constexpr const char* name = "echo";
  static constexpr const char* summary = "repeats of what comes in, each weaker than the one before";
  static constexpr Structure structure[] = {longest_delay(2000)};
  static constexpr double shortest = 0.003;  ///< seconds

  static void describe(const StructureValues& built, Description& d) {
    d.inputs = {{.name = "in", .is_required = true, .is_heard = true, .summary = "what is repeated"}};
    d.parameters = {delay_time(0.25, shortest, static_cast<double>(built[0]) / 1000.0), feedback(0.4),
                    wet_level(0.5)};
    d.outputs = {"out"};
  }
  static void record(const void*, Recorder& r) {
    const Var in = r.in("in"), time = r.value("time"), again = r.value("feedback");
    const Feedback loop = loop_around(r, {in, time, again});
    const Var echo =
        delay(loop.value, time,
              {.longest = static_cast<double>(r.structure("longest")) / 1000.0, .shortest = shortest});
    r.tape().close(loop, in + again * echo);
    r.out("out", in + r.value("level") * echo);
  }
};

}  // namespace retrograd
