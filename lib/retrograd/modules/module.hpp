// What a module is: a box with inputs, outputs and parameters, described as data, and a function that records what it
// does. A rack (racks/rack.hpp) is modules and cables.
//
// A module is one file. This is all of an amplifier:
//
//     struct Vca {
//       static constexpr const char* name = "vca";
//       static constexpr const char* summary = "amplifier: in times level";
//       static void describe(const StructureValues&, Description& d) {
//         d.inputs = {{.name = "in", .is_required = true, .is_heard = true}};
//         d.parameters = {{.name = "level", .domain = range(0.0, infinity), .usual = 1.0, .role = Role::level}};
//         d.outputs = {"out"};
//       }
//       static void record(const void*, Recorder& r) { r.out("out", r.in("in") * r.value("level")); }
//     };
//
// The library's are listed in modules/all.hpp; a host adds its own to a ModuleList that it passes along.
#pragma once

#include <retrograd/tape/domain.hpp>

#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace retrograd {

class Recorder;

/// The end of a domain that has none.
inline constexpr double infinity = std::numeric_limits<double>::infinity();

/// What a parameter's value counts.
enum class Unit {
  none,       ///< a plain number
  hertz,      ///< per second
  seconds,    ///< of time
  semitones,  ///< twelfths of an octave
  decibels,   ///< of a level
  radians,    ///< of a phase
  turns,      ///< of a phase
};
/// "Hz", "s", "st", "dB", "rad", "turns", or nothing.
const char* to_string(Unit unit);

/// What a fit, an instrument and a plug-in need to know of a parameter.
enum class Role {
  none,            ///< nothing of these
  note_frequency,  ///< the pitch that is played
  pitch_ratio,     ///< a factor of that pitch
  level,           ///< what is heard is proportional to it
  time,            ///< how long something takes
  seed,            ///< of random numbers: nothing is fitted
};

/// How a cable acts on a parameter p, with m the sum of amount times signal over the cables into it.
enum class Modulation {
  adds,     ///< p + m
  octaves,  ///< p * 2^m
  factor,   ///< p * (1 + m)
};

/// How a fit draws a value to begin with.
struct Draw {
  /// From where.
  enum class Kind {
    shown,  ///< between the ends of the knob, evenly, or evenly in its logarithm where the knob is logarithmic
    keep,   ///< the rack's own value
    uniform,      ///< evenly from `low` to `high`
    logarithmic,  ///< the same in the logarithm
    one_of,       ///< one of `values`
  };
  /// The time that `high` is raised to where the recording's is longer.
  enum class Raised {
    never,    ///< `high` stays
    to_rise,  ///< to the time until the recording is loud
    to_end,   ///< to the recording's end
  };
  Kind kind = Kind::shown;        ///< from where
  double low = 0.0;               ///< the least that is drawn
  double high = 1.0;              ///< the most
  Raised raised = Raised::never;  ///< to the time that the recording takes to become loud, or to its end
  std::span<const double> values = {};  ///< static: it must outlive the program's use of it
  double spread = 0.0;                  ///< what was drawn is off by up to this part of it
};

/// One knob. `low_shown` to `high_shown` is where people turn it, inside the domain.
struct ParameterSpec {
  std::string name;                          ///< in its module: "attack", "envelope.attack"
  Unit unit = Unit::none;                    ///< of its value
  Domain domain = real;                      ///< where its values may lie
  double usual = 0.0;                        ///< where a file does not say
  Role role = Role::none;                    ///< what it means to who plays or fits the rack
  bool is_logarithmic = false;               ///< how the knob is divided
  double low_shown = 0.0;                    ///< the knob's lower end
  double high_shown = 1.0;                   ///< the knob's upper end
  Draw when_heard = {};                      ///< where the module is heard
  Draw when_modulating = {};                 ///< where it is not: what it makes moves something else
  double fit_rate = 1.0;                     ///< how fast a fit moves it, relative to the learning rate
  double fit_rate_heard = 1.0;               ///< the same where the module is heard
  bool is_latched = false;                   ///< read when a gate moves: no cable may go here
  Modulation modulation = Modulation::adds;  ///< how cables act
  std::string summary = {};                  ///< what it does, in a few words
};

/// Where cables end.
struct PortSpec {
  std::string name;            ///< "in"
  bool is_required = false;    ///< a rack without a cable to it is wrong
  bool is_heard = false;       ///< what comes in is heard where the module is; else it moves something
  const char* normalled = "";  ///< the output that is plugged in where no cable is: "note.gate"
  std::string summary = {};    ///< what it does, in a few words
};

/// What is fixed while a rack plays and is not fitted: a waveform, a number of inputs.
struct Structure {
  const char* name;                           ///< "inputs"
  std::int64_t low = 0;                       ///< the least, of a whole number
  std::int64_t high = 0;                      ///< the most
  std::int64_t usual = 0;                     ///< where a file does not say; of choices: which
  std::span<const char* const> choices = {};  ///< not empty: one of these words
  const char* summary = "";                   ///< what it does, in a few words
};

/// The values of a module's structure, in the order of its ModuleType's: whole numbers; of choices, which.
using StructureValues = std::vector<std::int64_t>;

/// What a module of some structure has.
struct Description {
  std::vector<PortSpec> inputs;           ///< where cables end
  std::vector<ParameterSpec> parameters;  ///< its knobs; cables may end there too
  std::vector<std::string> outputs;       ///< where cables begin
};

/// A kind of module. `type_of<M>()` makes it from a struct as above; one with a structure has a static array
/// `structure`.
struct ModuleType {
  const char* name;                      ///< "vca": in files
  const char* summary;                   ///< what it does, in a line
  std::span<const Structure> structure;  ///< what it is built with
  /// Fills in what a module of this structure has.
  void (*describe)(const StructureValues& structure, Description& description);
  /// Records what it does; `data` is the type's.
  void (*record)(const void* data, Recorder& recorder);
  const void* data = nullptr;  ///< a host's own, for `record`; it outlives what is recorded
  bool mixes_voices = false;   ///< the mix point: its output is one for all notes
  /// What comes into its heard inputs is read through a delay of a sample or more, and not else: a cable there may close
  /// a loop.
  bool delays = false;
};

/// The kind of module that M describes; `data` is handed to its `record`.
template <class M>
constexpr ModuleType type_of(const void* data = nullptr) {
  ModuleType type{M::name, M::summary, {}, M::describe, M::record, data};
  if constexpr (requires { M::structure; }) type.structure = M::structure;
  if constexpr (requires { M::mixes_voices; }) type.mixes_voices = M::mixes_voices;
  if constexpr (requires { M::delays; }) type.delays = M::delays;
  return type;
}

/// The description for these values; for the usual ones where none are given.
Description describe(const ModuleType& type, const StructureValues& structure);
/// The usual values of its structure.
StructureValues usual_structure(const ModuleType& type);

}  // namespace retrograd
