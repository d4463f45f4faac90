#include <retrograd/audio/gate.hpp>
#include <retrograd/audio/pitch.hpp>
#include <retrograd/audio/recording.hpp>
#include <retrograd/audio/resample.hpp>
#include <retrograd/fit/target.hpp>
#include <retrograd/racks/wording.hpp>

#include <cmath>
#include <string>

namespace retrograd {

FitTarget prepare_target(std::span<const double> mono, double sample_rate, double patch_rate,
                         std::optional<double> frequency, std::optional<GatePair> gate) {
  check_recording(mono);
  check_sample_rate(sample_rate);
  FitTarget target;
  target.sample_rate = patch_rate;
  target.samples = sample_rate == patch_rate ? std::vector<double>(mono.begin(), mono.end())
                                             : resample(mono, sample_rate, patch_rate);
  std::optional<Gate> heard;
  if (!frequency || !gate) heard = detect_gate(target.samples, patch_rate);
  if (frequency) {
    target.frequency = *frequency;
  } else {
    // Not the silence before: its noise has no pitch.
    const auto onset = static_cast<std::size_t>(std::lround(heard->on * patch_rate));
    const Pitch detected = detect_pitch(std::span(target.samples).subspan(onset), patch_rate);
    target.frequency = detected.frequency;
    target.confidence = detected.confidence;
  }
  if (!(target.frequency > 0.0 && target.frequency < patch_rate / 2.0))
    raise<DomainError>("the frequency is " + rounded(target.frequency) +
                       " Hz, but must lie between 0 and half the sample rate, " + rounded(patch_rate / 2.0) +
                       " Hz");
  target.gate = gate ? *gate : GatePair{heard->on, heard->off};
  if (!(target.gate.on >= 0.0 && target.gate.off > target.gate.on && std::isfinite(target.gate.off)))
    raise<DomainError>("the gate " + rounded(target.gate.on) + ", " + rounded(target.gate.off) +
                       ": it must rise at 0 s or later and fall after that");
  const double duration = static_cast<double>(target.samples.size()) / target.sample_rate;
  if (target.gate.on >= duration)
    raise<DomainError>("the gate rises at " + rounded(target.gate.on) + " s, and the recording is " +
                       rounded(duration) + " s long");
  return target;
}

}  // namespace retrograd
