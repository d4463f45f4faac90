// Racks of format 1 drawn at random, the same on every platform, for tests of bits that hold hashes made before format 2 was there.
#pragma once

#include <retrograd/math/simd.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace format_1_racks {

inline constexpr std::uint64_t no_hash = 0xcbf29ce484222325ull;  // FNV-1a, from here on

inline std::uint64_t hash_of(std::uint64_t hash, const void* data, std::size_t bytes) {
  const auto* byte = static_cast<const unsigned char*>(data);
  for (std::size_t i = 0; i < bytes; ++i) hash = (hash ^ byte[i]) * 0x100000001b3ull;
  return hash;
}

// SplitMix64.
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}
  double uniform(double low, double high) {
    return low + (high - low) * (static_cast<double>(next() >> 11) * 0x1p-53);
  }
  int below(int n) { return static_cast<int>(next() % static_cast<std::uint64_t>(n)); }

 private:
  std::uint64_t next() {
    std::uint64_t z = (state_ += 0x9E3779B97F4A7C15ull);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
    return z ^ (z >> 31);
  }
  std::uint64_t state_;
};

/// Up to seven operators in any routing without a loop, heard as the file says or as the format does.
inline std::string text(std::uint64_t seed) {
  Random random(seed);
  const auto number = [&](double low, double high) { return std::to_string(random.uniform(low, high)); };
  const auto count = static_cast<std::size_t>(1 + random.below(7));
  std::vector<std::size_t> order(count);
  for (std::size_t i = 0; i < count; ++i) order[i] = i;
  for (std::size_t i = count - 1; i > 0; --i)
    std::swap(order[i], order[static_cast<std::size_t>(random.below(static_cast<int>(i) + 1))]);
  std::vector<std::pair<std::size_t, std::size_t>> routes;
  for (std::size_t i = 0; i < count; ++i)
    for (std::size_t j = i + 1; j < count; ++j)
      if (random.below(3) == 0) routes.push_back({order[i], order[j]});
  for (std::size_t i = routes.size(); i-- > 1;)
    std::swap(routes[i], routes[static_cast<std::size_t>(random.below(static_cast<int>(i) + 1))]);

  std::string text =
      "format = 1\nsample_rate = 22050.0\nduration = 0.3\n[note]\nfrequency = " + number(80, 900) +
      "\ngate = [[0.01, 0.12], [0.15, 0.2]]\n[fm]\nrouting = [";
  for (const auto& [modulator, carrier] : routes)
    text += "[" + std::to_string(modulator) + ", " + std::to_string(carrier) + "], ";
  text += "]\n";
  if (random.below(2) == 0) {
    std::string heard;
    for (std::size_t i = count; i-- > 0;)
      if (random.below(2) == 0) heard += std::to_string(i) + ", ";
    text += "audible = [" + (heard.empty() ? "0" : heard) + "]\n";
  }
  for (std::size_t i = 0; i < count; ++i) {
    const std::string release = number(0.01, 0.2), sustain = number(0, 0.9), decay = number(0.01, 0.2),
                      attack = number(0.001, 0.05), gain = number(0.1, 1.5), ratio = number(0.5, 5);
    text += "[[fm.operator]]\nratio = " + ratio + "\ngain = " + gain + "\nenvelope = { attack = " + attack +
            ", decay = " + decay + ", sustain = " + sustain + ", release = " + release + " }\n";
  }
  return text;
}

/// The hashes are those of levels that have fused multiply-add, which the first has not.
inline bool has_these_bits() { return retrograd::math::simd_level() != retrograd::math::SimdLevel::plain; }

}  // namespace format_1_racks
