// A patch's modules and cables as a picture: SVG, made without any other program.
#pragma once

#include <retrograd/racks/rack.hpp>

#include <string>

#include "spectrogram.hpp"

namespace retrograd::tool {

/// Modules are boxes, those that feed others to the left of them; cables are lines, dashed where they modulate, with
/// their amounts; outputs of the rack are marked. Under the graph comes the spectrogram, where there is one. The rack must
/// be valid.
std::string graph_as_svg(const Rack& rack, const Spectrogram* spectrogram = nullptr);

}  // namespace retrograd::tool
