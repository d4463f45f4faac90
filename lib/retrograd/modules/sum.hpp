// The plain sum of all that is plugged in: a mixer without knobs.
#pragma once

#include <retrograd/modules/module.hpp>
#include <retrograd/modules/recorder.hpp>

namespace retrograd {

struct SumModule {
  static constexpr const char* name = "sum";
  static constexpr const char* summary = "the sum of all cables into it";
  static void describe(const StructureValues&, Description& d) {
    d.inputs = {{.name = "in", .is_required = true, .is_heard = true, .summary = "any number of cables"}};
    d.outputs = {"out"};
  }
  static void record(const void*, Recorder& r) { r.out("out", r.in("in")); }
};

}  // namespace retrograd
