// Frequency modulation synthesis (phase modulation, as in the DX7) over any acyclic routing of any number of
// operators:
//
//     operator i = waveform(phase(pitch * ratio_i), phase_mod = sum of its modulators) * envelope_i * gain_i
//
// The output is the sum of the operators that are heard. Nothing here is a special kernel: it records
// oscillators, envelopes and products, and the plan fuses them. Source: gradrack's FM synth.
#pragma once

#include <retrograd/nodes/adsr.hpp>
#include <retrograd/nodes/arithmetic.hpp>
#include <retrograd/nodes/phase.hpp>
#include <retrograd/nodes/routing.hpp>
#include <retrograd/synths/oscillator.hpp>

#include <functional>
#include <span>
#include <vector>

namespace retrograd {

/// One operator's parameters: numbers, or one value per row (rows, 1).
struct FMOperatorParameters {
  Var ratio;                    ///< of the pitch
  Var gain;                     ///< linear; of a modulator: radians of modulation
  EnvelopeParameters envelope;  ///< seconds
};

/// Operators and their routing, to be recorded on any tape.
class FMSynth {
 public:
  /// `audible`: the operators that are heard, each once; none given: those that modulate nobody. Throws
  /// RoutingError for a cycle (named), an index out of range, or a route given twice.
  FMSynth(int operators, std::span<const Route> routing, std::span<const int> audible = {});
  /// The same for a routing that is written out: `FMSynth(2, {{1, 0}})`.
  FMSynth(int operators, std::initializer_list<Route> routing)
      : FMSynth(operators, std::span(routing.begin(), routing.size())) {}

  /// Another waveform for all operators: a waveform node, `with_waveform(Triangle{})`, or a function that
  /// records one from a phase in turns, `[](Var turns) { return tanh(3.0 * sin(turns)); }`.
  template <class Waveform>
  FMSynth& with_waveform(Waveform waveform) {
    if constexpr (std::is_invocable_r_v<Var, Waveform, Var>)
      oscillator_ = [waveform](Var frequency, std::optional<Var> phase_mod,
                               std::optional<std::int64_t> length) {
        return waveform(phase(frequency, phase_mod, length));
      };
    else
      oscillator_ = Oscillator<Waveform>{waveform};
    return *this;
  }

  /// Records the synth. `pitch` (Hz) may be constant or vary over time, `gate` is a signal; everything
  /// broadcasts over rows. Throws RoutingError where the number of operators differs.
  Var operator()(Var gate, Var pitch, std::span<const FMOperatorParameters> operators) const;

 private:
  int operators_;
  std::vector<std::vector<int>> modulators_;  // of each operator
  std::vector<int> order_, audible_;
  std::function<Var(Var frequency, std::optional<Var> phase_mod, std::optional<std::int64_t> length)>
      oscillator_ = Oscillator<>();
};

}  // namespace retrograd
