// What left and right have in common and what they differ in, to treat each on its own, and back: mid = (left + right) / 2, side = (left - right) /
// 2; left = mid + side, right = mid - side.
#pragma once

#include <retrograd/modules/module.hpp>
#include <retrograd/modules/recorder.hpp>
#include <retrograd/nodes/arithmetic.hpp>

namespace retrograd {

struct MidSideModule {
  static constexpr const char* name = "mid_side";
  static constexpr const char* summary = "left and right as their middle and their difference, or back";
  static constexpr const char* ways[] = {"encode", "decode"};
  static constexpr Structure structure[] = {
      {.name = "way", .choices = ways, .summary = "encode: left and right to mid and side; decode: back"}};
  static void describe(const StructureValues& built, Description& d) {
    const bool encodes = built[0] == 0;
    d.inputs = {{.name = encodes ? "in.left" : "in.mid", .is_required = true, .is_heard = true},
                {.name = encodes ? "in.right" : "in.side", .is_required = true, .is_heard = true}};
    d.outputs = {encodes ? "mid" : "left", encodes ? "side" : "right"};
  }
  static void record(const void*, Recorder& r) {
    if (r.structure("way") == 0) {
      const Var left = r.in("in.left"), right = r.in("in.right");
      r.out("mid", (left + right) * 0.5);
      r.out("side", (left - right) * 0.5);
    } else {
      const Var mid = r.in("in.mid"), side = r.in("in.side");
      r.out("left", mid + side);
      r.out("right", mid - side);
    }
  }
};

}  // namespace retrograd
