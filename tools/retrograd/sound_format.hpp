// The kinds of sound files that are written, by the ending of their names.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

namespace retrograd::tool {

enum class SampleFormat {
  f32,    ///< 32-bit floating point, unclipped
  pcm16,  ///< 16-bit integers
  pcm24,  ///< 24-bit integers
};

/// "f32".
const char* name_of(SampleFormat format);
/// "f32", "pcm16", "pcm24".
const std::vector<std::string>& sample_format_names();

/// A kind of file: what it is called, how its names end, and what it holds.
struct Container {
  std::string name;                   ///< for people: "FLAC"
  std::vector<std::string> endings;   ///< in lower case, without the dot
  int major = 0;                      ///< libsndfile's number
  std::vector<SampleFormat> formats;  ///< the first is taken where none is asked for; none: lossy
  int lossy_subtype = 0;              ///< libsndfile's number of the codec, where it is lossy
  std::vector<int> rates;             ///< in Hz, where only some can be
  bool has_short_sizes = false;       ///< holds at most 4 GiB
};

/// What a file is written as.
struct SoundFormat {
  const Container* container;
  std::optional<SampleFormat> samples;  ///< none where it is lossy

  /// For people: "f32" of a WAV file, "FLAC pcm24", "Ogg Vorbis".
  std::string name() const;
  /// libsndfile's number.
  int code() const;
};

SoundFormat wav_format(SampleFormat samples);

/// What a file of this name is written as: by its ending, whatever its case; as WAV where it has none, and to
/// devices, pipes and standard output. `samples` is what --format asks for; empty for nothing. Raises a
/// UsageError, naming `option`, where sound is not written so, and what it could be.
SoundFormat format_for(const std::string& option, const std::string& name, const std::string& samples);

/// The endings of the names that can be written: "wav", "flac", ...
std::vector<std::string> written_endings();

}  // namespace retrograd::tool
