// What a sound holds.
#include <retrograd/audio/gate.hpp>
#include <retrograd/audio/pitch.hpp>
#include <retrograd/tensor/errors.hpp>

#include <algorithm>
#include <cmath>
#include <functional>

#include "info.hpp"
#include "recording_input.hpp"
#include "text.hpp"

namespace retrograd::tool {
namespace {

/// What cannot be found is told, and is no error: the file is what it is.
Fact found(const std::string& name, const std::function<Fact()>& find) {
  try {
    return find();
  } catch (const DomainError& error) {
    return {name, std::string("none found: ") + error.what(), name, Json()};
  }
}

}  // namespace

Facts facts_of(const Sound& sound, const std::string& path) {
  const auto frames = static_cast<long long>(sound.samples.size()) / sound.channels;
  const double duration = static_cast<double>(frames) / sound.sample_rate;
  double peak = 0.0;
  for (const double sample : sound.samples) peak = std::max(peak, std::abs(sample));
  const std::vector<double> mono = mono_of(sound, path);
  return {{"sample rate", number(sound.sample_rate) + " Hz", "sample_rate", sound.sample_rate},
          {"channels", std::to_string(sound.channels), "channels", sound.channels},
          {"length", count(frames, "sample") + " (" + number(duration) + " s)", "samples", frames},
          {"", "", "duration", duration},
          {"peak", number(peak), "peak", peak},
          found("pitch",
                [&]() -> Fact {
                  const Pitch pitch = detect_pitch(mono, sound.sample_rate);
                  return {"pitch",
                          number(pitch.frequency) + " Hz, confidence " +
                              number(std::round(pitch.confidence * 100) / 100),
                          "pitch",
                          Json::object({{"frequency", pitch.frequency}, {"confidence", pitch.confidence}})};
                }),
          found("gate", [&]() -> Fact {
            const Gate gate = detect_gate(mono, sound.sample_rate);
            return {"gate", number(gate.on) + " to " + number(gate.off) + " s", "gate",
                    Json::list({gate.on, gate.off})};
          })};
}

}  // namespace retrograd::tool
