// A flanger: in + level e, with e(t) = d(t - time(t)) and d = in + feedback e; the time is short and moves up and down by
// `depth` with a sine, so that the notches of the comb that it makes sweep.
#pragma once

#include <retrograd/modules/delay_parameters.hpp>
#include <retrograd/modules/modulated_delay.hpp>
#include <retrograd/nodes/arithmetic.hpp>

namespace retrograd {

struct FlangerModule {
  static constexpr const char* name = "flanger";
  static constexpr const char* summary = "notches that sweep: a short delay that moves, with feedback";
  static constexpr double shortest = 0.0005, longest = 0.02;  ///< seconds

  static void describe(const StructureValues&, Description& d) {
    d.inputs = {{.name = "in", .is_required = true, .is_heard = true, .summary = "what is swept"}};
    d.parameters = {delay_time(0.003, shortest, longest), sweep_rate(0.2), sweep_depth(0.002, 0.01),
                    feedback(0.5), wet_level(0.7)};
    d.outputs = {"out"};
  }
  static void record(const void*, Recorder& r) {
    const Var in = r.in("in"), again = r.value("feedback"), time = swept_time(r);
    const Feedback loop = loop_around(r, {in, time, again});
    const Var late = delay(loop.value, time,
                           {.longest = longest, .interpolation = Interpolation::cubic, .shortest = shortest});
    r.tape().close(loop, in + again * late);
    r.out("out", in + r.value("level") * late);
  }
};

}  // namespace retrograd
