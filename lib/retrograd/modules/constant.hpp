// A number: to be turned, fitted, or sent to several places.
#pragma once

#include <retrograd/modules/module.hpp>
#include <retrograd/modules/recorder.hpp>

namespace retrograd {

struct ConstantModule {
  static constexpr const char* name = "constant";
  static constexpr const char* summary = "a number, constant over time";
  static void describe(const StructureValues&, Description& d) {
    d.parameters = {{.name = "value",
                     .low_shown = -1.0,
                     .high_shown = 1.0,
                     .when_heard = {.kind = Draw::Kind::keep},
                     .when_modulating = {.kind = Draw::Kind::keep},
                     .summary = "what it is"}};
    d.outputs = {"out"};
  }
  static void record(const void*, Recorder& r) { r.out("out", r.value("value")); }
};

}  // namespace retrograd
