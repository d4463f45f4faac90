// Standard MIDI files. Source of the format: "Standard MIDI Files 1.0", MIDI Manufacturers Association.
#include "midi_file.hpp"

#include <retrograd/files/text_file.hpp>
#include <retrograd/tensor/errors.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>

namespace retrograd::tool {
namespace {

constexpr std::size_t largest_file = std::size_t{64} << 20;

/// Walks over bytes, never beyond their end.
class Reader {
 public:
  Reader(std::string_view bytes, const std::string& name) : bytes_(bytes), name_(name), end_(bytes.size()) {}

  std::size_t position() const { return position_; }
  bool is_at_end() const { return position_ == end_; }
  std::size_t left() const { return end_ - position_; }
  void end_at(std::size_t end) { end_ = end; }
  void go_to(std::size_t position) { position_ = position; }

  [[noreturn]] void fail(std::size_t at, const std::string& what) const {
    raise<FileError>(name_ + ": byte " + std::to_string(at) + ": " + what);
  }

  unsigned char byte(const char* what) {
    need(1, what);
    return static_cast<unsigned char>(bytes_[position_++]);
  }
  unsigned char peek(const char* what) const {
    need(1, what);
    return static_cast<unsigned char>(bytes_[position_]);
  }
  /// A data byte, 0 to 127.
  unsigned char data(const char* what) {
    const unsigned char value = byte(what);
    if (value > 127)
      fail(position_ - 1, std::string(what) + " is " + std::to_string(value) + "; a data byte is 0 to 127");
    return value;
  }
  /// `size` bytes, the most significant first.
  std::uint32_t number(int size, const char* what) {
    need(static_cast<std::size_t>(size), what);
    std::uint32_t value = 0;
    for (int i = 0; i < size; ++i) value = value << 8 | byte(what);
    return value;
  }
  /// Seven bits in a byte, the eighth says that more follow.
  std::uint32_t variable_length(const char* what) {
    const std::size_t start = position_;
    std::uint32_t value = 0;
    for (int i = 0; i < 4; ++i) {
      const unsigned char next = byte(what);
      value = value << 7 | (next & 127u);
      if (next < 128) return value;
    }
    fail(start, std::string(what) + " has more than four bytes; a variable-length number has at most four");
  }
  std::string_view text(std::size_t size, const char* what) {
    need(size, what);
    position_ += size;
    return bytes_.substr(position_ - size, size);
  }

 private:
  void need(std::size_t size, const char* what) const {
    if (left() < size)
      fail(position_, std::string(what) + " is cut short: " + std::to_string(size) +
                          (size == 1 ? " byte is" : " bytes are") + " wanted, " + std::to_string(left()) +
                          " left");
  }

