// An amplifier: in times level. A cable to the level opens and closes it; a level of 0 is then what it begins from.
#pragma once

#include <retrograd/modules/module.hpp>
#include <retrograd/modules/recorder.hpp>
#include <retrograd/modules/shared_parameters.hpp>
#include <retrograd/nodes/arithmetic.hpp>

namespace retrograd {

struct VcaModule {
  static constexpr const char* name = "vca";
  static constexpr const char* summary = "an amplifier: in times level, times cv where a cable goes there";
  static void describe(const StructureValues&, Description& d) {
    d.inputs = {{.name = "in", .is_required = true, .is_heard = true, .summary = "what is amplified"},
                {.name = "cv", .summary = "another factor: an envelope"}};
    d.parameters = {level("level")};
    d.outputs = {"out"};
  }
  static void record(const void*, Recorder& r) {
    const Var in = r.in("in");
    r.out("out", r.has("cv") ? in * r.in("cv") * r.value("level") : in * r.value("level"));
  }
};

}  // namespace retrograd
