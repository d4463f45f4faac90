#include <retrograd/math/processor.hpp>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <string_view>

namespace retrograd::math {

const char* name(SimdLevel level) {
#if defined(__x86_64__)
  switch (level) {
    case SimdLevel::plain:
      return "plain (SSE2)";
    case SimdLevel::v3:
      return "x86-64-v3 (AVX2)";
    case SimdLevel::v4:
      return "x86-64-v4 (AVX-512)";
  }
#endif
  (void)level;
  return "plain";
}

SimdLevel best_simd_level() { return std::min(processor_simd_level(), highest_simd_level); }

bool has_simd_level(SimdLevel level) { return lowest_simd_level <= level && level <= best_simd_level(); }

namespace {

// What the environment asks for; empty: nothing.
std::string_view wished_level() {
  const char* wish = std::getenv("RETROGRAD_SIMD");
  return wish != nullptr ? wish : "";
}

SimdLevel level_from_environment() {
  const SimdLevel best = best_simd_level();
  const std::string_view wish = wished_level();
  const SimdLevel level = wish == "plain" ? SimdLevel::plain : wish == "v3" ? SimdLevel::v3 : best;
  return std::min(std::max(level, lowest_simd_level), best);
}

std::atomic<SimdLevel>& current_level() {
  static std::atomic<SimdLevel> level{level_from_environment()};
  return level;
}

}  // namespace

SimdLevel simd_level() { return current_level().load(std::memory_order_relaxed); }

std::string wrong_simd_wish() {
  // Once: the environment is not to be read while a host changes it.
  static const bool is_wrong = [] {
    const std::string_view wish = wished_level();
    return !wish.empty() && wish != "plain" && wish != "v3" && wish != "v4";
  }();
  if (!is_wrong) return {};
  return "RETROGRAD_SIMD is '" + std::string(wished_level()) +
         "' in the environment; it may be plain, v3 or v4, or not be set: then the best level is used";
}

bool set_simd_level(SimdLevel level) {
  if (!has_simd_level(level)) return false;
  current_level().store(level, std::memory_order_relaxed);
  return true;
}

}  // namespace retrograd::math
