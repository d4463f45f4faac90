// A rack: everything that makes a synth's sound, as plain data: modules, cables between them, and the note that they
// play. Times in seconds, frequencies in Hz, levels linear.
//
// This is what a rack file holds (rack_file.hpp reads and writes it), and what is recorded on a tape (record.hpp).
// Nothing here checks itself while it is being filled in; `validate` (rules.hpp) checks the whole.
#pragma once

#include <retrograd/modules/module_list.hpp>
#include <retrograd/racks/gate.hpp>

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace retrograd {

/// What is played. The gate has at least one pair; pairs come one after the other, and each begins an attack,
/// from the level that the release before it has reached.
struct Note {
  double frequency = 440.0;    ///< Hz
  std::vector<GatePair> gate;  ///< seconds
  double velocity = 1.0;  ///< 0 to 1. Where no cable goes from note.velocity, the sound is multiplied by it
  bool operator==(const Note&) const = default;
};

/// A module of a rack. Its parameters are named by their paths: "filter.cutoff" of the module "filter".
struct Module {
  std::string name;            ///< the file's; may hold dots
  const ModuleType* type;      ///< what it is
  std::vector<double> values;  ///< of its parameters, in the order of its description
  StructureValues structure;   ///< in the order of the type's
  bool operator==(const Module&) const = default;
};

/// A module with the usual values. `structure` begins with what is not usual.
Module make_module(std::string name, const ModuleType& type, StructureValues structure = {});

/// From an output to an input, which carries the signal as it is, or to a parameter, which is modulated by `amount`
/// times the signal. Several into one place add up.
struct Cable {
  std::string from;       ///< "lfo.out"
  std::string to;         ///< "filter.cutoff"
  double amount = 1.0;    ///< a parameter of the rack, of a cable that modulates
  std::string name = {};  ///< of that parameter; empty: "lfo.out>filter.cutoff"
  bool operator==(const Cable&) const = default;
};
/// What the amount is called.
std::string name_of(const Cable& cable);

/// `sample_rate` is a whole number of Hz from 1 to 768000. `duration` times it, rounded, is 1 to 2^31 samples.
struct Rack {
  double sample_rate = 44100.0;      ///< Hz
  double duration = 1.0;             ///< seconds
  Note note;                         ///< what is played
  std::vector<Module> modules;       ///< besides the note
  std::vector<Cable> cables;         ///< between their ports
  std::vector<std::string> outputs;  ///< what is heard: one is mono, two are left and right
  bool operator==(const Rack&) const = default;
};

/// The rack that serves where none is given: one operator modulates another, 300 Hz, one second. RoutingError where the
/// list has no fm_operator.
Rack default_rack(const ModuleList& modules = {});

/// The rack that a fit begins with where none is given: three pairs of operators, a modulator and a carrier each,
/// with the envelopes of the default rack and carriers on the pitch and its first harmonics. Two operators cannot
/// follow a bell; these can.
Rack default_rack_to_fit(const ModuleList& modules = {});

/// The rack's length: duration times sample rate, rounded to the nearest sample. The rack must be valid.
std::int64_t length_in_samples(const Rack& rack);

/// A parameter of a rack, named by its path. `value` refers into the rack and lives as long as its modules and cables
/// stay where they are.
struct RackParameter {
  std::string name;    ///< its path
  double& value;       ///< in the rack
  ParameterSpec spec;  ///< what it is
  bool is_heard;       ///< its module is heard, rather than that it modulates
  int module;  ///< whose it is, or the one that the cable modulates; the number of modules: the note's

  /// Where its values may lie.
  const Domain& domain() const { return spec.domain; }
};

/// The numbers that a fit may change, always in this order: note.frequency, the modules' in their order, the amounts of
/// cables that modulate in theirs. Of a rack that is not valid, those that there are.
std::vector<RackParameter> parameters(Rack& rack);

/// The parameter of that name; DomainError naming the nearest otherwise.
RackParameter find_parameter(Rack& rack, std::string_view name);

/// Of each parameter, whether one of the patterns names it: "env.attack", or "env.*" where * stands for any letters.
/// DomainError for a pattern that names none.
std::vector<char> parameters_named(Rack& rack, std::span<const std::string> patterns);

}  // namespace retrograd
