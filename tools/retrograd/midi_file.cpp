// The events of a MIDI file's tracks as one list in the order of time.
#include "midi_file.hpp"

#include <retrograd/files/text_file.hpp>
#include <retrograd/instrument/midi_channels.hpp>
#include <retrograd/tensor/errors.hpp>

#include <algorithm>
#include <cstdint>
#include <set>
#include <span>

#include "midi_tracks.hpp"
#include "text.hpp"

namespace retrograd::tool {
namespace {

constexpr std::size_t largest_file = std::size_t{64} << 20;
constexpr int drum_channel = 9;

bool is_message(const TrackEvent& event) { return event.tempo == 0; }
bool is_on(const TrackEvent& event) { return (event.bytes[0] & 0xf0) == 0x90 && event.bytes[2] > 0; }
bool is_off(const TrackEvent& event) {
  return (event.bytes[0] & 0xf0) == 0x80 || ((event.bytes[0] & 0xf0) == 0x90 && event.bytes[2] == 0);
}
std::size_t key_of(const TrackEvent& event) { return (event.bytes[0] & 15u) * 128u + event.bytes[1]; }

// The tracks of format 2 are pieces of their own: each begins where the one before ends, anew.
void play_one_after_the_other(MidiTracks& tracks) {
  std::vector<TrackEvent> events;
  std::uint64_t start = 0;
  std::size_t next = 0;
  for (int track = 0; track < static_cast<int>(tracks.ends.size()); ++track) {
    const auto end_of_piece = [&](unsigned char channel, unsigned char controller) {
      events.push_back({start, track, 0, {static_cast<unsigned char>(0xb0 + channel), controller, 0}, 3});
    };
    if (track > 0) {
      events.push_back({start, track, 500000});
      for (unsigned char channel = 0; channel < midi_channels; ++channel) {
        end_of_piece(channel, 121);
        end_of_piece(channel, 123);
      }
    }
    for (; next < tracks.events.size() && tracks.events[next].track == track; ++next) {
      events.push_back(tracks.events[next]);
      events.back().tick += start;
    }
    start = tracks.ends[static_cast<std::size_t>(track)] += start;
  }
  tracks.events = std::move(events);
}

/// What is passed over, and how many of each.
class Tally {
 public:
  void count_drum() { ++drums_; }
  void count_silent_note() { ++silent_notes_; }
  void count_system(long long messages) { systems_ += messages; }
  void count(const ChannelMessage& message) {
    if (message.kind == ChannelMessage::Kind::program) ++programs_;
    if (message.kind == ChannelMessage::Kind::key_pressure) ++pressures_;
    if (message.kind == ChannelMessage::Kind::channel_pressure) ++pressures_;
    if (message.kind != ChannelMessage::Kind::controller) return;
    ++controllers_;
    numbers_.insert(message.first);
  }
  long long drums() const { return drums_; }

  std::string text() const {
    std::string text;
    const auto add = [&](long long many, const std::string& what, const std::string& more = "") {
      if (many > 0) text += (text.empty() ? "" : ", ") + tool::count(many, what) + more;
    };
    add(drums_, "drum note", " (channel 10; --drums plays them as any other)");
    add(programs_, "program change");
    std::string numbers;
    for (const int number : numbers_) numbers += (numbers.empty() ? " (" : ", ") + std::to_string(number);
    add(controllers_, "controller", numbers + ")");
    add(pressures_, "pressure message");
    add(systems_, "system message");
    add(silent_notes_, "note", " of no length");
    return text;
  }

 private:
  long long drums_ = 0, programs_ = 0, controllers_ = 0, pressures_ = 0, systems_ = 0, silent_notes_ = 0;
  std::set<int> numbers_;
};

/// Which track holds which key, so that notes that meet on a key do not end each other.
class Keys {
 public:
  explicit Keys(const std::vector<std::uint64_t>& ends) : ends_(ends), keys_(midi_channels * 128) {}

