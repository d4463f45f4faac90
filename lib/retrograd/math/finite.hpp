// Whether numbers are numbers: neither NaN nor infinite, whatever the compiler was told to assume of them.
#pragma once

#include <bit>
#include <cstdint>

namespace retrograd::math {

inline bool is_finite(double value) {
  constexpr std::uint64_t exponent = 0x7FF0000000000000u;
  return (std::bit_cast<std::uint64_t>(value) & exponent) != exponent;
}

/// Of all samples of a block.
inline bool are_finite(const float* samples, std::int64_t count) {
  constexpr std::uint32_t exponent = 0x7F800000u;
  std::uint32_t others = 0;
  for (std::int64_t n = 0; n < count; ++n)
    others |= (std::bit_cast<std::uint32_t>(samples[n]) & exponent) == exponent ? 1u : 0u;
  return others == 0;
}

}  // namespace retrograd::math
