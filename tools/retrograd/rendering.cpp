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

int channels_of(const Rack& patch) { return static_cast<int>(patch.outputs.size()); }

double from_decibels(double decibels) { return std::pow(10.0, decibels / 20.0); }

/// `samples`: interleaved, of as many channels as the patch has outputs.
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
  const int channels = channels_of(patch);
  const std::size_t beyond = write_sound(output.path, samples, channels, patch.sample_rate, output.format);
  return {static_cast<std::int64_t>(samples.size()) / channels, channels, patch.sample_rate, peak_of(),
          beyond};
}

bool keeps_what_is_beyond(const SoundOutput& output) { return output.format.samples == SampleFormat::f32; }

}  // namespace

Rendering render_to_file(const Rack& patch, const SoundOutput& output, Device device, Executor& executor) {
  const auto channels = patch.outputs.size();
  check_can_write_sound(output.path, static_cast<std::size_t>(length_in_samples(patch)) * channels,
                        channels_of(patch), patch.sample_rate, output.format);
  TapeOptions options = tape_options(patch);
  options.type = ElementType::f32;
  options.device = device;
  options.executor = &executor;
  Tape tape(options);
  const RecordedRack recorded = record(tape, patch);
  std::vector<Var> played = recorded.outputs;
  played.push_back(recorded.audio);
  tape.play(played);
  try {
    check_sound(tape, recorded);
  } catch (const NotFiniteError& error) {
    raise<NotFiniteError>("cannot write '" + output.path.string() + "': " + error.what());
  }
  std::vector<float> samples(static_cast<std::size_t>(length_in_samples(patch)) * channels);
  for (std::size_t c = 0; c < channels; ++c) {
    // A sound of one sample is a scalar to the tape, and scalars are f64.
    Tensor channel(recorded.outputs[c].shape(), ElementType::f32);
    channel.assign(tape.value(recorded.outputs[c]));
    const auto of_channel = channel.view().as<float>();
    for (std::size_t n = 0; n < of_channel.size(); ++n) samples[n * channels + c] = of_channel[n];
  }
  return write(std::move(samples), patch, output);
}

Rendering render_notes_to_file(const Rack& patch, const MidiFile& file, int voices,
                               const SoundOutput& output) {
  constexpr int block = 64;
  const auto channels = patch.outputs.size();
  // How long the last note rings is not known; what is known is long enough to be refused early.
  check_can_write_sound(
      output.path,
      static_cast<std::size_t>(std::min(file.duration * patch.sample_rate + 1.0, 0x1p40)) * channels,
      channels_of(patch), patch.sample_rate, output.format);
  Instrument instrument(patch, {.voices = voices});
  instrument.prepare(patch.sample_rate, block);
  NotePlayer player(file, patch.sample_rate, instrument.channels());
  std::vector<float> samples, planar(channels * block);
  std::vector<float*> rows;
  for (std::size_t c = 0; c < channels; ++c) rows.push_back(planar.data() + c * block);
  do {
    const StreamStatus status = player.process(instrument, rows.data(), block);
    if (status != StreamStatus::ok)
      raise<FileError>("cannot write '" + output.path.string() + "': of the sound, " + to_string(status));
    for (std::size_t n = 0; n < block; ++n)
      for (std::size_t c = 0; c < channels; ++c) samples.push_back(rows[c][n]);
  } while (!player.is_done(instrument));
  if (instrument.sounding() > 0)
    std::cerr << output.path.string() << ": cut " << number(NotePlayer::longest_tail)
              << " s behind the last note, where " << count(instrument.sounding(), "note")
              << " sounded on: the patch has no envelope that ends it\n";
  return write(std::move(samples), patch, output);
}

void tell_rendering(const std::string& name, const SoundOutput& output, const Rendering& rendering) {
  const auto seconds = static_cast<double>(rendering.samples) / rendering.sample_rate;
  std::cerr << name << ": " << count(rendering.samples, "sample") << " (" << number(seconds) << " s) at "
            << number(rendering.sample_rate) << " Hz, "
            << (rendering.channels > 1 ? count(rendering.channels, "channel") + ", " : "")
            << output.format.name() << ", peak " << number(rendering.peak) << '\n';
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
                       {"channels", rendering.channels},
                       {"sample_rate", rendering.sample_rate},
                       {"duration", static_cast<double>(rendering.samples) / rendering.sample_rate},
                       {"format", output.format.name()},
                       {"peak", rendering.peak},
                       {"beyond_full_scale", rendering.beyond},
                       {"clipped", keeps_what_is_beyond(output) ? 0 : rendering.beyond}});
}

}  // namespace retrograd::tool
