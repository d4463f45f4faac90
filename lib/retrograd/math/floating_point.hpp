// The default floating-point environment while the library computes, the host's before and after.
#pragma once

#if defined(__x86_64__)
#include <immintrin.h>
#endif
#include <cfenv>

namespace retrograd::math {

/// Rounding to nearest, denormals as they are, no traps: results do not depend on what the host has set.
class DefaultFloatingPoint {
 public:
#if defined(__x86_64__)
  DefaultFloatingPoint() : host_(_mm_getcsr()) {
    const unsigned short full_precision = 0x37F;  // of long double, in which tables are made
    asm volatile("fnstcw %0" : "=m"(host_long_double_));
    asm volatile("fldcw %0" : : "m"(full_precision));
    _mm_setcsr(0x1F80);
  }
  ~DefaultFloatingPoint() {
    _mm_setcsr(host_);
    asm volatile("fldcw %0" : : "m"(host_long_double_));
  }

 private:
  unsigned host_;
  unsigned short host_long_double_;
#else
  DefaultFloatingPoint() {
    std::feholdexcept(&host_);
    std::fesetenv(FE_DFL_ENV);
  }
  ~DefaultFloatingPoint() { std::fesetenv(&host_); }

 private:
  std::fenv_t host_;
#endif
 public:
  DefaultFloatingPoint(const DefaultFloatingPoint&) = delete;
  DefaultFloatingPoint& operator=(const DefaultFloatingPoint&) = delete;
};

}  // namespace retrograd::math
