// The files that hosts read of a bundle, in Turtle.
#pragma once

#include "bundle.hpp"
#include "ports.hpp"

namespace retrograd::lv2 {

/// manifest.ttl: what there is.
std::string manifest(const Bundle& bundle, const std::vector<Preset>& presets);
/// retrograd.ttl: the instrument and its ports.
std::string description(const Bundle& bundle, const std::vector<Preset>& presets);
/// presets.ttl: the ports' values in each preset.
std::string settings(const Bundle& bundle, const std::vector<Preset>& presets);

/// The shortest decimal digits that read back as the same double, with a point.
std::string decimal(double value);

}  // namespace retrograd::lv2
