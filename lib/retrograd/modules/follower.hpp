// An envelope follower: the level of a sound as a signal that moves something else. See nodes/follower.hpp.
#pragma once

#include <retrograd/modules/level_parameters.hpp>

namespace retrograd {

struct FollowerModule {
  static constexpr const char* name = "follower";
  static constexpr const char* summary = "an envelope follower: how loud what comes in is, linear";
  static constexpr const char* detections[] = {"peak", "rms"};
  static constexpr Structure structure[] = {{.name = "detection",
                                             .choices = detections,
                                             .summary = "of |in|, or of its square and the root of that"}};
  static void describe(const StructureValues&, Description& d) {
    d.inputs = {{.name = "in", .is_required = true, .summary = "whose level it is"}};
    d.parameters = {follow_time("attack", 0.005, "time constant up"),
                    follow_time("release", 0.1, "time constant down")};
    d.outputs = {"out"};
  }
  static void record(const void*, Recorder& r) {
    r.out("out", envelope_follower(r.in("in"), r.value("attack"), r.value("release"),
                                   r.structure("detection") == 0 ? Detection::peak : Detection::rms));
  }
};

}  // namespace retrograd
