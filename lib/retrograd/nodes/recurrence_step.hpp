// One sample of a linear recurrence, and the maps that samples add up to: the operations whose order linear_recurrence.hpp states.
#pragma once

#include <retrograd/nodes/tile.hpp>

#include <array>

namespace retrograd {

/// One sample of a linear recurrence: s' = s + e s + b x, y = c s + d x.
template <class T, int States>
struct LinearStep {
  T e[States][States];  ///< what the state gains of itself
  T b[States];          ///< what it gains of x
  T c[States];          ///< what y has of the state
  T d;                  ///< what y has of x
};

namespace linear {

template <class T, int States>
using Vector = std::array<T, static_cast<std::size_t>(States)>;

template <int Count, class Run>
RETROGRAD_INLINE void for_each(const Run& run) {
  math::unrolled(std::integral_constant<int, Count>(),
                 [&](int i) RETROGRAD_INLINE_LAMBDA { run(static_cast<std::size_t>(i)); });
}

/// a(0) s[0] + a(1) s[1] + ... + last, fused from the last to the first.
template <class T, std::size_t States, class Factors>
RETROGRAD_INLINE T dot(const Factors& a, const std::array<T, States>& s, T last) {
  for_each<static_cast<int>(States)>([&](std::size_t i) RETROGRAD_INLINE_LAMBDA {
    const std::size_t k = States - 1 - i;
    last = math::fma(a(k), s[k], last);
  });
  return last;
}

template <class T, int States>
RETROGRAD_INLINE T output(const LinearStep<T, States>& step, const Vector<T, States>& s, T x) {
  return dot([&](std::size_t k) RETROGRAD_INLINE_LAMBDA { return step.c[k]; }, s, step.d * x);
}

/// The state before a sample becomes that after it.
template <class T, int States>
RETROGRAD_INLINE void move(const LinearStep<T, States>& step, Vector<T, States>& s, T x) {
  const Vector<T, States> before = s;
  for_each<States>([&](std::size_t i) RETROGRAD_INLINE_LAMBDA {
    s[i] = before[i] +
           dot([&](std::size_t k) RETROGRAD_INLINE_LAMBDA { return step.e[i][k]; }, before, step.b[i] * x);
  });
}

/// The adjoint of the state after a sample becomes that of the state before it.
template <class T, int States>
RETROGRAD_INLINE void move_back(const LinearStep<T, States>& step, Vector<T, States>& gs, T gy) {
  const Vector<T, States> after = gs;
  for_each<States>([&](std::size_t i) RETROGRAD_INLINE_LAMBDA {
    gs[i] = after[i] +
            dot([&](std::size_t k) RETROGRAD_INLINE_LAMBDA { return step.e[k][i]; }, after, step.c[i] * gy);
  });
}

/// A state that is no longer worth computing with, and not zero yet.
template <class T>
RETROGRAD_INLINE bool is_small(T s) {
  return math::abs(s) < math::constant<T>(0x1p-100) && s != T(0.0);
}
template <class T>
RETROGRAD_INLINE T flushed(T s) {
  return math::select(is_small(s), T(0.0), s);
}

/// What a number of samples do to the state: s + f s + u.
template <class T, int States>
struct Map {
  Vector<T, States> column[States];  // f[i][k] is column[k][i]
  /// Another sample, without its input.
  RETROGRAD_INLINE void add(const LinearStep<T, States>& step) {
    for_each<States>([&](std::size_t k) RETROGRAD_INLINE_LAMBDA {
      const Vector<T, States> before = column[k];
      for_each<States>([&](std::size_t i) RETROGRAD_INLINE_LAMBDA {
        column[k][i] = dot([&](std::size_t n) RETROGRAD_INLINE_LAMBDA { return step.e[i][n]; }, before,
                           before[i] + step.e[i][k]);
      });
    });
  }
};

/// The steps of parameters that are all constant over time: one, and one map of a block.
template <class T, int States>
struct SteadySteps {
  static constexpr bool is_steady = true;
  LinearStep<T, States> step;
  Map<T, States> map;
  RETROGRAD_INLINE explicit SteadySteps(const LinearStep<T, States>& of_all)
      : step(of_all), map(map_of(math::block)) {}
  RETROGRAD_INLINE Map<T, States> map_of(int samples) const {
    Map<T, States> part{};
    for (int j = 0; j < samples; ++j) part.add(step);
    return part;
  }
  template <class Inputs>
  RETROGRAD_INLINE const LinearStep<T, States>& at(const Inputs&, int, int) const {
    return step;
  }
};
/// Of parameters of which some vary: `step_of(inputs, j, l)`.
template <class StepOf>
struct VaryingSteps {
  static constexpr bool is_steady = false;
  StepOf step_of;
  template <class Inputs>
  RETROGRAD_INLINE auto at(const Inputs& x, int j, int l) const {
    return step_of(x, j, l);
  }
};
template <class StepOf>
VaryingSteps(StepOf) -> VaryingSteps<StepOf>;

}  // namespace linear

}  // namespace retrograd
