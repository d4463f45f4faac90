// A patch, or notes played with it, as a WAV file.
#pragma once

#include <retrograd/patches/patch.hpp>
#include <retrograd/tape/executor.hpp>
#include <retrograd/tensor/element_type.hpp>

#include <cstddef>
#include <cstdint>
#include <filesystem>

#include "midi_file.hpp"
#include "sound_file.hpp"

namespace retrograd::tool {

struct Rendering {
  std::int64_t samples;
  double peak;          ///< the largest |sample|, before clipping
  std::size_t clipped;  ///< samples
};

/// Plays `patch` on an f32 tape of `device` and writes it as mono at its own sample rate, whole or not at all. Raises a
/// FileError as write_wav does, a NotFiniteError where a sample is NaN or infinite.
Rendering render_to_file(const Patch& patch, const std::filesystem::path& path, WavFormat format,
                         Device device, Executor& executor);

/// Plays the notes of `file` on an instrument of so many voices, until the last of them has ended, and writes
/// that in the same way. Raises a FileError as write_wav does, and where there is no note or the sound is not
/// finite.
Rendering render_notes_to_file(const Patch& patch, const MidiFile& file, int voices,
                               const std::filesystem::path& path, WavFormat format);

}  // namespace retrograd::tool
