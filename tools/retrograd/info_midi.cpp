// What a standard MIDI file holds.
#include <algorithm>
#include <array>
#include <cmath>
#include <iostream>
#include <map>

#include "info.hpp"
#include "midi_file.hpp"
#include "text.hpp"

namespace retrograd::tool {
namespace {

/// "C4 (60)": middle C is C4, as in scientific pitch notation.
std::string key_name(int key) {
  constexpr std::array names{"C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B"};
  return names[static_cast<std::size_t>(key % 12)] + std::to_string(key / 12 - 1) + " (" +
         std::to_string(key) + ")";
}

}  // namespace

Facts facts_of_midi(const std::string& bytes, const std::string& name) {
  const MidiFile file = parse_midi_file(bytes, name);
  for (const std::string& remark : file.remarks()) std::cerr << name << ": " << remark << '\n';
  std::map<int, long long> notes_of;  // by channel, from 1
  int lowest = 127, highest = 0;
  long long notes = 0;
  for (const MidiMessage& message : file.messages) {
    if (!is_note_on(message)) continue;
    ++notes;
    ++notes_of[(message.bytes[0] & 0xf) + 1];
    lowest = std::min(lowest, int{message.bytes[1]});
    highest = std::max(highest, int{message.bytes[1]});
  }
  std::string channels;
  Json channel_list = Json::list();
  for (const auto& [channel, of_channel] : notes_of) {
    channels +=
        (channels.empty() ? "" : ", ") + std::to_string(channel) + " (" + count(of_channel, "note") + ")";
    channel_list.add(Json::object({{"channel", channel}, {"notes", of_channel}}));
  }
  const auto rounded = [](double tempo) { return number(std::round(tempo * 100.0) / 100.0); };
  std::string tempo = "none: ticks of a fixed length";
  if (file.fastest_tempo > 0.0) tempo = rounded(file.slowest_tempo);
  if (file.fastest_tempo > file.slowest_tempo) tempo += " to " + rounded(file.fastest_tempo);
  if (file.fastest_tempo > 0.0) tempo += " quarters a minute";
  Facts facts{{"format", std::to_string(file.format), "format", file.format},
              {"tracks", std::to_string(file.tracks), "tracks", file.tracks},
              {"tempo", tempo, "tempo", Json::list({file.slowest_tempo, file.fastest_tempo})},
              {"length", number(file.duration) + " s", "duration", file.duration},
              {"notes", std::to_string(notes), "notes", notes},
              {"channels", channels.empty() ? "none" : channels, "channels", channel_list}};
  if (file.drum_notes > 0)
    facts.push_back({"drums", count(file.drum_notes, "note") + ", left out", "drum_notes", file.drum_notes});
  if (notes > 0)
    facts.push_back(
        {"keys", key_name(lowest) + " to " + key_name(highest), "keys", Json::list({lowest, highest})});
  return facts;
}

}  // namespace retrograd::tool
