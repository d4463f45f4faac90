// What reading and writing sound files share: libsndfile's handle, and words for a sample.
#pragma once

#include <sndfile.h>

#include <cmath>
#include <cstddef>
#include <memory>
#include <sstream>
#include <string>

namespace retrograd::tool {

struct CloseSound {
  void operator()(SNDFILE* file) const { sf_close(file); }
};
/// Closed when it goes out of scope.
using OpenedSound = std::unique_ptr<SNDFILE, CloseSound>;

/// A number in words where it is none.
inline std::string describe(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "infinite" : "minus infinity";
  std::ostringstream text;
  text << value;
  return text.str();
}

/// Where an interleaved sample stands.
inline std::string position(std::size_t sample, int channels) {
  const auto width = static_cast<std::size_t>(channels);
  std::string text = "frame " + std::to_string(sample / width);
  if (channels > 1) text += ", channel " + std::to_string(sample % width);
  return text;
}

}  // namespace retrograd::tool
