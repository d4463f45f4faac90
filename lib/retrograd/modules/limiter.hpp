// A limiter: a compressor whose ratio is infinite. With an attack of 0 no sample is louder than threshold and makeup together.
#pragma once

#include <retrograd/modules/level_parameters.hpp>

namespace retrograd {

struct LimiterModule {
  static constexpr const char* name = "limiter";
  static constexpr const char* summary =
      "a limiter: nothing gets louder than the threshold, but while it attacks";
  static void describe(const StructureValues&, Description& d) {
    d.inputs = {{.name = "in", .is_required = true, .is_heard = true, .summary = "what is limited"},
                {.name = "sidechain", .summary = "whose level counts; else that of in"}};
    d.parameters = {threshold(-3.0, "what is not exceeded"),
                    follow_time("attack", 0.001, "time constant of the reduction, up; 0: at once"),
                    follow_time("release", 0.1, "time constant of the reduction, down"), knee(0.0), makeup()};
    d.outputs = {"out"};
  }
  static void record(const void*, Recorder& r) { record_gain_reduction(r, std::nullopt); }
};

}  // namespace retrograd
