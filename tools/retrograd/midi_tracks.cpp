// Standard MIDI files. Source of the format: "Standard MIDI Files 1.0", MIDI Manufacturers Association; of its
// wrapping: "RP-029: Bundling SMF and DLS data in an RMID file".
#include "midi_tracks.hpp"

#include <retrograd/instrument/midi_message.hpp>
#include <retrograd/tensor/errors.hpp>

#include <algorithm>

#include "text.hpp"

namespace retrograd::tool {
namespace {

constexpr std::string_view track_head = "MTrk";

/// What cannot be read, and where.
struct Broken {
  std::size_t at;
  std::string what;
  std::string text() const { return "byte " + std::to_string(at) + ": " + what; }
};

/// Walks over bytes, never beyond their end.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : bytes_(bytes), end_(bytes.size()) {}

  std::size_t position() const { return position_; }
  bool is_at_end() const { return position_ == end_; }
  std::size_t left() const { return end_ - position_; }
  std::size_t end() const { return end_; }
  void end_at(std::size_t end) { end_ = end; }
  void go_to(std::size_t position) { position_ = position; }
  bool is_at(std::size_t position, std::string_view what) const {
    return position <= end_ && bytes_.substr(position, end_ - position).starts_with(what);
  }
  /// Where `what` is next, or the end.
  std::size_t find(std::string_view what, std::size_t from) const {
    return std::min(bytes_.find(what, std::min(from, end_)), end_);
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
      throw Broken{position_ - 1,
                   std::string(what) + " is " + std::to_string(value) + "; a data byte is 0 to 127"};
    return value;
  }
  /// `size` bytes, the most significant first.
  std::uint32_t number(int size, const char* what) {
    need(static_cast<std::size_t>(size), what);
    std::uint32_t value = 0;
    for (int i = 0; i < size; ++i) value = value << 8 | byte(what);
    return value;
  }
  /// The same, the least significant first.
  std::uint32_t reversed_number(const char* what) {
    std::uint32_t value = 0;
    for (int i = 0; i < 4; ++i) value |= static_cast<std::uint32_t>(byte(what)) << (8 * i);
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
    throw Broken{start,
                 std::string(what) + " has more than four bytes; a variable-length number has at most four"};
  }
  std::string_view text(std::size_t size, const char* what) {
    need(size, what);
    position_ += size;
    return bytes_.substr(position_ - size, size);
  }

 private:
  void need(std::size_t size, const char* what) const {
    if (left() < size)
      throw Broken{position_, std::string(what) + " is cut short: " + std::to_string(size) +
                                  (size == 1 ? " byte is" : " bytes are") + " wanted, " +
                                  std::to_string(left()) + " left"};
  }

  std::string_view bytes_;
  std::size_t position_ = 0, end_;
};

/// Reads one file.
class TracksReader {
 public:
  TracksReader(std::string_view bytes, MidiTracks& tracks) : reader_(bytes), tracks_(tracks) {}

  void read() {
    find_header();
    read_header();
    while (!reader_.is_at_end() && read_chunk()) {
    }
    const auto found = static_cast<int>(tracks_.ends.size());
    if (found == 0) throw Broken{reader_.position(), "there is no track; one begins with 'MTrk'"};
    if (found != tracks_said_)
      mend("tracks", "the header says " + count(tracks_said_, "track") + ", there " +
                         (found == 1 ? "is " : "are ") + std::to_string(found));
  }

 private:
  void mend(std::string_view kind, const std::string& what) { tracks_.mended.add(kind, what); }
  static std::string at(std::size_t byte) { return "byte " + std::to_string(byte) + ": "; }
  std::string track() const { return "track " + std::to_string(tracks_.ends.size() + 1); }

  // --- the header ------------------------------------------------------------------------------------

  void find_header() {
    if (reader_.is_at(0, "RIFF") && reader_.is_at(8, "RMID")) {
      for (std::size_t chunk = 12;; chunk = reader_.position()) {
        reader_.go_to(chunk);
        const std::string_view kind = reader_.text(4, "a RIFF chunk's head");
        const std::size_t size = reader_.reversed_number("a RIFF chunk's size");
        if (kind == "data") {
          mend("RIFF", "a MIDI file in a RIFF file (RMID): it is read, the rest passed over");
          if (size <= reader_.left()) reader_.end_at(reader_.position() + size);
          break;
        }
        reader_.text(size + size % 2, "a RIFF chunk");
      }
    }
    if (reader_.is_at(reader_.position(), "MThd")) return;
    const std::size_t header = reader_.find("MThd", reader_.position());
    if (header == reader_.end() || header > 65536)
      throw Broken{0, "this is no MIDI file; one begins with 'MThd'"};
    mend("before", count(static_cast<long long>(header), "byte") + " before the header passed over");
    reader_.go_to(header);
  }

