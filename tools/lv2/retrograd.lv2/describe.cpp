// Prints a file of the bundle that is built beside the plug-in: `describe manifest.ttl`.
#include <cstring>
#include <iostream>

#include "../bundle.hpp"

namespace retrograd::lv2 {
namespace {

/// The rack that fits begin with, so that what a fit found can be dialled in. One note of it at full velocity peaks at 2.67
/// by itself; at this level it peaks at 0.33, three such notes stay below full scale whatever their phases, and eight as a
/// rule.
Bundle usual_bundle() {
  if (ModuleList().find("fm_operator") != nullptr)
    return {.rack = default_rack_to_fit(), .uri = "urn:retrograd:fm", .name = "Retrograd FM", .level = 0.125};
  // A library without operators has a simpler instrument.
  const ModuleList modules;
  Rack rack;
  rack.note.gate = {{0.0, 0.5}};
  rack.modules = {make_module("osc", *modules.find("oscillator")), make_module("env", *modules.find("adsr")),
                  make_module("amp", *modules.find("vca"))};
  rack.cables = {{"osc.out", "amp.in"}, {"env.out", "amp.cv"}};
  rack.outputs = {"amp.out"};
  return {.rack = rack, .uri = "urn:retrograd:plain", .name = "Retrograd", .level = 0.33};
}

int print(const char* name) {
  for (const BundleFile& file : files_of(usual_bundle()))
    if (file.name == name) {
      std::cout << file.text << std::flush;
      return std::cout ? 0 : 1;
    }
  return 2;
}

}  // namespace
}  // namespace retrograd::lv2

int main(int argc, char** argv) { return argc == 2 ? retrograd::lv2::print(argv[1]) : 2; }
