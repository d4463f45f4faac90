// The file that --resume reads and writes: where a fit stopped, as JSON.
#pragma once

#include <retrograd/fit/fit.hpp>

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace retrograd::tool {

/// A fit and what it was of. Only a fit of the same goes on from it.
struct SavedFit {
  std::string recording;                   ///< fingerprint(target)
  double loss_floor = default_loss_floor;  ///< dB: losses above another floor do not compare
  std::uint64_t seed = 0;
  std::vector<std::string> frozen;  ///< patterns of parameters that were not fitted
  Rack initial;                     ///< tuned to the target
  FitState state;
};

/// A hash of the target's samples, rate, frequency and gate: 16 hexadecimal digits.
std::string fingerprint(const FitTarget& target);

/// Text that parse_fit turns back into the same fit, bit for bit.
std::string format_fit(const SavedFit& fit);

/// Raises a FileError that begins with `name` where the text is no such fit: not JSON, an unknown or missing
/// key, a value of the wrong type or out of range, patches that are invalid or not of one structure.
SavedFit parse_fit(const std::string& text, const std::string& name);

/// Reads the file and parses it. Raises a FileError.
SavedFit load_fit(const std::filesystem::path& path);

}  // namespace retrograd::tool
