// The ladder filter: 24 dB per octave, with a resonance up to where it sounds by itself. See nodes/ladder.hpp.
#pragma once

#include <retrograd/modules/module.hpp>
#include <retrograd/modules/recorder.hpp>
#include <retrograd/modules/shared_parameters.hpp>
#include <retrograd/nodes/ladder.hpp>

namespace retrograd {

struct LadderModule {
  static constexpr const char* name = "ladder";
  static constexpr const char* summary = "a low-pass of four stages, 24 dB per octave, with resonance";
  static constexpr const char* kinds[] = {"linear", "saturating"};
  static constexpr Structure structure[] = {
      {.name = "kind", .choices = kinds, .summary = "saturating: a tanh bounds what comes in"}};

  static void describe(const StructureValues&, Description& d) {
    d.inputs = {{.name = "in", .is_required = true, .is_heard = true, .summary = "what is filtered"}};
    d.parameters = {cutoff("cutoff", 1000.0), resonance("0: none; 1: it sounds by itself, or nearly")};
    d.outputs = {"out"};
  }
  static void record(const void*, Recorder& r) {
    const bool saturates = r.structure("kind") == 1;
    r.out("out",
          (saturates ? saturating_ladder : ladder)(r.in("in"), r.value("cutoff"), r.value("resonance")));
  }
};

}  // namespace retrograd
