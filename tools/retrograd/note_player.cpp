// The messages of a MIDI file, played on an instrument as time goes on.
#include "note_player.hpp"

#include <algorithm>
#include <cmath>

namespace retrograd::tool {

NotePlayer::NotePlayer(const MidiFile& file, double sample_rate, int channels)
    : outputs_(static_cast<std::size_t>(channels)) {
  const auto sample_at = [sample_rate](double seconds) {
    return static_cast<std::int64_t>(std::llround(std::min(seconds * sample_rate, 0x1p60)));
  };
  messages_.reserve(file.messages.size());
  for (const MidiMessage& message : file.messages) {
    messages_.push_back({sample_at(message.seconds), message});
    if (is_note_on(message)) notes_ = messages_.size();
  }
  end_ = sample_at(file.duration);
  last_ = end_ + sample_at(longest_tail);
}

StreamStatus NotePlayer::process(Instrument& instrument, float* const* outputs, int frames) noexcept {
  std::copy_n(outputs, outputs_.size(), outputs_.begin());
  StreamStatus status = StreamStatus::ok;
  while (frames > 0) {
    // Up to the first message that has to wait until the instrument has played those it holds.
    std::int64_t part = frames;
    bool is_taken = true;
    while (is_taken && next_ < messages_.size() && messages_[next_].at < position_ + part) {
      const Message& message = messages_[next_];
      const std::int64_t offset = std::max<std::int64_t>(message.at - position_, 0);
      is_taken = instrument.midi(message.midi.bytes.data(), message.midi.count, static_cast<int>(offset));
      if (is_taken)
        ++next_;
      else
        part = std::max<std::int64_t>(offset, 1);
    }
    if (next_ >= notes_ && !has_ended_ && end_ < position_ + part)
      has_ended_ = instrument.all_notes_off(static_cast<int>(std::max<std::int64_t>(end_ - position_, 0)));
    status = instrument.process(outputs_.data(), static_cast<int>(part));
    if (status != StreamStatus::ok) return status;
    for (float*& output : outputs_) output += part;
    position_ += part;
    frames -= static_cast<int>(part);
  }
  return status;
}

}  // namespace retrograd::tool
