// Numbers in JSON, which has none for what is not finite.
#pragma once

#include <cmath>
#include <nlohmann/json.hpp>

namespace retrograd::tool {

/// The number, or "inf", "-inf", "nan": never null.
inline nlohmann::ordered_json json_number(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value > 0 ? "inf" : "-inf";
  return value;
}

}  // namespace retrograd::tool
