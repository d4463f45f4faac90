// A filter of second order: low-pass, band-pass, high-pass and the others of nodes/state_variable.hpp. It is stable wherever its
// parameters go, and however fast.
#pragma once

#include <retrograd/modules/module.hpp>
#include <retrograd/modules/recorder.hpp>
#include <retrograd/modules/shared_parameters.hpp>
#include <retrograd/nodes/arithmetic.hpp>
#include <retrograd/nodes/state_variable.hpp>

namespace retrograd {

struct FilterModule {
  static constexpr const char* name = "filter";
  static constexpr const char* summary = "a filter of second order, 12 dB per octave, with resonance";
  static constexpr const char* kinds[] = {"low",      "band", "high",      "notch",     "peak",
                                          "all_pass", "bell", "low_shelf", "high_shelf"};
  static constexpr Structure structure[] = {
      {.name = "kind", .choices = kinds, .summary = "what it lets through"}};

  static void describe(const StructureValues& built, Description& d) {
    d.inputs = {{.name = "in", .is_required = true, .is_heard = true, .summary = "what is filtered"}};
    d.parameters = {cutoff("cutoff", 1000.0), resonance("0: none, a Q of 0.5; 1: a Q of 50")};
    if (has_gain(static_cast<FilterKind>(built[0]))) d.parameters.push_back(gain("gain"));
    d.outputs = {"out"};
  }
  static void record(const void*, Recorder& r) {
    const auto kind = static_cast<FilterKind>(r.structure("kind"));
    // The damping, 1 / Q, falls in a straight line.
    const Var k = 2.0 - 1.98 * r.value("resonance");
    r.out("out", state_variable_damped(r.in("in"), r.value("cutoff"), k, kind,
                                       has_gain(kind) ? std::optional(r.value("gain")) : std::nullopt));
  }
};

}  // namespace retrograd
