#include <doctest/doctest.h>

#include <initializer_list>
#include <limits>
#include <retrograd/math/functions.hpp>
#include <retrograd/math/simd.hpp>
#include <type_traits>

namespace {

namespace math = retrograd::math;

/// Writes a*b + c, which tells fused from unfused, for values where the two differ.
struct MultiplyAdd {
  template <class T>
  RETROGRAD_INLINE static void run(const math::real_t<T>* a, const math::real_t<T>* c, math::real_t<T>* y) {
    for (int lane = 0; lane < 16; ++lane) {
      y[lane] = static_cast<math::real_t<T>>(math::fma(T(a[lane]), T(a[lane]), T(c[lane])));
    }
  }
};

template <class Real>
void check_levels() {
  const Real tiny = std::numeric_limits<Real>::epsilon();
  Real a[16], c[16], y[16];
  for (int lane = 0; lane < 16; ++lane) {
    a[lane] = 1 + static_cast<Real>(lane) * tiny;
    c[lane] = -1 - 2 * static_cast<Real>(lane) * tiny;
  }
  for (const math::SimdLevel level : {math::SimdLevel::plain, math::SimdLevel::v3, math::SimdLevel::v4}) {
    if (level > math::best_simd_level()) continue;
    CAPTURE(math::name(level));
    math::Kernel<MultiplyAdd, Real>::at(level)(a, c, y);
    for (int lane = 0; lane < 16; ++lane) {
      const Real square = static_cast<Real>(lane) * tiny;
#if defined(__x86_64__)
      const bool fused = level != math::SimdLevel::plain;
#else
      const bool fused = true;
#endif
      CHECK(y[lane] == (fused ? square * square : Real(0)));
    }
  }
}

}  // namespace

TEST_CASE("every level runs the same loop, fused multiply-add from v3 on") {
  check_levels<float>();
  check_levels<double>();
}

TEST_CASE("a test can force a level, but none the processor lacks") {
  const math::SimdLevel before = math::simd_level();
  CHECK(before <= math::best_simd_level());
  for (const math::SimdLevel level : {math::SimdLevel::plain, math::SimdLevel::v3, math::SimdLevel::v4}) {
    const bool available = level <= math::best_simd_level();
    CHECK(math::set_simd_level(level) == available);
    if (available) CHECK(math::simd_level() == level);
  }
  CHECK(math::set_simd_level(before));
}
