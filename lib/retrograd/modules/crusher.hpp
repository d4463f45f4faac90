// Fewer bits and fewer samples: nodes/hold.hpp. Its gradient in what comes in is that of the sound itself (a straight-through
// estimate), and it has none in bits and rate.
#pragma once

#include <retrograd/modules/module.hpp>
#include <retrograd/modules/recorder.hpp>
#include <retrograd/nodes/hold.hpp>

namespace retrograd {

struct CrusherModule {
  static constexpr const char* name = "crusher";
  static constexpr const char* summary = "fewer bits and a lower sample rate";
  static void describe(const StructureValues&, Description& d) {
    const Draw keep{.kind = Draw::Kind::keep};
    d.inputs = {{.name = "in", .is_required = true, .is_heard = true, .summary = "what is crushed"}};
    d.parameters = {{.name = "bits",
                     .domain = range(1.0, 24.0),
                     .usual = 8.0,
                     .low_shown = 1.0,
                     .high_shown = 24.0,
                     .when_heard = keep,
                     .when_modulating = keep,
                     .summary = "of a sound between -1 and 1; no gradient"},
                    {.name = "rate",
                     .unit = Unit::hertz,
                     .domain = range(1.0, 1e6),
                     .usual = 11025.0,
                     .is_logarithmic = true,
                     .low_shown = 100.0,
                     .high_shown = 96000.0,
                     .when_heard = keep,
                     .when_modulating = keep,
                     .modulation = Modulation::octaves,
                     .summary = "how often it looks at what comes in; no gradient"}};
    d.outputs = {"out"};
  }
  static void record(const void*, Recorder& r) {
    r.out("out", crushed(r.in("in"), r.value("bits"), r.value("rate")));
  }
};

}  // namespace retrograd
