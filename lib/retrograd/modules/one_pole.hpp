// A filter of first order: 6 dB per octave. See nodes/one_pole.hpp.
#pragma once

#include <retrograd/modules/module.hpp>
#include <retrograd/modules/recorder.hpp>
#include <retrograd/modules/shared_parameters.hpp>
#include <retrograd/nodes/one_pole.hpp>

namespace retrograd {

struct OnePoleModule {
  static constexpr const char* name = "one_pole";
  static constexpr const char* summary = "a filter of first order, 6 dB per octave";
  static constexpr const char* kinds[] = {"low", "high", "all_pass"};
  static constexpr Structure structure[] = {
      {.name = "kind", .choices = kinds, .summary = "what it lets through"}};

  static void describe(const StructureValues&, Description& d) {
    d.inputs = {{.name = "in", .is_required = true, .is_heard = true, .summary = "what is filtered"}};
    d.parameters = {cutoff("cutoff", 1000.0)};
    d.outputs = {"out"};
  }
  static void record(const void*, Recorder& r) {
    const Var in = r.in("in"), hertz = r.value("cutoff");
    const auto kind = r.structure("kind");
    r.out("out", kind == 0   ? one_pole_low(in, hertz)
                 : kind == 1 ? one_pole_high(in, hertz)
                             : one_pole_all_pass(in, hertz));
  }
};

}  // namespace retrograd
