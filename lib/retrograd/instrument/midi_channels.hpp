// What MIDI's messages mean: the state of the 16 channels, and what each message changes. Files, keyboards, the C
// interface and the LV2 plugin all come through here.
//
// Sources: "MIDI 1.0 Detailed Specification"; RP-015 (reset all controllers); RP-018 (data increment); "General
// MIDI 2" for the curve of volume and expression: 40 log10(value / 127) dB each.
//
// A controller of 14 bits is sent as two of 7, the coarse part first. Many senders never send the fine one: a
// coarse part alone is read as value / 127, so that its 127 is as loud as can be; with a fine part after it the
// two are read as 14 bits / 16383.
#pragma once

#include <retrograd/instrument/midi_message.hpp>

#include <array>

namespace retrograd {

/// What a message did to its channel.
enum class MidiEffect {
  passed_over,    ///< nothing: it means nothing here
  none,           ///< nothing yet: it chose what later messages change
  note_on,        ///< a key goes down: `first`, at a velocity of `second` / 127
  note_off,       ///< a key goes up: `first`
  pitch,          ///< MidiChannels::semitones
  gain,           ///< MidiChannels::gain
  pressure,       ///< MidiChannels::pressure
  key_pressure,   ///< of one key, `first`: `second` / 127
  pedal_down,     ///< notes that end are held from now on
  pedal_up,       ///< and no longer
  reset,          ///< pitch, gain, and the pedal is up
  all_notes_off,  ///< all keys are up; the pedal holds what it holds
  all_sound_off,  ///< silence at once, pedal or not
};

class MidiChannels {
 public:
  /// `bend_range`: semitones at a bend of 1, until a channel is told another.
  explicit MidiChannels(double bend_range = 2.0) : bend_range_(bend_range) { reset(); }

  /// Every channel as at first.
  void reset() noexcept { channels_.fill({.bend_range = bend_range_}); }

  MidiEffect take(const ChannelMessage& message) noexcept;

  /// The wheel at -1 to 1.
  void bend(int channel, double value) noexcept { at(channel).bend = value; }
  double bend_of(int channel) const noexcept { return at(channel).bend; }
  /// How hard the keys are pressed, 0 to 1.
  void press(int channel, double value) noexcept { at(channel).pressure = value; }
  double pressure(int channel) const noexcept { return at(channel).pressure; }
  /// What the wheel and the tunings add to a channel's keys.
  double semitones(int channel) const noexcept {
    const Channel& c = at(channel);
    return c.bend * c.bend_range + (c.coarse_tuning + c.fine_tuning);
  }
  /// What volume and expression make of a channel's notes: 0 to 1, 1 where neither was sent.
  double gain(int channel) const noexcept {
    const double level = at(channel).volume.value() * at(channel).expression.value();
    return level * level;
  }

 private:
  /// A controller in two parts.
  struct Fourteen {
    unsigned char coarse = 127, fine = 0;
    bool is_fine = false;  ///< the fine part followed the coarse one
    double value() const noexcept { return is_fine ? (coarse * 128 + fine) / 16383.0 : coarse / 127.0; }
  };
  struct Channel {
    double bend = 0.0, pressure = 0.0;
    double bend_range = 2.0;                        // semitones
    double coarse_tuning = 0.0, fine_tuning = 0.0;  // semitones
    int fine_steps = 8192;                          // of fine_tuning: 8192 to a semitone, 8192 is none
    Fourteen volume{}, expression{};
    int parameter = no_parameter;  // that data entry changes: 128 * coarse + fine part of its number
    bool is_registered = true;     // else it is somebody's own, and means nothing here
  };
  static constexpr int no_parameter = 128 * 127 + 127;

  Channel& at(int channel) noexcept { return channels_[static_cast<std::size_t>(channel)]; }
  const Channel& at(int channel) const noexcept { return channels_[static_cast<std::size_t>(channel)]; }
  MidiEffect control(Channel& channel, int number, int value) noexcept;
  MidiEffect enter(Channel& channel, int number, int value) noexcept;

  double bend_range_;
  std::array<Channel, midi_channels> channels_{};
};

}  // namespace retrograd
