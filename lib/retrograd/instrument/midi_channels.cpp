#include <retrograd/instrument/midi_channels.hpp>

#include <algorithm>
#include <cmath>

namespace retrograd {
namespace {

// Controllers by their numbers.
enum Controller {
  data_coarse = 6,
  volume = 7,
  expression = 11,
  data_fine = 38,
  volume_fine = 39,
  expression_fine = 43,
  sustain = 64,
  data_increment = 96,
  data_decrement = 97,
  own_parameter_fine = 98,
  own_parameter_coarse = 99,
  parameter_fine = 100,
  parameter_coarse = 101,
  all_sound_off = 120,
  reset_controllers = 121,
  all_notes_off = 123,  // and 124 to 127, modes that end all notes first
};

// Registered parameters by their numbers.
enum Parameter { bend_range = 0, fine_tuning = 1, coarse_tuning = 2 };

}  // namespace

MidiEffect MidiChannels::take(const ChannelMessage& message) noexcept {
  Channel& channel = at(message.channel);
  switch (message.kind) {
    case ChannelMessage::Kind::note_on:
      return message.second > 0 ? MidiEffect::note_on : MidiEffect::note_off;
    case ChannelMessage::Kind::note_off:
      return MidiEffect::note_off;
    case ChannelMessage::Kind::bend: {
      const int bend = message.first + 128 * message.second - 8192;  // -8192 to 8191
      channel.bend = bend / (bend < 0 ? 8192.0 : 8191.0);
      return MidiEffect::pitch;
    }
    case ChannelMessage::Kind::controller:
      return control(channel, message.first, message.second);
    case ChannelMessage::Kind::key_pressure:
      return MidiEffect::key_pressure;
    case ChannelMessage::Kind::channel_pressure:
      channel.pressure = message.first / 127.0;
      return MidiEffect::pressure;
    case ChannelMessage::Kind::program:
      break;
  }
  return MidiEffect::passed_over;
}

MidiEffect MidiChannels::control(Channel& channel, int number, int value) noexcept {
  const auto byte = static_cast<unsigned char>(value);
  const auto refine = [&](Fourteen& what) {
    what.fine = byte;
    what.is_fine = true;
    return MidiEffect::gain;
  };
  const auto choose = [&](bool is_registered, int parameter) {
    channel.is_registered = is_registered;
    channel.parameter = parameter;
    return MidiEffect::none;
  };
  switch (number) {
    case volume:
      return channel.volume = {byte}, MidiEffect::gain;
    case volume_fine:
      return refine(channel.volume);
    case expression:
      return channel.expression = {byte}, MidiEffect::gain;
    case expression_fine:
      return refine(channel.expression);
    case sustain:
      return value >= 64 ? MidiEffect::pedal_down : MidiEffect::pedal_up;
    case own_parameter_fine:
    case own_parameter_coarse:
      return choose(false, no_parameter);
    // The two halves of a parameter's number come in any order.
    case parameter_fine:
      return choose(true, channel.parameter / 128 * 128 + value);
    case parameter_coarse:
      return choose(true, channel.parameter % 128 + 128 * value);
    case data_coarse:
    case data_fine:
    case data_increment:
    case data_decrement:
      return enter(channel, number, value);
    case all_sound_off:
      return MidiEffect::all_sound_off;
    case reset_controllers:  // volume, tunings and the range of the bend stay
      channel.bend = channel.pressure = 0.0;
      channel.expression = {};
      choose(true, no_parameter);
      return MidiEffect::reset;
    default:
      return number >= all_notes_off ? MidiEffect::all_notes_off : MidiEffect::passed_over;
  }
}

// A coarse part alone stands for a fine one of 0. A step is one of the fine part, of a coarse tuning a semitone.
MidiEffect MidiChannels::enter(Channel& channel, int number, int value) noexcept {
  if (!channel.is_registered) return MidiEffect::passed_over;
  const int step = number == data_increment ? 1 : -1;
  switch (channel.parameter) {
    case bend_range: {
      const int cents = static_cast<int>(std::lround(100.0 * channel.bend_range));
      if (number == data_coarse)
        channel.bend_range = value;
      else if (number == data_fine)
        channel.bend_range = (cents / 100 * 100 + std::min(value, 99)) / 100.0;
      else
        channel.bend_range = std::clamp(cents + step, 0, 12799) / 100.0;
      return MidiEffect::pitch;
    }
    case fine_tuning: {
      int& steps = channel.fine_steps;
      if (number == data_coarse)
        steps = 128 * value;
      else if (number == data_fine)
        steps = steps / 128 * 128 + value;
      else
        steps = std::clamp(steps + step, 0, 16383);
      channel.fine_tuning = (steps - 8192) / 8192.0;
      return MidiEffect::pitch;
    }
    case coarse_tuning:
      if (number == data_fine) return MidiEffect::none;
      channel.coarse_tuning =
          number == data_coarse ? value - 64.0 : std::clamp(channel.coarse_tuning + step, -64.0, 63.0);
      return MidiEffect::pitch;
    case no_parameter:
      return MidiEffect::none;
    default:
      return MidiEffect::passed_over;
  }
}

}  // namespace retrograd
