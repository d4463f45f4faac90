// A patch: everything that makes a synth's sound, as plain data. Times in seconds, frequencies in Hz, gains
// linear.
//
// This is what a patch file holds (toml.hpp reads and writes it), and what is recorded on a tape. Nothing
// here checks itself while it is being filled in; `validate` checks the whole.
#pragma once

#include <retrograd/nodes/gate.hpp>
#include <retrograd/nodes/routing.hpp>
#include <retrograd/tape/domain.hpp>

#include <cstdint>
#include <string>
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

/// What is played. The gate has at least one pair; pairs come one after the other, and each begins an attack,
/// from the level that the release before it has reached.
struct Note {
  double frequency = 440.0;    ///< Hz
  std::vector<GatePair> gate;  ///< seconds
  bool operator==(const Note&) const = default;
};

/// The operators and how they modulate each other. `audible` names the operators that are heard; when it is
/// empty those are heard that modulate nobody.
struct FM {
  std::vector<Route> routing;         ///< acyclic
  std::vector<int> audible;           ///< indices of operators
  std::vector<FMOperator> operators;  ///< at least one
  bool operator==(const FM&) const = default;
};

/// `sample_rate` is a whole number of Hz from 1 to 768000. `duration` times it, rounded, is 1 to 2^31
/// samples.
struct Patch {
  double sample_rate = 44100.0;  ///< Hz
  double duration = 1.0;         ///< seconds
  Note note;                     ///< what is played
  FM fm;                         ///< what plays it
  bool operator==(const Patch&) const = default;
};

/// The patch that serves where none is given: operator 1 modulates operator 0, 300 Hz, one second.
Patch default_patch();

/// The patch a fit begins with where none is given: three pairs of operators, a modulator and a carrier each,
/// with the envelopes of the default patch and carriers on the pitch and its first harmonics. Two operators
/// cannot follow a bell; these can.
Patch default_patch_to_fit();

/// The patch's length: duration times sample rate, rounded to the nearest sample. The patch must be valid.
std::int64_t length_in_samples(const Patch& patch);

/// The indices of the operators that are heard, ascending. The routing must be valid (else RoutingError).
std::vector<int> audible_operators(const Patch& patch);

/// What a parameter means, and with it its unit and its domain.
enum class ParameterKind {
  frequency,  ///< Hz, above 0
  ratio,      ///< of the note's frequency, above 0
  gain,       ///< linear, 0 or more
  time,       ///< seconds, 0 or more
  level,      ///< 0 to 1, both included
};

/// The values a parameter of this kind may take.
Domain domain_of(ParameterKind kind);

/// The unit for people: "Hz", "s", or nothing.
std::string unit_of(ParameterKind kind);

/// A parameter of a patch, named by its path, for example "fm.operator.0.envelope.attack". `value` refers
/// into the patch and lives as long as its operators stay where they are.
struct PatchParameter {
  std::string name;    ///< its path
  double& value;       ///< in the patch
  ParameterKind kind;  ///< what it means

  /// Where its values may lie.
  Domain domain() const { return domain_of(kind); }
};

/// The numbers a fit may change, always in this order: note.frequency, then for each operator ratio, gain,
/// envelope.attack, envelope.decay, envelope.sustain, envelope.release.
std::vector<PatchParameter> parameters(Patch& patch);

/// One thing wrong with a patch: the path of the key, and what was wrong and what would be right.
struct PatchProblem {
  std::string key;      ///< "fm.operator.0.gain"
  std::string message;  ///< "is -1; a gain is ..."
};

/// Everything wrong with a patch's values; empty when it is valid. Of a routing only the first problem is
/// found.
std::vector<PatchProblem> find_problems(const Patch& patch);

/// What is valid and yet hardly meant: pairs of the gate that lie after the end, which are not played. Empty for
/// a patch that is not valid.
std::vector<PatchProblem> find_doubts(const Patch& patch);

/// The operators whose frequency is half the sample rate or more: it aliases to the one below that the samples
/// cannot tell from it. Empty for a patch that is not valid.
std::vector<PatchProblem> find_aliases(const Patch& patch);

/// Throws DomainError with a line "where: key: problem" for each problem of the patch. A patch that passes
/// can be written to a file and read back.
void validate(const Patch& patch, const std::string& where);

}  // namespace retrograd