  /// Puts the events of one tick in order: of a channel and key, what ends notes that began before comes before
  /// what begins notes.
  void order(std::span<TrackEvent> events) {
    if (events.size() == 1) return;
    std::vector<std::pair<std::pair<std::size_t, int>, TrackEvent>> ranked;
    std::vector<std::size_t> touched;
    for (std::size_t i = 0; i < events.size(); ++i) {
      const TrackEvent& event = events[i];
      std::pair<std::size_t, int> rank{i, 1};
      if (is_message(event) && (is_on(event) || is_off(event))) {
        Key& key = keys_[key_of(event)];
        touched.push_back(key_of(event));
        if (is_on(event)) {
          key.begun.push_back(event.track);
          key.first_on = std::min(key.first_on, i);
        } else if (ends_earlier_note(key, event.track)) {
          rank = {std::min(key.first_on, i), key.first_on < i ? 0 : 1};
        }
      }
      ranked.push_back({rank, event});
    }
    std::ranges::stable_sort(ranked, {}, [](const auto& r) { return r.first; });
    for (std::size_t i = 0; i < events.size(); ++i) events[i] = ranked[i].second;
    for (const std::size_t key : touched) keys_[key].forget_tick();
  }

  /// A key goes down: whether it was down.
  bool press(const TrackEvent& event) {
    Key& key = keys_[key_of(event)];
    players_.insert({event.track, event.bytes[0] & 15});
    const bool was_down = !key.holders.empty();
    std::erase(key.holders, event.track);
    key.holders.push_back(event.track);
    key.since = event.tick;
    return was_down;
  }

  /// A key goes up, as far as one track is concerned: whether it is up.
  bool release(const TrackEvent& event) {
    Key& key = keys_[key_of(event)];
    if (key.holders.empty()) return false;
    const bool is_own = std::erase(key.holders, event.track) > 0;
    const bool others_hold = std::ranges::any_of(
        key.holders, [&](int track) { return ends_[static_cast<std::size_t>(track)] > event.tick; });
    // A track that plays no notes there may end those of another; one that does ends its own.
    if (others_hold && (is_own || players_.contains({event.track, event.bytes[0] & 15}))) return false;
    key.holders.clear();
    return true;
  }
  std::uint64_t pressed_at(const TrackEvent& event) const { return keys_[key_of(event)].since; }

  void release_channel(int channel) {
    for (std::size_t k = 0; k < 128; ++k) keys_[static_cast<std::size_t>(channel) * 128 + k].holders.clear();
  }
  bool any_is_down() const {
    return std::ranges::any_of(keys_, [](const Key& key) { return !key.holders.empty(); });
  }

 private:
  struct Key {
    std::vector<int> holders;  // tracks
    std::uint64_t since = 0;   // the tick at which it went down last
    // Within a tick: the tracks that press it and have not let it go, those that let go a note of before, and
    // where the first one presses it.
    std::vector<int> begun, ended;
    std::size_t first_on = static_cast<std::size_t>(-1);
    void forget_tick() {
      begun.clear();
      ended.clear();
      first_on = static_cast<std::size_t>(-1);
    }
  };

  static bool contains(const std::vector<int>& tracks, int track) {
    return std::ranges::find(tracks, track) != tracks.end();
  }
  // Whether a note off ends a note that began before this tick, or is nobody's; else it ends one of this tick.
  static bool ends_earlier_note(Key& key, int track) {
    if (contains(key.holders, track) && !contains(key.ended, track)) {
      key.ended.push_back(track);
      return true;
    }
    const auto own = std::ranges::find(key.begun, track);
    if (own == key.begun.end()) return true;
    key.begun.erase(own);
    return false;
  }

  const std::vector<std::uint64_t>& ends_;
  std::vector<Key> keys_;
  std::set<std::pair<int, int>> players_;  // tracks, and the channels on which they play notes
};

/// Makes the list.
class Score {
 public:
  Score(const MidiTracks& tracks, bool with_drums)
      : tracks_(tracks), with_drums_(with_drums), keys_(tracks.ends) {}

  MidiFile play(std::vector<TrackEvent> events) {
    std::ranges::stable_sort(events, {}, &TrackEvent::tick);
    seconds_per_tick_ =
        tracks_.ticks_per_quarter > 0.0 ? 0.5 / tracks_.ticks_per_quarter : tracks_.seconds_per_tick;
    for (std::size_t first = 0; first < events.size();) {
      std::size_t last = first;
      while (last < events.size() && events[last].tick == events[first].tick) ++last;
      go_to(events[first].tick);
      keys_.order(std::span(events).subspan(first, last - first));
      for (; first < last; ++first) take(events[first]);
    }
    if (const auto end = std::ranges::max_element(tracks_.ends);
        keys_.any_is_down() || std::ranges::count(pedals_, true) > 0) {
      go_to(std::max(*end, tick_));
      file_.duration = seconds_;
    }
    tally_.count_system(tracks_.system_messages);
    file_.drum_notes = tally_.drums();
    file_.mended = tracks_.mended.lines();
    file_.passed_over = tally_.text();
    return std::move(file_);
  }

