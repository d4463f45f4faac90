// A delay: what comes in, later.
#pragma once

#include <retrograd/modules/delay_parameters.hpp>

namespace retrograd {

struct DelayModule {
  static constexpr const char* name = "delay";
  static constexpr const char* summary = "what comes in, some time later; a loop may go through it";
  static constexpr bool delays = true;
  static constexpr const char* interpolations[] = {"linear", "cubic"};
  static constexpr Structure structure[] = {
      longest_delay(2000),
      shortest_delay(3),
      {.name = "interpolation", .choices = interpolations, .summary = "between samples"}};

  static void describe(const StructureValues& built, Description& d) {
    d.inputs = {{.name = "in", .is_required = true, .is_heard = true, .summary = "what is delayed"}};
    d.parameters = {
        delay_time(0.25, static_cast<double>(built[1]) / 1000.0, static_cast<double>(built[0]) / 1000.0)};
    d.outputs = {"out"};
  }
  static void record(const void*, Recorder& r) {
    const double longest = static_cast<double>(r.structure("longest")) / 1000.0,
                 shortest = static_cast<double>(r.structure("shortest")) / 1000.0;
    r.out("out", delay(r.in("in"), r.value("time"),
                       {.longest = longest,
                        .interpolation =
                            r.structure("interpolation") == 0 ? Interpolation::linear : Interpolation::cubic,
                        .shortest = shortest}));
  }
};

}  // namespace retrograd
