// How far apart left and right are: with m = (left + right) / 2 and s = (left - right) / 2, m + width s and m - width s.
#pragma once

#include <retrograd/modules/module.hpp>
#include <retrograd/modules/recorder.hpp>
#include <retrograd/nodes/arithmetic.hpp>

namespace retrograd {

struct WidthModule {
  static constexpr const char* name = "width";
  static constexpr const char* summary = "how far apart left and right are";
  static void describe(const StructureValues&, Description& d) {
    d.inputs = {{.name = "in.left", .is_required = true, .is_heard = true},
                {.name = "in.right", .is_required = true, .is_heard = true}};
    d.parameters = {{.name = "width",
                     .domain = range(0.0, 4.0),
                     .usual = 1.0,
                     .high_shown = 2.0,
                     .summary = "0: mono; 1: as they are"}};
    d.outputs = {"left", "right"};
  }
  static void record(const void*, Recorder& r) {
    const Var left = r.in("in.left"), right = r.in("in.right");
    const Var mid = (left + right) * 0.5, side = (left - right) * 0.5 * r.value("width");
    r.out("left", mid + side);
    r.out("right", mid - side);
  }
};

}  // namespace retrograd
