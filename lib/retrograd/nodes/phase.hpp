// The phase of an oscillator by itself, in turns, wrapped to [-1/2, 1/2]; see nodes/oscillation.hpp.
#pragma once

#include <retrograd/nodes/oscillation.hpp>

namespace retrograd {

/// The waveform that is its phase: a saw between -1/2 and 1/2.
struct Turns : Pointwise<1> {
  static constexpr bool adjoint_reads_inputs = false;
  template <class T>
  RETROGRAD_INLINE T forward(T phase_turns) const {
    return phase_turns;
  }
  template <class T>
  RETROGRAD_INLINE std::array<T, 1> adjoint(T gy, T, T) const {
    return {gy};
  }
};

struct Phase : Oscillation<Turns> {
  static constexpr const char* name = "phase";
  static Check check();
};

/// The phase in turns. `frequency` (Hz, or radians per sample on a tape without a sample rate) and
/// `phase_mod` (radians) broadcast. When both are constant over time, `length` says how many samples; without
/// it the tape's length is taken. A length given although one of them varies over time, or missing
/// altogether, is a LengthMismatchError.
Var phase(Var frequency, std::optional<Var> phase_mod = std::nullopt,
          std::optional<std::int64_t> length = std::nullopt);

inline Check Phase::check() {
  return {.inputs = {{-3.0, 3.0}, {-4.0, 4.0}},
          .record = [](std::span<const Var> x) { return phase(x[0], x[1]); },
          .wraps_at = 1.0};
}

}  // namespace retrograd