 private:
  void go_to(std::uint64_t tick) {
    seconds_ += static_cast<double>(tick - tick_) * seconds_per_tick_;
    tick_ = tick;
  }

  void take(const TrackEvent& event) {
    if (!is_message(event)) {
      if (tracks_.ticks_per_quarter > 0.0) seconds_per_tick_ = event.tempo * 1e-6 / tracks_.ticks_per_quarter;
      return;
    }
    const int channel = event.bytes[0] & 15;
    if (channel == drum_channel && !with_drums_) {
      if (is_on(event)) tally_.count_drum();
      return;
    }
    const ChannelMessage message = channel_message(event.bytes[0], event.bytes[1], event.bytes[2]);
    const auto pedal = static_cast<std::size_t>(channel);
    switch (channels_.take(message)) {
      case MidiEffect::passed_over:
        return tally_.count(message);
      case MidiEffect::note_on:
        // A key that is down is let go first, so that one that follows at the same sample ends the new note.
        if (keys_.press(event)) add(event, {static_cast<unsigned char>(0x80 + channel), event.bytes[1], 0});
        file_.duration = seconds_;
        break;
      case MidiEffect::note_off:
        if (!keys_.release(event)) return;
        if (keys_.pressed_at(event) == event.tick) tally_.count_silent_note();
        file_.duration = seconds_;
        break;
      case MidiEffect::pedal_down:
        pedals_[pedal] = true;
        break;
      case MidiEffect::pedal_up:
      case MidiEffect::reset:
        if (pedals_[pedal]) file_.duration = seconds_;
        pedals_[pedal] = false;
        break;
      case MidiEffect::all_notes_off:
      case MidiEffect::all_sound_off:
        if (keys_.any_is_down()) file_.duration = seconds_;
        keys_.release_channel(channel);
        break;
      case MidiEffect::none:
      case MidiEffect::pitch:
      case MidiEffect::gain:
      case MidiEffect::pressure:
      case MidiEffect::key_pressure:
        break;
    }
    add(event, event.bytes);
  }

  void add(const TrackEvent& event, const std::array<unsigned char, 3>& bytes) {
    file_.messages.push_back({seconds_, bytes, event.count});
  }

  const MidiTracks& tracks_;
  bool with_drums_;
  Keys keys_;
  MidiChannels channels_;
  Tally tally_;
  std::array<bool, midi_channels> pedals_{};
  double seconds_ = 0.0, seconds_per_tick_ = 0.0;
  std::uint64_t tick_ = 0;
  MidiFile file_;
};

// A file has 120 quarters a minute until it says otherwise: where it does so at once, those are none of its tempi.
void add_tempi(const std::vector<TrackEvent>& events, MidiFile& file) {
  const bool says_at_once = std::ranges::any_of(
      events, [](const TrackEvent& event) { return !is_message(event) && event.tick == 0; });
  std::vector<double> tempi;
  if (!says_at_once) tempi.push_back(120.0);
  for (const TrackEvent& event : events)
    if (!is_message(event)) tempi.push_back(60e6 / event.tempo);
  file.slowest_tempo = std::ranges::min(tempi);
  file.fastest_tempo = std::ranges::max(tempi);
}

}  // namespace

std::vector<std::string> MidiFile::remarks() const {
  std::vector<std::string> lines = mended;
  if (!passed_over.empty()) lines.push_back("passed over: " + passed_over);
  return lines;
}

MidiFile parse_midi_file(std::string_view bytes, const std::string& name_for_errors, bool with_drums) {
  MidiTracks tracks = read_midi_tracks(bytes, name_for_errors);
  if (tracks.format == 2) play_one_after_the_other(tracks);
  MidiFile file = Score(tracks, with_drums).play(tracks.events);
  file.format = tracks.format;
  file.tracks = static_cast<long long>(tracks.ends.size());
  if (tracks.ticks_per_quarter > 0.0) add_tempi(tracks.events, file);
  return file;
}

MidiFile read_midi_file(const std::filesystem::path& path, bool with_drums) {
  const std::string bytes = read_text(path, largest_file + 1);
  if (bytes.size() > largest_file) raise<FileError>(path.string() + ": more than 64 MiB; no MIDI file is");
  return parse_midi_file(bytes, path.string(), with_drums);
}

}  // namespace retrograd::tool
