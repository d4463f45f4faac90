// A parametric equaliser: bells one after the other, between a low shelf and a high shelf. See nodes/state_variable.hpp.
#pragma once

#include <retrograd/modules/module.hpp>
#include <retrograd/modules/recorder.hpp>
#include <retrograd/modules/shared_parameters.hpp>
#include <retrograd/nodes/state_variable.hpp>

#include <cmath>
#include <string>

namespace retrograd {

struct EqualiserModule {
  static constexpr const char* name = "equaliser";
  static constexpr const char* summary = "a parametric equaliser: bells between a low and a high shelf";
  static constexpr Structure structure[] = {{.name = "bands",
                                             .low = 3,
                                             .high = 10,
                                             .usual = 4,
                                             .summary = "the first a low shelf, the last a high shelf"}};

  static void describe(const StructureValues& built, Description& d) {
    d.inputs = {{.name = "in", .is_required = true, .is_heard = true, .summary = "what is filtered"}};
    const auto bands = built[0];
    for (std::int64_t band = 0; band < bands; ++band) {
      const std::string number = std::to_string(band);
      // From 100 Hz to 6.4 kHz, evenly in octaves.
      const double usual =
          std::round(100.0 * std::exp2(6.0 * static_cast<double>(band) / static_cast<double>(bands - 1)));
      d.parameters.push_back(cutoff("frequency." + number, usual));
      d.parameters.push_back(gain("gain." + number));
      d.parameters.back().usual = 0.0;
      d.parameters.push_back({.name = "q." + number,
                              .domain = positive,
                              .usual = 0.7,
                              .is_logarithmic = true,
                              .low_shown = 0.1,
                              .high_shown = 20.0,
                              .when_heard = {.kind = Draw::Kind::logarithmic, .low = 0.3, .high = 3.0},
                              .when_modulating = {.kind = Draw::Kind::keep},
                              .modulation = Modulation::octaves,
                              .summary = "how narrow the band is"});
    }
    d.outputs = {"out"};
  }
  static void record(const void*, Recorder& r) {
    Var y = r.in("in");
    const auto bands = r.structure("bands");
    for (std::int64_t band = 0; band < bands; ++band) {
      const std::string number = std::to_string(band);
      const FilterKind kind = band == 0           ? FilterKind::low_shelf
                              : band == bands - 1 ? FilterKind::high_shelf
                                                  : FilterKind::bell;
      y = state_variable(y, r.value("frequency." + number), r.value("q." + number), kind,
                         r.value("gain." + number));
    }
    r.out("out", y);
  }
};

}  // namespace retrograd
