// The SIMD level of the processor at hand. Meson asks for it too, where loops are to be compiled for that one alone.
#pragma once

#include <retrograd/math/simd.hpp>

namespace retrograd::math {

inline SimdLevel processor_simd_level() {
#if defined(__x86_64__)
  __builtin_cpu_init();
  const bool v3 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
                  __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2");
  const bool v4 = v3 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                  __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") &&
                  __builtin_cpu_supports("avx512vl");
  return v4 ? SimdLevel::v4 : v3 ? SimdLevel::v3 : SimdLevel::plain;
#else
  return SimdLevel::plain;
#endif
}

}  // namespace retrograd::math
