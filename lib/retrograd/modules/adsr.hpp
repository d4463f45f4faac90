// An envelope: attack, decay, sustain, release. See nodes/adsr.hpp.
#pragma once

#include <retrograd/modules/module.hpp>
#include <retrograd/modules/recorder.hpp>
#include <retrograd/modules/shared_parameters.hpp>
#include <retrograd/nodes/adsr.hpp>

namespace retrograd {

struct AdsrModule {
  static constexpr const char* name = "adsr";
  static constexpr const char* summary = "an envelope from 0 to 1: attack, decay, sustain, release";
  static void describe(const StructureValues&, Description& d) {
    d.inputs = {{.name = "gate", .normalled = "note.gate", .summary = "high while it is held"}};
    add_envelope(d, "");
    d.outputs = {"out"};
  }
  static void record(const void*, Recorder& r) {
    r.out("out",
          adsr(r.in("gate"), {r.value("attack"), r.value("decay"), r.value("sustain"), r.value("release")}));
  }
};

}  // namespace retrograd
