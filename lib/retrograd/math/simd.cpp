#include <retrograd/math/simd.hpp>

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

SimdLevel best_simd_level() {
#if defined(__x86_64__)
  __builtin_cpu_init();
  const bool v3 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
                  __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2");
  const bool v4 = v3 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                  __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") &&
                  __builtin_cpu_supports("avx512vl");
  return std::min(v4 ? SimdLevel::v4 : v3 ? SimdLevel::v3 : SimdLevel::plain, highest_simd_level);
#else
  return SimdLevel::plain;
#endif
}

namespace {

SimdLevel level_from_environment() {
  const SimdLevel best = best_simd_level();
  const char* wish = std::getenv("RETROGRAD_SIMD");
  if (wish == nullptr) return best;
  const std::string_view text = wish;
  const SimdLevel level = text == "plain" ? SimdLevel::plain : text == "v3" ? SimdLevel::v3 : best;
  return level < best ? level : best;
}

std::atomic<SimdLevel>& current_level() {
  static std::atomic<SimdLevel> level{level_from_environment()};
  return level;
}

}  // namespace

SimdLevel simd_level() { return current_level().load(std::memory_order_relaxed); }

bool set_simd_level(SimdLevel level) {
  if (level > best_simd_level()) return false;
  current_level().store(level, std::memory_order_relaxed);
  return true;
}

}  // namespace retrograd::math