  void read_header() {
    const std::size_t start = reader_.position();
    reader_.text(4, "the header");
    const std::uint32_t size = reader_.number(4, "the header's size");
    const bool is_usual = reader_.is_at(start + 14, track_head);
    if (size < 6 && !is_usual)
      throw Broken{start + 4, "a header of " + std::to_string(size) + " bytes; a header has 6"};
    const std::uint32_t format = reader_.number(2, "the format");
    if (format > 2)
      mend("format", at(start + 8) + "format " + std::to_string(format) +
                         " is unknown; the tracks are played together, as in format 1");
    if (format == 2) mend("format", "format 2: its tracks are played one after the other");
    tracks_.format = format > 2 ? 1 : static_cast<int>(format);
    tracks_said_ = static_cast<int>(reader_.number(2, "the number of tracks"));
    read_division(start + 12);
    const std::size_t said = start + 8 + size;
    if (size != 6 && is_usual && !reader_.is_at(said, track_head))
      mend("header", at(start + 4) + "a header of " + std::to_string(size) + " bytes; it has 6");
    else
      reader_.go_to(std::min(said, reader_.end()));
  }

  void read_division(std::size_t at) {
    const std::uint32_t division = reader_.number(2, "the division");
    if (division == 0) throw Broken{at, "0 ticks per quarter note; there is one or more"};
    if (division < 0x8000) {
      tracks_.ticks_per_quarter = division;
      return;
    }
    const int frames = 256 - static_cast<int>(division >> 8);
    const auto ticks = static_cast<int>(division & 255u);
    if ((frames != 24 && frames != 25 && frames != 29 && frames != 30) || ticks == 0)
      throw Broken{at, std::to_string(ticks) + " ticks in a frame, " + std::to_string(frames) +
                           " frames per second; there are one or more ticks, and 24, 25, 29 (for 29.97) or "
                           "30 frames"};
    tracks_.seconds_per_tick = 1.0 / (ticks * (frames == 29 ? 30000.0 / 1001.0 : frames));
  }

  // --- chunks ----------------------------------------------------------------------------------------

  // A chunk may end here: another one begins, or the file ends.
  bool is_boundary(std::size_t position) {
    for (;;) {
      if (position == reader_.end() || reader_.is_at(position, track_head)) return true;
      if (position + 8 > reader_.end()) return false;
      Reader head = reader_;
      head.go_to(position);
      for (const char letter : head.text(4, "a chunk's head"))
        if (letter < ' ' || letter > '~') return false;
      position += 8 + std::size_t{head.number(4, "a chunk's size")};
      if (position > reader_.end()) return false;
    }
  }

  // False where nothing more can be read.
  bool read_chunk() {
    const std::size_t start = reader_.position();
    const std::size_t next_head = reader_.find(track_head, start + 1);
    if (reader_.left() < 8) return false;
    const bool is_track = reader_.text(4, "a chunk's head") == track_head;
    const std::size_t size = reader_.number(4, "a chunk's size"), said = reader_.position() + size;
    if (is_track) {
      read_track(size, said);
      return true;
    }
    if (is_boundary(said)) {  // of an extension, to be passed over
      reader_.go_to(said);
      return true;
    }
    if (next_head == reader_.end()) return false;
    mend("gap", at(start) + std::to_string(next_head - start) + " bytes that are no track passed over");
    reader_.go_to(next_head);
    return true;
  }

  void read_track(std::size_t size, std::size_t said) {
    const std::string name = track();
    const std::size_t start = reader_.position(), file_end = reader_.end();
    const std::string end_of_track{'\xff', 0x2f, 0};
    const bool is_right =
        said <= file_end && (is_boundary(said) || (size >= 3 && reader_.is_at(said - 3, end_of_track)));
    if (is_right) reader_.end_at(said);
    bool has_end = false, is_broken = false;
    tick_ = 0;
    try {
      has_end = read_events(!is_right);
    } catch (const Broken& broken) {
      is_broken = true;
      mend("broken", broken.text() + "; " + name + " is played as far as it goes");
    }
    tracks_.ends.push_back(tick_);
    const std::size_t end = reader_.position();
    reader_.end_at(file_end);
    if (is_right) {
      reader_.go_to(said);
    } else {
      if (!is_broken)
        mend("size", name + " says that it has " + std::to_string(size) + " bytes; it has " +
                         std::to_string(end - start));
      reader_.go_to(reader_.find(track_head, end));
    }
    if (!has_end && !is_broken)
      mend("end", name + " has no end of track (0, 255, 47, 0); it ends where it ends");
  }

