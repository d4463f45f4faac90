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
  static Check check() { return {.inputs = {{-0.5, 0.5, {-0.5, 0.5}}}}; }
};

}  // namespace retrograd
