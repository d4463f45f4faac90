// An oscillator: a waveform of the phase, in one pass (nodes/oscillation.hpp).
//
// A waveform is a pointwise node of one input, a phase in turns within [-1/2, 1/2]. The library has Sinusoid;
// a user adds one by writing one functor (see OwnPointwise).
#pragma once

#include <retrograd/nodes/oscillation.hpp>
#include <retrograd/nodes/sinusoid.hpp>

namespace retrograd {

/// Records an oscillator of this waveform.
template <class Waveform = Sinusoid>
struct Oscillator {
  Waveform waveform{};  ///< a pointwise node of one input

  /// `frequency` in Hz (radians per sample on a tape without a sample rate), `phase_mod` in radians; they
  /// broadcast. `length` and its errors as in oscillation().
  Var operator()(Var frequency, std::optional<Var> phase_mod = std::nullopt,
                 std::optional<std::int64_t> length = std::nullopt) const {
    return oscillation(waveform, frequency, phase_mod, length);
  }
};

/// sin(2*pi*frequency*t + phase_mod).
inline Var sinusoid(Var frequency, std::optional<Var> phase_mod = std::nullopt,
                    std::optional<std::int64_t> length = std::nullopt) {
  return Oscillator<>()(frequency, phase_mod, length);
}

}  // namespace retrograd
