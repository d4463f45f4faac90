// A patch, or notes played with it, as a WAV file.
#include "rendering.hpp"

#include <retrograd/patches/finite.hpp>
#include <retrograd/patches/record.hpp>
#include <retrograd/tape/tape.hpp>
#include <retrograd/tensor/errors.hpp>

#include <algorithm>
#include <cmath>
#include <vector>

#include "note_player.hpp"

namespace retrograd::tool {
namespace {

Rendering write(std::span<const float> samples, const Patch& patch, const std::filesystem::path& path,
                WavFormat format) {
  double peak = 0.0;
  for (const float sample : samples) peak = std::max(peak, static_cast<double>(std::abs(sample)));
  const std::size_t clipped = write_wav(path, samples, 1, patch.sample_rate, format);
  return {static_cast<std::int64_t>(samples.size()), peak, clipped};
}

}  // namespace

Rendering render_to_file(const Patch& patch, const std::filesystem::path& path, WavFormat format,
                         Device device, Executor& executor) {
  check_can_write_wav(path, static_cast<std::size_t>(length_in_samples(patch)), 1, patch.sample_rate, format);
  TapeOptions options = tape_options(patch);
  options.type = ElementType::f32;
  options.device = device;
  options.executor = &executor;
  Tape tape(options);
  const RecordedPatch recorded = record(tape, patch);
  const Var audio = recorded.audio;
  tape.play({audio});
  try {
    check_sound(tape, recorded);
  } catch (const NotFiniteError& error) {
    raise<NotFiniteError>("cannot write '" + path.string() + "': " + error.what());
  }
  // A sound of one sample is a scalar to the tape, and scalars are f64.
  Tensor played(audio.shape(), ElementType::f32);
  played.assign(tape.value(audio));
  return write(played.view().as<float>(), patch, path, format);
}

Rendering render_notes_to_file(const Patch& patch, const MidiFile& file, int voices,
                               const std::filesystem::path& path, WavFormat format) {
  double longest_release = 0.0;
  for (const FMOperator& fm_operator : patch.fm.operators)
    longest_release = std::max(longest_release, fm_operator.envelope.release);
  // 12 releases and a little: more than Instrument lets a voice ring.
  const double longest = (file.duration + 12.0 * longest_release + 1.0) * patch.sample_rate;
  check_can_write_wav(path, static_cast<std::size_t>(std::min(longest, 0x1p40)), 1, patch.sample_rate,
                      format);

  constexpr std::size_t block = 64;
  Instrument instrument(patch, {.voices = voices});
  instrument.prepare(patch.sample_rate, block);
  NotePlayer player(file, patch.sample_rate);
  std::vector<float> samples;
  do {
    samples.resize(samples.size() + block);
    const StreamStatus status = player.process(instrument, samples.data() + samples.size() - block, block);
    if (status != StreamStatus::ok)
      raise<FileError>("cannot write '" + path.string() + "': of the sound, " + to_string(status));
  } while (!player.is_done(instrument));
  return write(samples, patch, path, format);
}

}  // namespace retrograd::tool
