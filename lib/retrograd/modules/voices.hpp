// The mix point of a polyphonic rack: what feeds it plays once for each note that sounds, what it feeds plays once.
#pragma once

#include <retrograd/modules/module.hpp>
#include <retrograd/modules/recorder.hpp>

namespace retrograd {

struct VoicesModule {
  static constexpr const char* name = "voices";
  static constexpr const char* summary =
      "the sum of the notes that sound: before it all plays once a note, behind it once";
  static constexpr bool mixes_voices = true;
  static void describe(const StructureValues&, Description& d) {
    d.inputs = {{.name = "in", .is_required = true, .is_heard = true, .summary = "of each note"}};
    d.outputs = {"out"};
  }
  static void record(const void*, Recorder& r) { r.out("out", r.mix_voices(r.in("in"))); }
};

}  // namespace retrograd
