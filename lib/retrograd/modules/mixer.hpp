// A mixer: the sum of its inputs, each times a level of its own.
#pragma once

#include <retrograd/modules/module.hpp>
#include <retrograd/modules/recorder.hpp>
#include <retrograd/modules/shared_parameters.hpp>
#include <retrograd/nodes/arithmetic.hpp>

namespace retrograd {

struct MixerModule {
  static constexpr const char* name = "mixer";
  static constexpr const char* summary = "the sum of its inputs, each times its level";
  static constexpr Structure structure[] = {
      {.name = "inputs", .low = 1, .high = 1024, .usual = 2, .summary = "how many: in.0, in.1 and so on"}};
  static void describe(const StructureValues& built, Description& d) {
    for (std::int64_t i = 0; i < built[0]; ++i) {
      d.inputs.push_back({.name = "in." + std::to_string(i), .is_heard = true});
      d.parameters.push_back(level("level." + std::to_string(i)));
    }
    d.outputs = {"out"};
  }
  static void record(const void*, Recorder& r) {
    std::optional<Var> sum;
    for (std::int64_t i = 0; i < r.structure("inputs"); ++i) {
      const std::string number = std::to_string(i);
      if (!r.has("in." + number)) continue;
      const Var part = r.in("in." + number) * r.value("level." + number);
      sum = sum ? *sum + part : part;
    }
    r.out("out", sum ? *sum : constant(r.tape().state(), Tensor({0.0})));
  }
};

}  // namespace retrograd
