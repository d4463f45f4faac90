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
  constexpr std::int64_t lanes = 16;  // a loop of known length is one that compilers vectorise at -O2
  const auto is_other = [](float x) -> std::uint32_t {
    return (std::bit_cast<std::uint32_t>(x) & exponent) == exponent ? 1u : 0u;
  };
  std::uint32_t others = 0, of_lane[lanes] = {};
  std::int64_t n = 0;
  for (; n + lanes <= count; n += lanes)
    for (std::int64_t l = 0; l < lanes; ++l) of_lane[l] |= is_other(samples[n + l]);
  for (const std::uint32_t each : of_lane) others |= each;
  for (; n < count; ++n) others |= is_other(samples[n]);
  return others == 0;
}

}  // namespace retrograd::math
