// A chorus: in + level times in as it was `time` ago, which moves up and down by `depth` with a sine of its own; the
// second voice is out of tune by 2 pi rate depth at most (J. Dattorro, "Effect design, part 2" (1997)).
#pragma once

#include <retrograd/modules/delay_parameters.hpp>
#include <retrograd/modules/modulated_delay.hpp>
#include <retrograd/nodes/arithmetic.hpp>

namespace retrograd {

struct ChorusModule {
  static constexpr const char* name = "chorus";
  static constexpr const char* summary = "a second voice, late by a time that moves";
  static constexpr double shortest = 0.001, longest = 0.1;  ///< seconds

  static void describe(const StructureValues&, Description& d) {
    d.inputs = {{.name = "in", .is_required = true, .is_heard = true, .summary = "what is doubled"}};
    d.parameters = {delay_time(0.02, shortest, longest), sweep_rate(0.8), sweep_depth(0.003, 0.05),
                    wet_level(0.7)};
    d.outputs = {"out"};
  }
  static void record(const void*, Recorder& r) {
    const Var in = r.in("in");
    const Var second = delay(in, swept_time(r), {.longest = longest, .interpolation = Interpolation::cubic});
    r.out("out", in + r.value("level") * second);
  }
};

}  // namespace retrograd
