// How names of sound files end.
#pragma once

#include <string>
#include <vector>

namespace retrograd::tool {

/// In lower case, without the dot: of the files that libsndfile reads.
inline const std::vector<std::string>& sound_endings() {
  static const std::vector<std::string> endings{"wav", "wave", "flac", "ogg", "oga", "opus", "mp3",  "aiff",
                                                "aif", "aifc", "au",   "snd", "caf", "w64",  "rf64", "voc"};
  return endings;
}

}  // namespace retrograd::tool
