// A wavefolder, antialiased (nodes/antialiased.hpp): f(x) = sin x, which goes back where x goes beyond pi / 2. F = -cos x, and in m and h
//
//     y = sin(m) s(h),   s(h) = sin(h) / h
#pragma once

#include <retrograd/nodes/antialiased.hpp>

namespace retrograd {

struct FoldShaper : Antialiased<FoldShaper> {
  static constexpr const char* name = "fold_shaper";

  template <class T>
  RETROGRAD_INLINE T mean(T a, T b) const {
    const T half = math::constant<T>(0.5);
    return math::sin(half * (a + b)) * weight(half * (a - b));
  }
  template <class T>
  RETROGRAD_INLINE std::array<T, 2> slopes(T a, T b) const {
    using math::constant;
    const T half = constant<T>(0.5), m = half * (a + b), h = half * (a - b), s = weight(h), square = h * h;
    const T small = h * math::polynomial(square, -1.0 / 3.0, 1.0 / 30.0, -1.0 / 840.0, 1.0 / 45360.0,
                                         -1.0 / 3991680.0, 1.0 / 518918400.0);
    const T slope = math::select(math::abs(h) < half, small, (math::cos(h) - s) / h);
    const T in_m = math::cos(m) * s, in_h = math::sin(m) * slope;
    return {half * (in_m + in_h), half * (in_m - in_h)};
  }
  static Check check() { return {.inputs = {{-6.0, 6.0}}}; }

 private:
  template <class T>
  RETROGRAD_INLINE static T weight(T h) {
    return math::select(h == T(0.0), T(1.0), math::sin(h) / h);
  }
};

/// sin(x) with few aliases, half a sample late.
Var fold_shaper(Var x);

}  // namespace retrograd
