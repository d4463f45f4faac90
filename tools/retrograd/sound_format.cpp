// The kinds of sound files that are written, by the ending of their names.
#include "sound_format.hpp"

#include <sndfile.h>

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <system_error>

#include "usage_error.hpp"

namespace retrograd::tool {
namespace {

namespace fs = std::filesystem;

const std::vector<SampleFormat> all_formats{SampleFormat::f32, SampleFormat::pcm16, SampleFormat::pcm24};

const std::vector<Container>& containers() {
  static const std::vector<Container> list{
      {"WAV", {"wav", "wave"}, SF_FORMAT_WAV, all_formats, 0, {}, true},
      {"FLAC", {"flac"}, SF_FORMAT_FLAC, {SampleFormat::pcm24, SampleFormat::pcm16}, 0, {}, false},
      {"Ogg Vorbis", {"ogg", "oga"}, SF_FORMAT_OGG, {}, SF_FORMAT_VORBIS, {}, false},
      {"Opus", {"opus"}, SF_FORMAT_OGG, {}, SF_FORMAT_OPUS, {8000, 12000, 16000, 24000, 48000}, false},
      {"MP3",
       {"mp3"},
       SF_FORMAT_MPEG,
       {},
       SF_FORMAT_MPEG_LAYER_III,
       {8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000},
       false},
      {"AIFF", {"aiff", "aif", "aifc"}, SF_FORMAT_AIFF, all_formats, 0, {}, true},
      {"AU", {"au", "snd"}, SF_FORMAT_AU, all_formats, 0, {}, true},
      {"CAF", {"caf"}, SF_FORMAT_CAF, all_formats, 0, {}, false},
      {"W64", {"w64"}, SF_FORMAT_W64, all_formats, 0, {}, false},
      {"RF64", {"rf64"}, SF_FORMAT_RF64, all_formats, 0, {}, false},
  };
  return list;
}

/// Whether this libsndfile writes it: codecs may be left out of a build.
bool is_written_here(const SoundFormat& format) {
  SF_INFO info{};
  info.channels = 1;
  info.samplerate = 48000;
  info.format = format.code();
  return sf_format_check(&info) != 0;
}

/// "a, b or c".
std::string one_of(const std::vector<std::string>& words) {
  std::string text;
  for (std::size_t i = 0; i < words.size(); ++i)
    text += (i == 0 ? "" : i + 1 == words.size() ? " or " : ", ") + words[i];
  return text;
}

std::string ending_of(const std::string& name) {
  std::string ending = fs::path(name).extension().string();
  if (!ending.empty()) ending.erase(0, 1);
  std::ranges::transform(ending, ending.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return ending;
}

bool is_nameless(const std::string& name) {
  std::error_code ignored;
  const fs::file_status status = fs::status(name, ignored);
  return name == "-" || ending_of(name).empty() ||
         (fs::exists(status) && !fs::is_regular_file(status) && !fs::is_directory(status));
}

}  // namespace

const char* name_of(SampleFormat format) {
  return sample_format_names()[static_cast<std::size_t>(format)].c_str();
}

const std::vector<std::string>& sample_format_names() {
  static const std::vector<std::string> names{"f32", "pcm16", "pcm24"};
  return names;
}

std::string SoundFormat::name() const {
  if (!samples) return container->name;
  const std::string of_samples = name_of(*samples);
  return container->major == SF_FORMAT_WAV ? of_samples : container->name + " " + of_samples;
}

int SoundFormat::code() const {
  if (!samples) return container->major | container->lossy_subtype;
  const int subtype = *samples == SampleFormat::f32     ? SF_FORMAT_FLOAT
                      : *samples == SampleFormat::pcm24 ? SF_FORMAT_PCM_24
                                                        : SF_FORMAT_PCM_16;
  return container->major | subtype;
}

SoundFormat wav_format(SampleFormat samples) { return {&containers().front(), samples}; }

SoundFormat format_for(const std::string& option, const std::string& name, const std::string& samples) {
  const Container* container = nullptr;
  if (is_nameless(name)) {
    container = &containers().front();
  } else {
    for (const Container& known : containers())
      if (std::ranges::find(known.endings, ending_of(name)) != known.endings.end()) container = &known;
    if (container == nullptr) {
      std::vector<std::string> endings;
      for (const std::string& ending : written_endings()) endings.push_back("." + ending);
      throw UsageError(option, "'" + name + "': sound is not written as ." + ending_of(name) +
                                   "; the name may end in " + one_of(endings));
    }
  }
  SoundFormat format{container, std::nullopt};
  if (container->formats.empty()) {
    if (!samples.empty())
      throw UsageError("--format", container->name + " has no format of samples to choose, so '" + name +
                                       "' cannot be " + samples + "; leave --format out");
  } else {
    format.samples = container->formats.front();
    if (!samples.empty()) {
      const auto wanted = std::ranges::find(container->formats, samples, name_of);
      if (wanted == container->formats.end()) {
        std::vector<std::string> held;
        for (const SampleFormat known : container->formats) held.emplace_back(name_of(known));
        throw UsageError("--format", container->name + " holds " + one_of(held) + ", so '" + name +
                                         "' cannot be " + samples);
      }
      format.samples = *wanted;
    }
  }
  if (!is_written_here(format))
    throw UsageError(option,
                     "'" + name + "': the libsndfile of this machine does not write " + container->name);
  return format;
}

std::vector<std::string> written_endings() {
  std::vector<std::string> endings;
  for (const Container& container : containers())
    endings.insert(endings.end(), container.endings.begin(), container.endings.end());
  return endings;
}

}  // namespace retrograd::tool
