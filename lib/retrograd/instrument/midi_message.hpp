// The bytes of MIDI, cut into messages. Source: "MIDI 1.0 Detailed Specification", MIDI Manufacturers
// Association.
#pragma once

#include <cstddef>
#include <span>

namespace retrograd {

/// Channels of a MIDI connection, counted from 0 here and from 1 on a keyboard.
inline constexpr int midi_channels = 16;

/// A message to one channel.
struct ChannelMessage {
  enum class Kind : unsigned char {
    note_off = 0x8,
    note_on = 0x9,
    key_pressure = 0xa,
    controller = 0xb,
    program = 0xc,           ///< one data byte
    channel_pressure = 0xd,  ///< one data byte
    bend = 0xe,
  };
  Kind kind = Kind::note_off;
  unsigned char channel = 0;            ///< 0 to 15
  unsigned char first = 0, second = 0;  ///< data bytes, 0 to 127
};

/// Data bytes of a message with this status byte, 0x80 to 0xef.
constexpr int data_bytes(unsigned char status) { return (status & 0xe0) == 0xc0 ? 1 : 2; }

/// Data bytes that follow a system message's status byte, 0xf0 to 0xff. (A system exclusive message, 0xf0, has
/// any number, up to 0xf7.)
constexpr int system_data_bytes(unsigned char status) {
  return status == 0xf2 ? 2 : status == 0xf1 || status == 0xf3 ? 1 : 0;
}

constexpr ChannelMessage channel_message(unsigned char status, unsigned char first, unsigned char second) {
  return {static_cast<ChannelMessage::Kind>(status >> 4), static_cast<unsigned char>(status & 0xf), first,
          second};
}

/// Calls visit(ChannelMessage) for each message in `bytes`, and system() for each system message but real-time
/// ones. A message may go on without a status byte after one of its kind (running status), real-time bytes may
/// stand anywhere, and a system exclusive message may go on in the next call: `is_exclusive` says whether it
/// does. False where a message is cut short, or begins without a status byte; those before have been visited.
template <class Visit, class System>
bool for_each_message(std::span<const unsigned char> bytes, bool& is_exclusive, const Visit& visit,
                      const System& system) {
  unsigned char status = 0;  // of the message that data bytes belong to, 0 for none
  unsigned char data[2] = {0, 0};
  int has = 0, passed_over = 0;
  bool is_begun = false;
  for (const unsigned char byte : bytes) {
    if (byte >= 0xf8) continue;  // real time
    if (byte >= 0x80) {
      if (is_begun) return false;
      if (byte >= 0xf0) {
        if (byte != 0xf7) system();
        status = 0;
        is_exclusive = byte == 0xf0;
        passed_over = system_data_bytes(byte);
      } else {
        status = byte;
        is_exclusive = false;
        is_begun = true;
        passed_over = has = 0;
      }
      continue;
    }
    if (is_exclusive) continue;
    if (status == 0) {
      if (passed_over-- > 0) continue;
      return false;
    }
    data[has++] = byte;
    is_begun = has < data_bytes(status);
    if (is_begun) continue;
    visit(channel_message(status, data[0], has > 1 ? data[1] : static_cast<unsigned char>(0)));
    has = 0;
  }
  return !is_begun;
}

}  // namespace retrograd
