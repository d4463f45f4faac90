// std::sin and the like in a node's formula: the compiler's first error says what to write instead.
//
// A formula is compiled for several scalars (scalar.hpp), and the standard's functions know float and double alone.
// There they would compile, without SIMD and with other bits on every machine. So each is declared here for the
// scalar that they do not know, only to be refused. (The standard does not foresee declarations in its namespace;
// no program can call these, and every compiler takes them.)
#pragma once

#include <retrograd/math/scalar.hpp>

#include <cmath>

namespace retrograd::math {

/// Unfused<float> and Unfused<double>.
template <class T>
concept UnfusedScalar = PlainScalar<T> && is_unfused<T>;

}  // namespace retrograd::math

// As constrained as the functions of retrograd::math and more, so that `using std::sin; sin(x)` is refused too.
// The error is told once for all scalars.
#define RETROGRAD_REFUSED(function, advice)                                     \
  template <bool is_known>                                                      \
  struct Refused_##function {                                                   \
    static_assert(is_known, "std::" #function " in a node's formula: " advice); \
    template <class T>                                                          \
    static T of(T x) {                                                          \
      return x;                                                                 \
    }                                                                           \
  };
#define RETROGRAD_REFUSE(function, advice)               \
  RETROGRAD_REFUSED(function, advice)                    \
  template <retrograd::math::UnfusedScalar T>            \
  T function(T x) {                                      \
    return Refused_##function<std::is_void_v<T>>::of(x); \
  }
#define RETROGRAD_REFUSE_OF_TWO(function, advice)                           \
  RETROGRAD_REFUSED(function, advice)                                       \
  template <retrograd::math::UnfusedScalar T>                               \
  T function(T x, T) {                                                      \
    return Refused_##function<std::is_void_v<T>>::of(x);                    \
  }                                                                         \
  template <retrograd::math::UnfusedScalar T, class Other>                  \
  T function(T x, Other) {                                                  \
    return function(x, x);                                                  \
  }                                                                         \
  template <class Other, retrograd::math::UnfusedScalar T>                  \
  T function(Other, T x) requires(!retrograd::math::UnfusedScalar<Other>) { \
    return function(x, x);                                                  \
  }
#define RETROGRAD_ADVICE(other) "use retrograd::math::" #other
#define RETROGRAD_NO_ADVICE(function) \
  "there is no retrograd::math::" #function "; write it with what retrograd/math/functions.hpp has"

namespace std {

RETROGRAD_REFUSE(abs, RETROGRAD_ADVICE(abs))
RETROGRAD_REFUSE(cos, RETROGRAD_ADVICE(cos))
RETROGRAD_REFUSE(exp, RETROGRAD_ADVICE(exp))
RETROGRAD_REFUSE(exp2, RETROGRAD_ADVICE(exp2))
RETROGRAD_REFUSE(expm1, RETROGRAD_ADVICE(expm1))
RETROGRAD_REFUSE(fabs, RETROGRAD_ADVICE(abs))
RETROGRAD_REFUSE(isnan, RETROGRAD_ADVICE(is_nan))
RETROGRAD_REFUSE(log, RETROGRAD_ADVICE(log))
RETROGRAD_REFUSE(log1p, RETROGRAD_ADVICE(log1p))
RETROGRAD_REFUSE(log2, RETROGRAD_ADVICE(log2))
RETROGRAD_REFUSE(nearbyint, RETROGRAD_ADVICE(round_to_nearest))
RETROGRAD_REFUSE(rint, RETROGRAD_ADVICE(round_to_nearest))
RETROGRAD_REFUSE(sin, RETROGRAD_ADVICE(sin))
RETROGRAD_REFUSE(sqrt, RETROGRAD_ADVICE(sqrt))
RETROGRAD_REFUSE(tanh, RETROGRAD_ADVICE(tanh))
RETROGRAD_REFUSE(acos, RETROGRAD_NO_ADVICE(acos))
RETROGRAD_REFUSE(acosh, RETROGRAD_NO_ADVICE(acosh))
RETROGRAD_REFUSE(asin, RETROGRAD_NO_ADVICE(asin))
RETROGRAD_REFUSE(asinh, RETROGRAD_NO_ADVICE(asinh))
RETROGRAD_REFUSE(atan, RETROGRAD_ADVICE(atan))
RETROGRAD_REFUSE(atanh, RETROGRAD_NO_ADVICE(atanh))
RETROGRAD_REFUSE(cbrt, RETROGRAD_NO_ADVICE(cbrt))
RETROGRAD_REFUSE(ceil, RETROGRAD_NO_ADVICE(ceil))
RETROGRAD_REFUSE(cosh, RETROGRAD_NO_ADVICE(cosh))
RETROGRAD_REFUSE(erf, RETROGRAD_NO_ADVICE(erf))
RETROGRAD_REFUSE(floor, RETROGRAD_NO_ADVICE(floor))
RETROGRAD_REFUSE(isfinite, RETROGRAD_NO_ADVICE(isfinite))
RETROGRAD_REFUSE(isinf, RETROGRAD_NO_ADVICE(isinf))
RETROGRAD_REFUSE(log10, RETROGRAD_NO_ADVICE(log10))
RETROGRAD_REFUSE(round, RETROGRAD_NO_ADVICE(round))
RETROGRAD_REFUSE(signbit, RETROGRAD_NO_ADVICE(signbit))
RETROGRAD_REFUSE(sinh, RETROGRAD_NO_ADVICE(sinh))
RETROGRAD_REFUSE(tan, RETROGRAD_NO_ADVICE(tan))
RETROGRAD_REFUSE(trunc, RETROGRAD_NO_ADVICE(trunc))
RETROGRAD_REFUSE_OF_TWO(copysign, RETROGRAD_ADVICE(copysign))
RETROGRAD_REFUSE_OF_TWO(fmax, RETROGRAD_ADVICE(max))
RETROGRAD_REFUSE_OF_TWO(fmin, RETROGRAD_ADVICE(min))
RETROGRAD_REFUSE_OF_TWO(pow, RETROGRAD_ADVICE(pow))
RETROGRAD_REFUSE_OF_TWO(atan2, RETROGRAD_NO_ADVICE(atan2))
RETROGRAD_REFUSE_OF_TWO(fmod, RETROGRAD_NO_ADVICE(fmod))
RETROGRAD_REFUSE_OF_TWO(hypot, RETROGRAD_NO_ADVICE(hypot))
RETROGRAD_REFUSE_OF_TWO(remainder, RETROGRAD_NO_ADVICE(remainder))

}  // namespace std

#undef RETROGRAD_REFUSED
#undef RETROGRAD_REFUSE
#undef RETROGRAD_REFUSE_OF_TWO
#undef RETROGRAD_ADVICE
#undef RETROGRAD_NO_ADVICE
