// The SIMD levels of one binary: the same loop compiled for each, and the level chosen when the program runs.
//
// A loop is a struct with a static, always-inline `run<T>(arguments...)` (T is the scalar it computes in).
// `Kernel` compiles it for each level through function attributes; no -march flag is needed and no symbol
// depends on one:
//
//     struct Scale {
//       template <class T>
//       RETROGRAD_INLINE static void run(real_t<T>* x, int count) { ... }
//     };
//     Kernel<Scale, float>::at(simd_level())(x, count);
//
// The levels v3 and v4 have fused multiply-add and give the same bits; `plain` computes in Unfused<T>, whose
// fma is a*b + c, and may differ from them in the last bits rather than emulate what the processor lacks.
#pragma once

#include <retrograd/math/scalar.hpp>

#include <string>

namespace retrograd::math {

enum class SimdLevel { plain, v3, v4 };

// The levels that the library's loops are compiled for: Meson's option `simd`. A host's own are compiled for all,
// and run at those that the library has.
#if !defined(RETROGRAD_HIGHEST_SIMD_LEVEL)
#define RETROGRAD_HIGHEST_SIMD_LEVEL v4
#endif
#if !defined(RETROGRAD_LOWEST_SIMD_LEVEL)
#define RETROGRAD_LOWEST_SIMD_LEVEL plain
#endif
inline constexpr SimdLevel highest_simd_level = SimdLevel::RETROGRAD_HIGHEST_SIMD_LEVEL;
inline constexpr SimdLevel lowest_simd_level = SimdLevel::RETROGRAD_LOWEST_SIMD_LEVEL;
/// Whether the library has loops for `level`.
constexpr bool has_loops(SimdLevel level) {
#if defined(__x86_64__)
  return lowest_simd_level <= level && level <= highest_simd_level;
#else
  return level == SimdLevel::plain;
#endif
}
/// The level whose loops of this type run where `level` is in use: those of f64, which is for checks, are not compiled
/// for AVX-512, for v3 gives the same bits. Compiled are, then, on x86-64: f32 for plain, v3 and v4, f64 for plain
/// and v3; those of `is_compact` scalars (math/scalar.hpp) in one form.
template <class Real>
constexpr SimdLevel level_of_loops(SimdLevel level) {
  return level == SimdLevel::v4 && std::is_same_v<Real, double> ? SimdLevel::v3 : level;
}

/// "plain", "x86-64-v3 (AVX2)" or "x86-64-v4 (AVX-512)"; on ARM "plain" is Neon, which has fused
/// multiply-add.
const char* name(SimdLevel level);

/// The best level this processor runs, of those up to the highest that the library was built for. It may lie below
/// `lowest_simd_level`: then no tape can be made.
SimdLevel best_simd_level();

/// Whether the library was built for `level` and this processor runs it.
bool has_simd_level(SimdLevel level);

/// The level in use: the best one, or what RETROGRAD_SIMD=plain|v3|v4 in the environment asks for (never
/// above the best nor below the lowest), or what `set_simd_level` set last.
SimdLevel simd_level();

/// What is wrong with RETROGRAD_SIMD in the environment, in words: it asks for a level that there is not. Empty where
/// nothing is. Making a tape throws it as a DomainError.
std::string wrong_simd_wish();

/// For tests: use `level` from now on. Call it while no tape is playing; returns false where the processor
/// or the build lacks it.
bool set_simd_level(SimdLevel level);

// clang says of a loop that it did not vectorise, at the loop or at the function that it is part of: it need not concern a host.
#if defined(__clang__)
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wpass-failed"
#endif

#if defined(__x86_64__)
// By their features and not as "arch=...", so that a host's -march=native adds to them: a function may not be
// inlined where less is allowed than in itself.
#define RETROGRAD_V3_FEATURES "avx2,fma,bmi,bmi2,f16c,lzcnt,movbe,popcnt"
#define RETROGRAD_V4_FEATURES RETROGRAD_V3_FEATURES ",avx512f,avx512bw,avx512cd,avx512dq,avx512vl"
#define RETROGRAD_V3 __attribute__((target(RETROGRAD_V3_FEATURES)))
#if defined(__clang__)
#define RETROGRAD_V4 __attribute__((target(RETROGRAD_V4_FEATURES), min_vector_width(512)))
#else
#define RETROGRAD_V4 __attribute__((target(RETROGRAD_V4_FEATURES ",prefer-vector-width=512")))
#endif

template <class Loop, class Real, class Run>
struct KernelLevels;

template <class Loop, class Real, class... Arguments>
struct KernelLevels<Loop, Real, void(Arguments...)> {
  using Function = void (*)(Arguments...);
  static void plain(Arguments... arguments) { Loop::template run<Unfused<Real>>(arguments...); }
  RETROGRAD_V3 static void v3(Arguments... arguments) { Loop::template run<Real>(arguments...); }
  RETROGRAD_V4 static void v4(Arguments... arguments) { Loop::template run<Real>(arguments...); }
  template <SimdLevel level>
  static constexpr Function of() {
    if constexpr (!has_loops(level))
      return nullptr;
    else if constexpr (level_of_loops<Real>(level) == SimdLevel::v4)
      return &v4;
    else if constexpr (level_of_loops<Real>(level) == SimdLevel::v3)
      return &v3;
    else
      return &plain;
  }
  static constexpr Function at(SimdLevel level) {
    return level == SimdLevel::v4   ? of<SimdLevel::v4>()
           : level == SimdLevel::v3 ? of<SimdLevel::v3>()
                                    : of<SimdLevel::plain>();
  }
};
#else
template <class Loop, class Real, class Run>
struct KernelLevels;

template <class Loop, class Real, class... Arguments>
struct KernelLevels<Loop, Real, void(Arguments...)> {
  using Function = void (*)(Arguments...);
  static void plain(Arguments... arguments) { Loop::template run<Real>(arguments...); }
  template <SimdLevel level>
  static constexpr Function of() {
    return has_loops(level) ? &plain : nullptr;
  }
  static constexpr Function at(SimdLevel) { return &plain; }
};
#endif

#if defined(__clang__)
#pragma clang diagnostic pop
#endif

/// `Loop::run` compiled for every level, for Real = float or double. `at(level)` is a plain function pointer, null
/// where the library has no loops for it; `of<level>()` compiles no other.
template <class Loop, class Real>
struct Kernel : KernelLevels<Loop, Real, std::remove_pointer_t<decltype(&Loop::template run<Real>)>> {};

}  // namespace retrograd::math
