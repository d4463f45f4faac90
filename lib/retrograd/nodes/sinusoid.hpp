// The sine waveform: sin(2*pi*phase) of a phase in turns, as phase() makes it (within [-1/2, 1/2]).
#pragma once

#include <retrograd/math/functions.hpp>
#include <retrograd/nodes/node.hpp>

namespace retrograd {

struct Sinusoid : Pointwise<1> {
  static constexpr const char* name = "sinusoid";
  template <class T>
  RETROGRAD_INLINE T forward(T phase_turns) const {
    return math::sin_turns(phase_turns);
  }
  template <class T>
  RETROGRAD_INLINE std::array<T, 1> adjoint(T gy, T, T phase_turns) const {
    return {gy * (T(real_t<T>(6.283185307179586)) * math::cos_turns(phase_turns))};
  }

  /// The addition theorem: the wave at the sum of two phases from what is known of each. So an oscillator of
  /// steady frequency needs no polynomial per sample (nodes/oscillation.hpp). Worst absolute error 4e-7, in
  /// double 8e-16.
  static constexpr bool adds_phases = true;
  template <class T>
  struct Part {
    T sine, cosine;
  };
  template <class T>
  RETROGRAD_INLINE static Part<T> part(T phase_turns) {
    return {math::sin_turns(phase_turns), math::cos_turns(phase_turns)};
  }
  template <class T>
  RETROGRAD_INLINE T forward(const Part<T>& a, const Part<T>& b) const {
    return math::fma(a.sine, b.cosine, a.cosine * b.sine);
  }
  template <class T>
  RETROGRAD_INLINE T adjoint(T gy, const Part<T>& a, const Part<T>& b) const {
    return gy * (T(real_t<T>(6.283185307179586)) * math::fma(a.cosine, b.cosine, -(a.sine * b.sine)));
  }
  static Check check() { return {.inputs = {{-0.5, 0.5, {-0.5, 0.5}}}}; }
};

}  // namespace retrograd
