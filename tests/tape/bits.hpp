// What a tape computed, as bits, so that two runs can be compared exactly.
#pragma once

#include <retrograd/tape/tape.hpp>

#include <cstring>
#include <string>
#include <vector>

/// The bytes of one value and what it is called.
struct Bits {
  std::string name;
  std::vector<unsigned char> bytes;
  bool operator==(const Bits&) const = default;
};

inline Bits bits_of(const std::string& name, const retrograd::TensorView& view) {
  Bits bits{name, {}};
  bits.bytes.resize(static_cast<std::size_t>(view.shape.elements()) * retrograd::bytes_of(view.type));
  std::memcpy(bits.bytes.data(), view.data, bits.bytes.size());
  return bits;
}

/// The first value that differs; empty where none does.
inline std::string first_difference(const std::vector<Bits>& a, const std::vector<Bits>& b) {
  if (a.size() != b.size()) return "as many values";
  for (std::size_t i = 0; i < a.size(); ++i)
    if (!(a[i] == b[i])) return a[i].name;
  return "";
}
