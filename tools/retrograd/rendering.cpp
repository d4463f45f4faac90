// A patch played into a WAV file.
#include "rendering.hpp"

#include <retrograd/patches/record.hpp>
#include <retrograd/tape/tape.hpp>

#include <algorithm>
#include <cmath>

namespace retrograd::tool {

Rendering render_to_file(const Patch& patch, const std::filesystem::path& path, WavFormat format,
                         Executor& executor) {
  check_can_write_wav(path, static_cast<std::size_t>(length_in_samples(patch)), 1, patch.sample_rate, format);
  TapeOptions options = tape_options(patch);
  options.type = ElementType::f32;
  options.executor = &executor;
  Tape tape(options);
  const Var audio = record(tape, patch).audio;
  tape.play({audio});
  // A sound of one sample is a scalar to the tape, and scalars are f64.
  Tensor played(audio.shape(), ElementType::f32);
  played.assign(tape.value(audio));
  const std::span<const float> samples = played.view().as<float>();
  double peak = 0.0;
  for (const float sample : samples) peak = std::max(peak, static_cast<double>(std::abs(sample)));
  const std::size_t clipped = write_wav(path, samples, 1, patch.sample_rate, format);
  return {static_cast<std::int64_t>(samples.size()), peak, clipped};
}

}  // namespace retrograd::tool
