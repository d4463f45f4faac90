// The messages of a MIDI file, played on an instrument as time goes on.
#pragma once

#include <retrograd/instrument/instrument.hpp>

#include <cstdint>
#include <vector>

#include "midi_file.hpp"

namespace retrograd::tool {

class NotePlayer {
 public:
  NotePlayer(const MidiFile& file, double sample_rate, int channels = 1);

  /// The instrument's next `frames` samples, of each of its channels, with each message at its own: none is left out, however many
  /// there are. After the file's duration every note ends. Allocates nothing.
  StreamStatus process(Instrument& instrument, float* const* outputs, int frames) noexcept;

  /// Seconds that notes may ring behind the file's end: a patch without an envelope never ends by itself.
  static constexpr double longest_tail = 60.0;

  /// All notes have been played, and nothing sounds any more, whatever else is in the file; or what sounds has rung for
  /// longest_tail.
  bool is_done(const Instrument& instrument) const noexcept {
    return next_ >= notes_ && (instrument.sounding() == 0 || position_ >= last_);
  }

 private:
  struct Message {
    std::int64_t at;
    MidiMessage midi;
  };

  std::vector<Message> messages_;
  std::vector<float*> outputs_;
  std::int64_t end_, last_;
  std::size_t notes_ = 0;  // messages up to the last that begins a note
  std::int64_t position_ = 0;
  std::size_t next_ = 0;
  bool has_ended_ = false;
};

}  // namespace retrograd::tool
