// What a patch sounds like, as a picture: time to the right, frequency upwards, each octave as high as the next.
#pragma once

#include <retrograd/racks/rack.hpp>

#include <string>
#include <vector>

namespace retrograd::tool {

/// A picture of levels. `shades` has `columns * rows` of them, row by row from the lowest frequency: 0 is nothing, 15 the loudest.
struct Spectrogram {
  int columns = 0, rows = 0;
  std::vector<int> shades{};
  double seconds = 0.0;                ///< the picture's width
  double lowest = 0.0, highest = 0.0;  ///< Hz, the picture's lower and upper edge
};

/// How many shades there are, and how many dB below the loudest the first of them begins.
inline constexpr int shades = 16;
inline constexpr double range_in_decibels = 64.0;

/// Renders the patch (the mean of its channels) and looks at it through windows of about 0.1 s. The patch must be valid.
/// Raises a NotFiniteError where a sample is NaN or infinite.
Spectrogram spectrogram_of(const Rack& rack);

/// The picture with its axes as SVG elements, in a rectangle with this corner, this wide and `spectrogram_height` high.
std::string drawn(const Spectrogram& spectrogram, double x, double y, double width);
inline constexpr double spectrogram_height = 270.0;

}  // namespace retrograd::tool
