// A rack that several tests plug together in code, and how loud a rack is.
#pragma once

#include <retrograd/racks/record.hpp>

#include <algorithm>
#include <cmath>

/// Two oscillators, a mixer, an envelope and an amplifier; a free oscillator moves the ratio of one by `amount` octaves.
inline retrograd::Rack subtractive_rack(double amount) {
  using namespace retrograd;
  const ModuleList modules;
  const auto module = [&](const char* name, const char* type, StructureValues structure = {}) {
    return make_module(name, *modules.find(type), std::move(structure));
  };
  Rack rack;
  rack.note.gate = {{0.0, 0.5}};
  rack.modules = {module("low", "oscillator"), module("high", "oscillator"),
                  module("mix", "mixer", {2}), module("env", "adsr"),
                  module("amp", "vca"),        module("lfo", "oscillator", {0, 1})};
  rack.cables = {{"low.out", "mix.in.0"},
                 {"high.out", "mix.in.1"},
                 {"mix.out", "amp.in"},
                 {"env.out", "amp.cv"},
                 {"lfo.out", "high.ratio", amount}};
  rack.outputs = {"amp.out"};
  return rack;
}

/// The root of the mean square of its render.
inline double loudness_of(const retrograd::Rack& rack) {
  retrograd::Tape tape(retrograd::tape_options(rack));
  const retrograd::RecordedRack recorded = retrograd::record(tape, rack);
  tape.play({recorded.audio});
  double power = 0.0;
  const auto samples = tape.value(recorded.audio).as<float>();
  for (const float x : samples) power += static_cast<double>(x) * static_cast<double>(x);
  return std::sqrt(power / static_cast<double>(samples.size()));
}
