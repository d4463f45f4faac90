// A place between left and right: in times cos(p) and sin(p), p = (position + 1) pi / 4, so that the power of both together is that of
// what comes in; in the middle each is 3 dB lower.
#pragma once

#include <retrograd/modules/module.hpp>
#include <retrograd/modules/recorder.hpp>
#include <retrograd/nodes/all.hpp>

namespace retrograd {

struct PanModule {
  static constexpr const char* name = "pan";
  static constexpr const char* summary = "a place between left and right, of the same power everywhere";
  static void describe(const StructureValues&, Description& d) {
    d.inputs = {{.name = "in", .is_required = true, .is_heard = true, .summary = "what is placed"}};
    d.parameters = {{.name = "position",
                     .domain = range(-1.0, 1.0),
                     .usual = 0.0,
                     .low_shown = -1.0,
                     .high_shown = 1.0,
                     .summary = "-1 left, 1 right"}};
    d.outputs = {"left", "right"};
  }
  static void record(const void*, Recorder& r) {
    constexpr double quarter = 0.7853981633974483;
    const Var in = r.in("in"), angle = (r.value("position") + 1.0) * quarter;
    r.out("left", in * cos(angle));
    r.out("right", in * sin(angle));
  }
};

}  // namespace retrograd
