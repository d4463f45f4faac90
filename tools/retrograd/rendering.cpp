// A patch, or notes played with it, as a sound file.
#include "rendering.hpp"

#include <retrograd/racks/finite.hpp>
#include <retrograd/racks/record.hpp>
#include <retrograd/tape/tape.hpp>
#include <retrograd/tensor/errors.hpp>

#include <algorithm>
#include <cmath>
#include <iostream>
#include <utility>
#include <vector>

#include "note_player.hpp"
#include "text.hpp"

namespace retrograd::tool {
namespace {

double from_decibels(double decibels) { return std::pow(10.0, decibels / 20.0); }

Rendering write(std::vector<float> samples, const Rack& patch, const SoundOutput& output) {
  const auto peak_of = [&] {
    float peak = 0.0f;
    for (const float sample : samples) peak = std::max(peak, std::abs(sample));
    return static_cast<double>(peak);
  };
  double gain = from_decibels(output.gain);
  const double peak = peak_of();
  // Of what is not finite there is nothing to make louder or softer: write_sound says where it is.
  if (output.normalized && peak > 0.0 && std::isfinite(peak)) gain = from_decibels(*output.normalized) / peak;
  if (gain != 1.0)
    for (float& sample : samples) sample = static_cast<float>(sample * gain);
  const std::size_t beyond = write_sound(output.path, samples, 1, patch.sample_rate, output.format);
  return {static_cast<std::int64_t>(samples.size()), patch.sample_rate, peak_of(), beyond};
}

bool keeps_what_is_beyond(const SoundOutput& output) { return output.format.samples == SampleFormat::f32; }

}  // namespace

Rendering render_to_file(const Rack& patch, const SoundOutput& output, Device device, Executor& executor) {
  check_can_write_sound(output.path, static_cast<std::size_t>(length_in_samples(patch)), 1, patch.sample_rate,
                        output.format);
  TapeOptions options = tape_options(patch);
  options.type = ElementType::f32;
  options.device = device;
  options.executor = &executor;
  Tape tape(options);
  const RecordedRack recorded = record(tape, patch);
  const Var audio = recorded.audio;
  tape.play({audio});
  try {
    check_sound(tape, recorded);
  } catch (const NotFiniteError& error) {
    raise<NotFiniteError>("cannot write '" + output.path.string() + "': " + error.what());
  }
  // A sound of one sample is a scalar to the tape, and scalars are f64.
  Tensor played(audio.shape(), ElementType::f32);
  played.assign(tape.value(audio));
  const auto samples = played.view().as<float>();
  return write({samples.begin(), samples.end()}, patch, output);
}

Rendering render_notes_to_file(const Rack& patch, const MidiFile& file, int voices,
                               const SoundOutput& output) {
  double longest_release = 0.0;
  for (const FMOperator& fm_operator : patch.fm.operators)
    longest_release = std::max(longest_release, fm_operator.envelope.release);
  // 12 releases and a little: more than Instrument lets a voice ring.
  const double longest = (file.duration + 12.0 * longest_release + 1.0) * patch.sample_rate;
  check_can_write_sound(output.path, static_cast<std::size_t>(std::min(longest, 0x1p40)), 1,
                        patch.sample_rate, output.format);

  constexpr std::size_t block = 64;
  Instrument instrument(patch, {.voices = voices});
  instrument.prepare(patch.sample_rate, block);
  NotePlayer player(file, patch.sample_rate);
  std::vector<float> samples;
  do {
    samples.resize(samples.size() + block);
    const StreamStatus status = player.process(instrument, samples.data() + samples.size() - block, block);
    if (status != StreamStatus::ok)
      raise<FileError>("cannot write '" + output.path.string() + "': of the sound, " + to_string(status));
  } while (!player.is_done(instrument));
  return write(std::move(samples), patch, output);
}

void tell_rendering(const std::string& name, const SoundOutput& output, const Rendering& rendering) {
  const auto seconds = static_cast<double>(rendering.samples) / rendering.sample_rate;
  std::cerr << name << ": " << count(rendering.samples, "sample") << " (" << number(seconds) << " s) at "
            << number(rendering.sample_rate) << " Hz, " << output.format.name() << ", peak "
            << number(rendering.peak) << '\n';
  tell_clipping(name, output, rendering);
}

void tell_clipping(const std::string& name, const SoundOutput& output, const Rendering& rendering) {
  if (rendering.beyond == 0) return;
  // Down to a tenth of a dB, which is then enough.
  const double gain = output.gain - std::ceil(200.0 * std::log10(rendering.peak)) / 10.0;
  std::cerr << name << ": " << count(static_cast<long long>(rendering.beyond), "sample")
            << " beyond full scale"
            << (keeps_what_is_beyond(output) ? ", which f32 keeps and most players clip" : " clipped")
            << "; 'render' with --normalize or --gain " << number(gain) << " avoids that\n";
}

Json json_of(const std::string& name, const SoundOutput& output, const Rendering& rendering) {
  return Json::object({{"file", name},
                       {"samples", rendering.samples},
                       {"sample_rate", rendering.sample_rate},
                       {"duration", static_cast<double>(rendering.samples) / rendering.sample_rate},
                       {"format", output.format.name()},
                       {"peak", rendering.peak},
                       {"beyond_full_scale", rendering.beyond},
                       {"clipped", keeps_what_is_beyond(output) ? 0 : rendering.beyond}});
}

}  // namespace retrograd::tool
