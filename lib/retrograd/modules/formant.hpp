// A vowel: band-passes side by side, at the formants of a voice. What is usual is the vowel "ah" of a man: source: G. E. Peterson and H. L. Barney,
// "Control methods used in a study of the vowels" (1952), table II.
#pragma once

#include <retrograd/modules/module.hpp>
#include <retrograd/modules/recorder.hpp>
#include <retrograd/modules/shared_parameters.hpp>
#include <retrograd/nodes/arithmetic.hpp>
#include <retrograd/nodes/state_variable.hpp>

#include <string>

namespace retrograd {

struct FormantModule {
  static constexpr const char* name = "formant";
  static constexpr const char* summary = "a vowel: band-passes side by side";
  static constexpr Structure structure[] = {
      {.name = "formants", .low = 1, .high = 5, .usual = 3, .summary = "how many band-passes"}};

  static void describe(const StructureValues& built, Description& d) {
    static constexpr struct {
      double hertz, width, level;
    } usual[] = {{730.0, 80.0, 1.0},
                 {1090.0, 90.0, 0.56},
                 {2440.0, 120.0, 0.04},
                 {3400.0, 130.0, 0.03},
                 {4500.0, 150.0, 0.02}};
    d.inputs = {
        {.name = "in", .is_required = true, .is_heard = true, .summary = "what is filtered: a buzz, noise"}};
    for (std::int64_t i = 0; i < built[0]; ++i) {
      const std::string number = std::to_string(i);
      const auto& of_vowel = usual[i];
      d.parameters.push_back(cutoff("frequency." + number, of_vowel.hertz));
      d.parameters.push_back({.name = "width." + number,
                              .unit = Unit::hertz,
                              .domain = positive,
                              .usual = of_vowel.width,
                              .is_logarithmic = true,
                              .low_shown = 20.0,
                              .high_shown = 1000.0,
                              .when_heard = {.kind = Draw::Kind::logarithmic, .low = 40.0, .high = 400.0},
                              .when_modulating = {.kind = Draw::Kind::keep},
                              .modulation = Modulation::octaves,
                              .summary = "of the band, 3 dB down"});
      d.parameters.push_back(level("level." + number));
      d.parameters.back().usual = of_vowel.level;
    }
    d.outputs = {"out"};
  }
  static void record(const void*, Recorder& r) {
    const Var in = r.in("in");
    std::optional<Var> sum;
    for (std::int64_t i = 0; i < r.structure("formants"); ++i) {
      const std::string number = std::to_string(i);
      const Var hertz = r.value("frequency." + number);
      const Var band = state_variable(in, hertz, hertz / r.value("width." + number), FilterKind::band) *
                       r.value("level." + number);
      sum = sum ? *sum + band : band;
    }
    r.out("out", *sum);
  }
};

}  // namespace retrograd
