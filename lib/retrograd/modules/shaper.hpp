// A waveshaper: level times a curve of what comes in, driven by so many dB. What the curve would fold back from above half the sample rate is
// mostly kept out (nodes/antialiased.hpp); it is late by half a sample.
#pragma once

#include <retrograd/modules/level_parameters.hpp>
#include <retrograd/modules/shared_parameters.hpp>

namespace retrograd {

struct ShaperModule {
  static constexpr const char* name = "shaper";
  static constexpr const char* summary =
      "a waveshaper with few aliases: level times a curve of what comes in";
  static constexpr const char* shapes[] = {"tanh", "cubic", "arctangent", "fold", "clip"};
  static constexpr Structure structure[] = {{.name = "shape", .choices = shapes, .summary = "the curve"}};
  static void describe(const StructureValues&, Description& d) {
    d.inputs = {{.name = "in", .is_required = true, .is_heard = true, .summary = "what is bent"}};
    d.parameters = {decibels("drive", 12.0, -24.0, 60.0, "how much louder it goes in"), level("level")};
    d.outputs = {"out"};
  }
  static void record(const void*, Recorder& r) {
    constexpr Var (*curves[])(Var) = {tanh_shaper, cubic_shaper, arctangent_shaper, fold_shaper, clip_shaper};
    const Var driven = r.in("in") * from_decibels(r.value("drive"));
    r.out("out", curves[r.structure("shape")](driven) * r.value("level"));
  }
};

}  // namespace retrograd
