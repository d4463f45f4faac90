// How loud a rack is, and making it as loud as a recording.
#pragma once

#include <retrograd/racks/rack.hpp>

#include <span>
#include <vector>

namespace retrograd {

/// The parameters, by number, to which what is heard is proportional: walking back from the outputs, the levels of the
/// first modules that have any, and the amounts of cables that add to such a level.
std::vector<std::size_t> heard_levels(const Rack& rack);

/// Renders the rack once and scales those of `levels` so that its largest sample is `peak`. A rack that is silent or not
/// finite, or whose sound no level scales, stays as it is.
void scale_to_peak(Rack& rack, std::span<const std::size_t> levels, double peak);

}  // namespace retrograd
