// The library's floating-point environment while it computes, the host's before and after.
#pragma once

#if defined(__x86_64__)
#include <immintrin.h>
#endif
#include <cfenv>
#include <cstdint>

namespace retrograd::math {

/// Rounding to nearest, no traps, denormals (results and operands) are zero: results do not depend on what the
/// host has set, and nothing runs denormal. The tail of an envelope times a sine near its zero would, and the
/// adjoint of a square of it.
class DefaultFloatingPoint {
 public:
#if defined(__x86_64__)
  DefaultFloatingPoint() : host_(_mm_getcsr()) {
    const unsigned short full_precision = 0x37F;  // of long double, in which tables are made
    asm volatile("fnstcw %0" : "=m"(host_long_double_));
    asm volatile("fldcw %0" : : "m"(full_precision));
    const unsigned nearest_no_traps = 0x1F80, flush_to_zero = 0x8000, denormals_are_zero = 0x0040;
    _mm_setcsr(nearest_no_traps | flush_to_zero | denormals_are_zero);
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
#if defined(__aarch64__)
    std::uint64_t control;
    asm volatile("mrs %0, fpcr" : "=r"(control));
    asm volatile("msr fpcr, %0" : : "r"(control | (std::uint64_t{1} << 24)));  // FZ
#endif
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
