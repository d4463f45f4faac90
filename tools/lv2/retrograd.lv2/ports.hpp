// The ports of the LV2 instrument, made from its patch: the plugin and its description both come from here, so
// that they cannot disagree.
#pragma once

#include <retrograd/racks/rack.hpp>

#include <cstdint>
#include <string>
#include <vector>

namespace retrograd::lv2 {

inline constexpr const char* uri = "urn:retrograd:fm";

/// What is played: the patch that fits begin with, so that what a fit found can be dialled in.
inline Rack patch() { return default_rack_to_fit(); }

/// Of the sum of the voices at a volume of 0 dB. One note of the patch at full velocity peaks at 2.67 by itself;
/// so it peaks at 0.33, three such notes stay below full scale whatever their phases, and eight as a rule.
inline constexpr double usual_level = 0.125;

struct Port {
  enum class Kind {
    midi,       ///< MIDI messages, an atom sequence that need not be connected
    audio,      ///< the sound
    gate,       ///< a control: a note is held at 0.5 and above
    key,        ///< a control: which note, as a MIDI key
    velocity,   ///< a control: how loud the next note is
    parameter,  ///< a control: a parameter of the patch
    volume,     ///< a control: dB that the sound is louder than `usual_level` makes it
  };
  Kind kind;
  std::string symbol{}, name{};
  double low = 0.0, high = 1.0, usual = 0.0;
  std::string unit{};  ///< of LV2's units: "s", "midiNote", or nothing
  bool is_logarithmic = false;
  std::string parameter{};  ///< of the patch, by path
};

/// In the order of their indices. New ones come last, so that what hosts have saved stays right.
std::vector<Port> ports();

inline constexpr std::uint32_t midi_port = 0, audio_port = 1, gate_port = 2, key_port = 3, velocity_port = 4;

}  // namespace retrograd::lv2
