// The bytes of standard MIDI files.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

inline std::string big_endian(int size, std::uint32_t value) {
  std::string bytes;
  for (int i = size - 1; i >= 0; --i) bytes += static_cast<char>(value >> (8 * i) & 255u);
  return bytes;
}

inline std::string variable_length(std::uint32_t value) {
  std::string bytes(1, static_cast<char>(value & 127u));
  while (value >>= 7) bytes.insert(bytes.begin(), static_cast<char>((value & 127u) | 128u));
  return bytes;
}

inline std::string midi_header(int format, int tracks, int division) {
  return "MThd" + big_endian(4, 6) + big_endian(2, static_cast<std::uint32_t>(format)) +
         big_endian(2, static_cast<std::uint32_t>(tracks)) +
         big_endian(2, static_cast<std::uint32_t>(division));
}

/// `events` and an end of track.
inline std::string midi_track(const std::string& events) {
  const std::string end{0, '\xff', 0x2f, 0};
  return "MTrk" + big_endian(4, static_cast<std::uint32_t>((events + end).size())) + events + end;
}

/// Some bytes `delta` ticks after the event before.
inline std::string midi_event(std::uint32_t delta, const std::vector<unsigned char>& bytes) {
  return variable_length(delta) + std::string(bytes.begin(), bytes.end());
}

inline std::string note_on(std::uint32_t delta, unsigned key, unsigned velocity) {
  return midi_event(delta, {0x90, static_cast<unsigned char>(key), static_cast<unsigned char>(velocity)});
}

inline std::string tempo(std::uint32_t delta, std::uint32_t microseconds_per_quarter) {
  return variable_length(delta) + std::string{'\xff', 0x51, 3} + big_endian(3, microseconds_per_quarter);
}
