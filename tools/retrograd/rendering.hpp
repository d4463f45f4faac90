// A patch, or notes played with it, as a sound file.
#pragma once

#include <retrograd/racks/rack.hpp>
#include <retrograd/tape/executor.hpp>
#include <retrograd/tensor/element_type.hpp>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "json.hpp"
#include "midi_file.hpp"
#include "sound_writer.hpp"

namespace retrograd::tool {

/// Where a sound goes, and how.
struct SoundOutput {
  std::filesystem::path path;
  SoundFormat format = wav_format(SampleFormat::f32);
  double gain = 0.0;                      ///< dB
  std::optional<double> normalized = {};  ///< the peak that it gets, in dB below full scale; nothing: its own
};

struct Rendering {
  std::int64_t samples;  ///< of each channel
  int channels;
  double sample_rate;
  double peak;         ///< the largest |sample|, before clipping
  std::size_t beyond;  ///< full scale: samples, which f32 keeps and other formats clip
};

/// Plays `patch` on an f32 tape of `device` and writes it at its own sample rate, a channel for each output, whole or not at all. Raises a
/// FileError as write_sound does, a NotFiniteError where a sample is NaN or infinite.
Rendering render_to_file(const Rack& patch, const SoundOutput& output, Device device, Executor& executor);

/// Plays the notes of `file` on an instrument of so many voices, until the last of them has ended, and writes
/// that in the same way. Raises a FileError as write_sound does, and where there is no note or the sound is not
/// finite.
Rendering render_notes_to_file(const Rack& patch, const MidiFile& file, int voices,
                               const SoundOutput& output);

/// Says on stderr what was written, and what to do where it goes beyond full scale.
void tell_rendering(const std::string& name, const SoundOutput& output, const Rendering& rendering);
/// Only the latter; nothing where it does not.
void tell_clipping(const std::string& name, const SoundOutput& output, const Rendering& rendering);
/// The same for programs: samples, sample_rate, duration, format, peak, beyond_full_scale, clipped.
Json json_of(const std::string& name, const SoundOutput& output, const Rendering& rendering);

}  // namespace retrograd::tool
