// FM synths as racks: operators that modulate each other's phase, over any routing without a loop.
//
//     operator i = sine(phase(hertz * ratio_i) + sum of its modulators) * ADSR_i * gain_i
//
// Their modules are named fm.operator.0, fm.operator.1 and so on; what is heard is their sum.
#pragma once

#include <retrograd/racks/rack.hpp>

#include <span>
#include <vector>

namespace retrograd {

/// An ADSR. The times are seconds, 0 or more; `sustain` is a level from 0 to 1.
struct Envelope {
  double attack = 0.0;   ///< from where it is to 1, in a straight line
  double decay = 0.0;    ///< time constant towards the sustain
  double sustain = 1.0;  ///< while the gate is high
  double release = 0.0;  ///< time constant towards 0
  bool operator==(const Envelope&) const = default;
};

/// One operator: its frequency is the note's times `ratio` (above 0), its amplitude `gain` (0 or more) times
/// the envelope. For a modulator the amplitude is the depth of the modulation, in radians.
struct FMOperator {
  double ratio = 1.0;  ///< of the note's frequency
  double gain = 1.0;   ///< linear, or radians
  Envelope envelope;   ///< of its amplitude
  bool operator==(const FMOperator&) const = default;
};

/// Operator `modulator` is added to the phase of operator `carrier`.
struct Route {
  int modulator = 0;  ///< counted from 0
  int carrier = 0;    ///< counted from 0
  bool operator==(const Route&) const = default;
};

/// The modules, cables and outputs of an FM synth, in a rack of a second, its note held for half of it. `audible`: the operators that are
/// heard; none given: those that modulate nobody. RoutingError where there is no operator, where an index is none, or
/// where the list has no fm_operator.
Rack fm_rack(std::span<const FMOperator> operators, std::span<const Route> routing,
             std::span<const int> audible = {}, const ModuleList& modules = {});
/// The same, written out: `fm_rack({carrier, modulator}, {{1, 0}})`.
inline Rack fm_rack(std::initializer_list<FMOperator> operators, std::initializer_list<Route> routing) {
  return fm_rack(std::span(operators.begin(), operators.size()), std::span(routing.begin(), routing.size()));
}

}  // namespace retrograd
