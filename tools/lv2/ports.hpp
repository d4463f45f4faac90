// The ports of an LV2 instrument, made of its rack: the plug-in and its description both come from here, so that they
// cannot disagree.
#pragma once

#include <retrograd/racks/rack.hpp>

#include <string>
#include <vector>

namespace retrograd::lv2 {

struct Port {
  enum class Kind {
    midi,       ///< MIDI messages, an atom sequence that need not be connected
    audio,      ///< an output of the rack
    gate,       ///< a control: a note is held at 0.5 and above
    key,        ///< a control: which note, as a MIDI key
    velocity,   ///< a control: how loud the next note is
    parameter,  ///< a control: a parameter of the rack
    volume,     ///< a control: dB that the sound is louder than the bundle's level makes it
  };
  Kind kind;
  std::string symbol{};  ///< letters, digits and _; no two ports have the same
  std::string name{};    ///< for people
  double low = 0.0, high = 1.0, usual = 0.0;
  std::string unit{};  ///< of LV2's units, "hz", or nothing
  bool is_logarithmic = false;
  std::string parameter{};           ///< of the rack, by path
  Domain domain = range(low, high);  ///< of the parameter: values that `low` to `high` need not hold
};

/// In the order of their indices: notes, the outputs, gate, key, velocity, the rack's parameters but for the note's own,
/// volume. New ones come last, so that what hosts have saved stays right. A parameter is shown where its specification
/// shows it, and as far as the values of the rack and of `presets`, racks of the same structure, lie.
std::vector<Port> ports(const Rack& rack, const std::vector<Rack>& presets = {});

/// "osc_1.ratio" -> "osc_1_ratio": what LV2 lets a symbol be.
std::string symbol_of(const std::string& path);

}  // namespace retrograd::lv2
