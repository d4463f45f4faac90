// A patch's modules and cables as a picture: SVG, made without any other program.
#pragma once

#include <retrograd/racks/rack.hpp>

#include <string>

namespace retrograd::tool {

/// Modules are boxes, those that feed others to the left of them; cables are lines, dashed where they modulate, with
/// their amounts; outputs of the rack are marked. The rack must be valid.
std::string graph_as_svg(const Rack& rack);

}  // namespace retrograd::tool
