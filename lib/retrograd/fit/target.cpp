#include <retrograd/audio/gate.hpp>
#include <retrograd/audio/pitch.hpp>
#include <retrograd/audio/resample.hpp>
#include <retrograd/audio/trim.hpp>
#include <retrograd/fit/target.hpp>

#include <cmath>

namespace retrograd {

FitTarget prepare_target(std::span<const double> mono, double sample_rate, double patch_rate,
                         std::optional<double> frequency, std::optional<GatePair> gate) {
  const auto sound = mono.subspan(static_cast<std::size_t>(leading_silence(mono)));
  FitTarget target;
  target.sample_rate = patch_rate;
  target.samples = sample_rate == patch_rate ? std::vector<double>(sound.begin(), sound.end())
                                             : resample(sound, sample_rate, patch_rate);
  if (frequency) {
    target.frequency = *frequency;
  } else {
    const Pitch detected = detect_pitch(target.samples, patch_rate);
    target.frequency = detected.frequency;
    target.confidence = detected.confidence;
  }
  if (!(target.frequency > 0.0 && target.frequency < patch_rate / 2.0))
    raise<DomainError>("the frequency is " + std::to_string(target.frequency) +
                       " Hz, but must lie between 0 and half the sample rate, " +
                       std::to_string(patch_rate / 2.0) + " Hz");
  if (gate) {
    target.gate = *gate;
  } else {
    const Gate detected = detect_gate(target.samples, patch_rate);
    target.gate = {detected.on, detected.off};
  }
  if (!(target.gate.on >= 0.0 && target.gate.off > target.gate.on && std::isfinite(target.gate.off)))
    raise<DomainError>("the gate " + std::to_string(target.gate.on) + ", " + std::to_string(target.gate.off) +
                       ": it must rise at 0 s or later and fall after that");
  return target;
}

}  // namespace retrograd
