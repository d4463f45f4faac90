// Curves that are -1 below -1 and 1 above 1, antialiased (nodes/antialiased.hpp):
//
//     clip_shaper    f(x) = x between        F = x^2 / 2
//     cubic_shaper   f(x) = (3 x - x^3) / 2  F = (6 x^2 - x^4) / 8     the slope at 0 is 1.5, and 0 where it ends
//
// With A and B what a and b are held to, the part of the line between -1 and 1 ends there, and beyond f is 1 or -1:
//
//     y = (F(A) - F(B) + |a - A| - |b - B|) / (a - b),    F(A) - F(B) = (A - B) times a polynomial in A and B
//     dy/da = integral of f'(u) (u - b) du from B to A / (a - b)^2,    dy/db the same of f'(u) (a - u)
#pragma once

#include <retrograd/nodes/antialiased.hpp>

namespace retrograd {

/// `Curve` is the part between: f, the polynomial (F(A) - F(B)) / (A - B), and f'.
template <class N>
struct ClippedShaper : Antialiased<N> {
  template <class T>
  RETROGRAD_INLINE T mean(T a, T b) const {
    const T way = a - b, held_a = held(a), held_b = held(b);
    const T beyond = math::abs(a - held_a) - math::abs(b - held_b);
    const T rise = math::fma(held_a - held_b, N::mean_inside(held_a, held_b), beyond);
    return math::select(way == T(0.0), N::inside(held_a), rise / way);
  }
  template <class T>
  RETROGRAD_INLINE std::array<T, 2> slopes(T a, T b) const {
    using math::constant;
    const T half = constant<T>(0.5), held_a = held(a), held_b = held(b), way = a - b;
    const bool is_still = way == T(0.0);
    const T divisor = math::select(is_still, T(1.0), way);
    // Shares of the way: before the part between, half of it, and after it.
    const T before = (held_b - b) / divisor, part = half * ((held_a - held_b) / divisor),
            after = (a - held_a) / divisor;
    // Two points of Gauss, u and v, are exact, for f' has degree 2 at most.
    constexpr double root = 0.5773502691896258;
    const T middle = half * (held_a + held_b), off = half * (held_a - held_b) * constant<T>(root);
    const T at_u = part * N::slope_inside(middle - off), at_v = part * N::slope_inside(middle + off);
    const T near = part * constant<T>(1.0 - root), far = part * constant<T>(1.0 + root);
    const T still = math::select(math::abs(a) < T(1.0), half * N::slope_inside(held_a), T(0.0));
    return {math::select(is_still, still, at_u * (before + near) + at_v * (before + far)),
            math::select(is_still, still, at_u * (after + far) + at_v * (after + near))};
  }
  static Check check() { return {.inputs = {{-3.0, 3.0, {-1.0, 1.0}}}}; }

 private:
  template <class T>
  RETROGRAD_INLINE static T held(T x) {
    return math::max(math::min(x, T(1.0)), T(-1.0));
  }
};

struct ClipShaper : ClippedShaper<ClipShaper> {
  static constexpr const char* name = "clip_shaper";
  template <class T>
  RETROGRAD_INLINE static T inside(T a) {
    return a;
  }
  template <class T>
  RETROGRAD_INLINE static T mean_inside(T a, T b) {
    return math::constant<T>(0.5) * (a + b);
  }
  template <class T>
  RETROGRAD_INLINE static T slope_inside(T) {
    return T(1.0);
  }
};

struct CubicShaper : ClippedShaper<CubicShaper> {
  static constexpr const char* name = "cubic_shaper";
  template <class T>
  RETROGRAD_INLINE static T inside(T a) {
    return a * math::fma(math::constant<T>(-0.5), a * a, math::constant<T>(1.5));
  }
  template <class T>
  RETROGRAD_INLINE static T mean_inside(T a, T b) {
    const T squares = math::fma(a, a, b * b);
    return (a + b) * math::fma(math::constant<T>(-0.125), squares, math::constant<T>(0.75));
  }
  template <class T>
  RETROGRAD_INLINE static T slope_inside(T u) {
    return math::fma(math::constant<T>(-1.5), u * u, math::constant<T>(1.5));
  }
};

/// x held between -1 and 1, with few aliases, half a sample late.
Var clip_shaper(Var x);
/// (3 x - x^3) / 2 between -1 and 1, beyond them -1 and 1, with few aliases, half a sample late.
Var cubic_shaper(Var x);

}  // namespace retrograd
