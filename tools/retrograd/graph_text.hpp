// A patch's modules and cables, drawn as text.
#pragma once

#include <retrograd/racks/rack.hpp>

#include <string>

namespace retrograd::tool {

/// A line for each module, behind those that feed it: its name and type, and what comes in where. The rack must be valid.
///
///     osc    oscillator
///     env    adsr
///     amp    vca         in <- osc.out, cv <- env.out      heard
std::string graph_as_text(const Rack& rack);

}  // namespace retrograd::tool
