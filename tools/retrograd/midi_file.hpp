// Standard MIDI files, formats 0, 1 and 2: a list of messages, each with the time at which it is played.
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
  /// What an instrument plays of all tracks, in the order of their times; at one time in the order of the
  /// tracks, but that a note that ends makes way for one that begins on the same key and channel. A key that
  /// several tracks hold on one channel is let go by the last of them.
  std::vector<MidiMessage> messages;
  /// Seconds to the end of the last note; where a key or a pedal is left down, to the end of the last track.
  double duration = 0.0;
  int format = 0;  ///< 0: one track; 1: tracks that play at once; 2: one after the other
  long long tracks = 0;
  /// The slowest and the fastest beat, in quarters a minute; 0 where ticks are of a fixed length (SMPTE).
  double slowest_tempo = 0.0, fastest_tempo = 0.0;
  long long drum_notes = 0;           ///< on channel 10, that were left out
  std::vector<std::string> mended{};  ///< what was broken and how it was read, a line each
  std::string passed_over{};          ///< what means nothing here, and how many of each; empty for none

  /// For people: what was mended, and what was passed over.
  std::vector<std::string> remarks() const;
};

/// Reads a file of at most 64 MiB, broken ones as far as they go. General MIDI's channel 10 is drums, whose keys
/// are no pitches: it is left out, unless `with_drums`. Raises a FileError that names the file, the byte, what
/// is wrong there and what would be right, where nothing can be read.
MidiFile read_midi_file(const std::filesystem::path& path, bool with_drums = false);

/// Reads the bytes of a file; errors begin with `name_for_errors`.
MidiFile parse_midi_file(std::string_view bytes, const std::string& name_for_errors, bool with_drums = false);

}  // namespace retrograd::tool
