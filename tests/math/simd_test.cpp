#include <doctest/doctest.h>

#include <initializer_list>
#include <limits>
#include <retrograd/backends/processor.hpp>
#include <retrograd/math/functions.hpp>
#include <retrograd/math/simd.hpp>
#include <retrograd/tensor/errors.hpp>
#include <string>
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
    if (!math::has_simd_level(level)) continue;
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

TEST_CASE("the loops of f64 for AVX2 serve under AVX-512 too") {
  using math::SimdLevel;
  for (const SimdLevel level : {SimdLevel::plain, SimdLevel::v3, SimdLevel::v4}) {
    if (!math::has_loops(level)) continue;
    CAPTURE(math::name(level));
    CHECK((math::Kernel<MultiplyAdd, float>::at(level) != nullptr));
    CHECK((math::Kernel<MultiplyAdd, double>::at(level) != nullptr));
  }
  if (!math::has_loops(SimdLevel::v3) || !math::has_loops(SimdLevel::v4)) return;
  const auto v3_serves_v4 = []<class Real>(Real) {
    return math::Kernel<MultiplyAdd, Real>::at(SimdLevel::v4) ==
           math::Kernel<MultiplyAdd, Real>::at(SimdLevel::v3);
  };
  CHECK(v3_serves_v4(0.0));
  CHECK(!v3_serves_v4(0.0f));
}

TEST_CASE("a test can force a level, but none the processor lacks") {
  const math::SimdLevel before = math::simd_level();
  CHECK(before <= math::best_simd_level());
  for (const math::SimdLevel level : {math::SimdLevel::plain, math::SimdLevel::v3, math::SimdLevel::v4}) {
    const bool available = math::has_simd_level(level);
    CHECK(math::set_simd_level(level) == available);
    if (available) CHECK(math::simd_level() == level);
  }
  CHECK(math::set_simd_level(before));
}

TEST_CASE("a build with the loops of one level says which it needs where the processor is a lesser one") {
  using math::SimdLevel;
  CHECK_NOTHROW(retrograd::check_processor(SimdLevel::v4, SimdLevel::v4));
  CHECK_NOTHROW(retrograd::check_processor(SimdLevel::v4, SimdLevel::plain));
  try {
    retrograd::check_processor(SimdLevel::v3, SimdLevel::v4);
    FAIL("no error");
  } catch (const retrograd::DeviceError& error) {
    const std::string text = error.what();
    CAPTURE(text);
    CHECK(text.find(math::name(SimdLevel::v4)) < text.find(math::name(SimdLevel::v3)));
    CHECK(text.find("-Dsimd=v4") != std::string::npos);
  }
}