  std::string_view bytes_;
  const std::string& name_;
  std::size_t position_ = 0, end_;
};

/// An event at its tick; `tempo` in microseconds per quarter, 0 for a message.
struct Event {
  std::uint64_t tick;
  std::uint32_t tempo;
  MidiMessage message;
};

struct Header {
  int tracks;
  double ticks_per_quarter;  ///< 0 where ticks are of a fixed length
  double seconds_per_tick;   ///< then
};

Header read_header(Reader& reader) {
  if (reader.left() < 4 || reader.text(4, "the header") != "MThd")
    reader.fail(0, "this is no MIDI file; one begins with 'MThd'");
  const std::uint32_t size = reader.number(4, "the header's size");
  if (size < 6) reader.fail(4, "a header of " + std::to_string(size) + " bytes; a header has 6");
  const std::size_t end = reader.position() + size;
  const std::uint32_t format = reader.number(2, "the format");
  if (format > 1)
    reader.fail(8, "format " + std::to_string(format) + "; formats 0 and 1 can be played" +
                       (format == 2 ? ", 2 is of pieces that are not played together" : ""));
  const auto tracks = static_cast<int>(reader.number(2, "the number of tracks"));
  if (tracks == 0 || (format == 0 && tracks != 1))
    reader.fail(10, std::to_string(tracks) + " tracks in format " + std::to_string(format) +
                        "; there is one in format 0, one or more in format 1");
  const std::uint32_t division = reader.number(2, "the division");
  reader.text(end - reader.position(), "the header");
  if (division == 0) reader.fail(12, "0 ticks per quarter note; there is one or more");
  if (division < 0x8000) return {tracks, static_cast<double>(division), 0.0};
  const int frames = 256 - static_cast<int>(division >> 8);
  const auto ticks = static_cast<int>(division & 255u);
  if ((frames != 24 && frames != 25 && frames != 29 && frames != 30) || ticks == 0)
    reader.fail(12, std::to_string(ticks) + " ticks in a frame, " + std::to_string(frames) +
                        " frames per second; there are one or more ticks, and 24, 25, 29 (for 29.97) or 30 "
                        "frames");
  return {tracks, 0.0, 1.0 / (ticks * (frames == 29 ? 30000.0 / 1001.0 : frames))};
}

// The events of one track; returns the tick at which it ends.
std::uint64_t read_track(Reader& reader, std::vector<Event>& events) {
  std::uint64_t tick = 0;
  unsigned char running = 0;  // the status of the message before, 0 for none
  while (!reader.is_at_end()) {
    tick += reader.variable_length("a time");
    const std::size_t at = reader.position();
    unsigned char status = reader.peek("an event");
    if (status < 0x80) {
      if (running == 0)
        reader.fail(at, "the data byte " + std::to_string(status) +
                            " without a message that it goes on from; an event begins with a status of 128 "
                            "or more");
      status = running;
    } else {
      reader.byte("an event");
    }
    if (status == 0xff) {
      running = 0;
      const unsigned char kind = reader.data("a meta event's kind");
      const std::uint32_t size = reader.variable_length("a meta event's size");
      if (kind == 0x2f) {
        if (size != 0)
          reader.fail(at, "an end of track with " + std::to_string(size) + " bytes; it has none");
        return tick;
      }
      if (kind == 0x51) {
        if (size != 3) reader.fail(at, "a tempo of " + std::to_string(size) + " bytes; it has 3");
        const std::uint32_t tempo = reader.number(3, "a tempo");
        if (tempo == 0) reader.fail(at, "a tempo of 0 us per quarter note; it is 1 or more");
        events.push_back({tick, tempo, {}});
      } else {
        reader.text(size, "a meta event");
      }
    } else if (status == 0xf0 || status == 0xf7) {
      running = 0;
      reader.text(reader.variable_length("a system message's size"), "a system message");
    } else if (status >= 0xf0) {
      reader.fail(at, "the status " + std::to_string(status) +
                          "; in a file there are channel messages (128 to 239), system exclusive (240, 247) "
                          "and meta events (255)");
    } else {
      running = status;
      const bool is_short = (status & 0xf0) == 0xc0 || (status & 0xf0) == 0xd0;  // program, pressure
      Event event{tick, 0, {0.0, {status, reader.data("a message")}, is_short ? 2 : 3}};
      if (!is_short) event.message.bytes[2] = reader.data("a message");
      events.push_back(event);
    }
  }
  reader.fail(reader.position(), "a track ends here without an end of track (0, 255, 47, 0)");
}

}  // namespace

MidiFile parse_midi_file(std::string_view bytes, const std::string& name_for_errors) {
  Reader reader(bytes, name_for_errors);
  const Header header = read_header(reader);
  std::vector<Event> events;
  std::uint64_t end = 0;
  for (int track = 0; track < header.tracks;) {
    const std::size_t start = reader.position();
    if (reader.is_at_end())
      reader.fail(start, "the file ends after " + std::to_string(track) + " of " +
                             std::to_string(header.tracks) + " tracks");
    const std::string_view kind = reader.text(4, "a track's head");
    const std::uint32_t size = reader.number(4, "a track's size");
    if (size > reader.left())
      reader.fail(start, "a track of " + std::to_string(size) + " bytes, of which the file has " +
                             std::to_string(reader.left()));
    const std::size_t next = reader.position() + size;
    if (kind == "MTrk") {  // others are of extensions, to be passed over
      reader.end_at(next);
      end = std::max(end, read_track(reader, events));
      reader.end_at(bytes.size());
      ++track;
    }
    reader.go_to(next);
  }

  std::ranges::stable_sort(events, {}, &Event::tick);
  MidiFile file;
  double seconds = 0.0;
  double seconds_per_tick =
      header.ticks_per_quarter > 0.0 ? 0.5 / header.ticks_per_quarter : header.seconds_per_tick;
  std::uint64_t tick = 0;
  const auto go_to = [&](std::uint64_t later) {
    seconds += static_cast<double>(later - tick) * seconds_per_tick;
    tick = later;
  };
  for (Event& event : events) {
    go_to(event.tick);
    if (event.tempo == 0) {
      event.message.seconds = seconds;
      file.messages.push_back(event.message);
    } else if (header.ticks_per_quarter > 0.0) {
      seconds_per_tick = event.tempo * 1e-6 / header.ticks_per_quarter;
    }
  }
  go_to(end);
  file.duration = seconds;
  return file;
}

MidiFile read_midi_file(const std::filesystem::path& path) {
  const std::string bytes = read_text(path, largest_file + 1);
  if (bytes.size() > largest_file) raise<FileError>(path.string() + ": more than 64 MiB; no MIDI file is");
  return parse_midi_file(bytes, path.string());
}

}  // namespace retrograd::tool