  // Whether an end of track was found. One that begins, where sizes are wrong, is none of this one's events.
  bool read_events(bool watches) {
    std::uint64_t tick = 0;
    unsigned char running = 0;  // the status of the message before, 0 for none
    bool is_interrupted = false;
    while (!reader_.is_at_end() && !(watches && reader_.is_at(reader_.position(), track_head))) {
      tick += reader_.variable_length("a time");
      const std::size_t start = reader_.position();
      unsigned char status = reader_.peek("an event");
      if (status < 0x80) {
        if (running == 0)
          throw Broken{start, "the data byte " + std::to_string(status) +
                                  " without a message that it goes on from; an event begins with a status of "
                                  "128 or more"};
        if (is_interrupted)
          mend("running", at(start) +
                              "a message without its status byte after a meta event or a system "
                              "message; the status before that is taken");
        status = running;
      } else {
        reader_.byte("an event");
      }
      is_interrupted = status >= 0xf0;
      if (status == 0xff) {
        if (read_meta(start, tick)) return true;
      } else if (status == 0xf0 || status == 0xf7) {
        reader_.text(reader_.variable_length("a system message's size"), "a system message");
        ++tracks_.system_messages;
      } else if (status >= 0xf0) {
        for (int i = 0; i < system_data_bytes(status); ++i) reader_.data("a system message");
        mend("status",
             at(start) + "the status " + std::to_string(status) + " has no place in a file; passed over");
      } else {
        running = status;
        const int bytes = 1 + data_bytes(status);
        TrackEvent event{tick, static_cast<int>(tracks_.ends.size()), 0, {status}, bytes};
        for (int i = 1; i < bytes; ++i) event.bytes[static_cast<std::size_t>(i)] = reader_.data("a message");
        tracks_.events.push_back(event);
      }
      tick_ = tick;
    }
    return false;
  }

  // Whether it is the end of the track.
  bool read_meta(std::size_t start, std::uint64_t tick) {
    const unsigned char kind = reader_.data("a meta event's kind");
    const std::uint32_t size = reader_.variable_length("a meta event's size");
    if (kind == 0x2f) {
      if (size != 0)
        mend("long end", at(start) + "an end of track with " + count(size, "byte") + "; it has none");
      reader_.text(std::min<std::size_t>(size, reader_.left()), "an end of track");
      tick_ = tick;
      return true;
    }
    if (kind != 0x51) {
      reader_.text(size, "a meta event");
      return false;
    }
    const std::uint32_t tempo = size == 3 ? reader_.number(3, "a tempo") : 0;
    if (size != 3) reader_.text(size, "a tempo");
    if (tempo > 0)
      tracks_.events.push_back({tick, static_cast<int>(tracks_.ends.size()), tempo});
    else
      mend("tempo", at(start) +
                        (size == 3 ? std::string("a tempo of 0 us per quarter note")
                                   : "a tempo of " + count(size, "byte") + ", not 3,") +
                        " passed over");
    return false;
  }

  Reader reader_;
  MidiTracks& tracks_;
  int tracks_said_ = 0;
  std::uint64_t tick_ = 0;  // of the last event that could be read
};

}  // namespace

void Mended::add(std::string_view kind, const std::string& what) {
  const auto known = std::ranges::find(mends_, kind, &Mend::kind);
  if (known == mends_.end())
    mends_.push_back({std::string(kind), what});
  else
    ++known->more;
}

std::vector<std::string> Mended::lines() const {
  std::vector<std::string> lines;
  for (const Mend& mend : mends_)
    lines.push_back(mend.what + (mend.more > 0 ? " (and " + std::to_string(mend.more) + " more)" : ""));
  return lines;
}

MidiTracks read_midi_tracks(std::string_view bytes, const std::string& name_for_errors) {
  MidiTracks tracks;
  try {
    TracksReader(bytes, tracks).read();
  } catch (const Broken& broken) {
    raise<FileError>(name_for_errors + ": " + broken.text());
  }
  return tracks;
}

}  // namespace retrograd::tool
