// A compressor: what is louder than the threshold gets louder by one dB for `ratio` dB of input only. The reduction
// (1 - 1 / ratio) (level - threshold) is followed in dB, up with the attack, down with the release; the level is that of each sample.
#pragma once

#include <retrograd/modules/level_parameters.hpp>

namespace retrograd {

struct CompressorModule {
  static constexpr const char* name = "compressor";
  static constexpr const char* summary = "a compressor: above the threshold one dB more for `ratio` dB more";
  static void describe(const StructureValues&, Description& d) {
    d.inputs = {{.name = "in", .is_required = true, .is_heard = true, .summary = "what is compressed"},
                {.name = "sidechain", .summary = "whose level counts; else that of in"}};
    d.parameters = {threshold(-18.0, "from where on it is compressed"),
                    {.name = "ratio",
                     .domain = range(1.0, 1000.0),
                     .usual = 4.0,
                     .is_logarithmic = true,
                     .low_shown = 1.0,
                     .high_shown = 20.0,
                     .summary = "dB of input for one dB of output"},
                    follow_time("attack", 0.005, "time constant of the reduction, up"),
                    follow_time("release", 0.1, "time constant of the reduction, down"),
                    knee(6.0),
                    makeup()};
    d.outputs = {"out"};
  }
  static void record(const void*, Recorder& r) { record_gain_reduction(r, 1.0 - 1.0 / r.value("ratio")); }
};

}  // namespace retrograd
