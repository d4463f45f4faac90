// Standard MIDI files, formats 0 and 1: a list of messages, each with the time at which it is played.
//
// Debian's libsmf would read them too; it is orphaned, brings GLib, and speaks to stderr instead of its caller
// about a file that is broken.
#pragma once

#include <array>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace retrograd::tool {

/// A channel message (note, controller, bend, ...) with its status byte.
struct MidiMessage {
  double seconds = 0.0;  ///< since the start of the file
  std::array<unsigned char, 3> bytes{};
  int count = 0;  ///< of bytes: 2 or 3
  bool operator==(const MidiMessage&) const = default;
};

inline bool is_note_on(const MidiMessage& message) {
  return (message.bytes[0] & 0xf0) == 0x90 && message.bytes[2] > 0;
}

struct MidiFile {
  /// Of all tracks, in the order of their times; at one time in the order of the tracks.
  std::vector<MidiMessage> messages;
  double duration = 0.0;  ///< seconds, to the end of the last track
};

/// Reads a file of at most 64 MiB. Raises a FileError that names the file, the byte, what is wrong there and
/// what would be right.
MidiFile read_midi_file(const std::filesystem::path& path);

/// Reads the bytes of a file; errors begin with `name_for_errors`.
MidiFile parse_midi_file(std::string_view bytes, const std::string& name_for_errors);

}  // namespace retrograd::tool
