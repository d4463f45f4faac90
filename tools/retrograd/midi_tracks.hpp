// The bytes of a standard MIDI file, as the events of its tracks. What is broken is mended where its meaning is
// plain, and said; a track that cannot be read any further ends there.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace retrograd::tool {

/// An event at its tick.
struct TrackEvent {
  std::uint64_t tick;
  int track;                             ///< counted from 0
  std::uint32_t tempo = 0;               ///< microseconds per quarter; 0 for a message
  std::array<unsigned char, 3> bytes{};  ///< of a channel message
  int count = 0;                         ///< of bytes: 2 or 3
};

/// What was mended: of each kind the first, and how many more.
class Mended {
 public:
  void add(std::string_view kind, const std::string& what);
  std::vector<std::string> lines() const;

 private:
  struct Mend {
    std::string kind, what;
    int more = 0;
  };
  std::vector<Mend> mends_;
};

struct MidiTracks {
  int format = 0;                   ///< 0, 1 or 2
  double ticks_per_quarter = 0.0;   ///< 0 where ticks are of a fixed length
  double seconds_per_tick = 0.0;    ///< then
  std::vector<TrackEvent> events;   ///< track by track
  std::vector<std::uint64_t> ends;  ///< the tick at which each track ends
  long long system_messages = 0;
  Mended mended;
};

/// Raises a FileError that names the file, the byte, what is wrong there and what would be right, where there is
/// no header, no track, or no length of a tick.
MidiTracks read_midi_tracks(std::string_view bytes, const std::string& name_for_errors);

}  // namespace retrograd::tool
