// Getting a recording ready: one channel, starting where the sound starts.
#include <retrograd/audio/trim.hpp>

#include <string>

#include <retrograd/audio/recording.hpp>
#include <retrograd/audio/sounding.hpp>
#include <retrograd/tensor/errors.hpp>

namespace retrograd {

std::size_t leading_silence(std::span<const double> samples, double sample_rate) {
  return sound_begin(samples, sample_rate);
}

std::vector<double> mix_to_mono(std::span<const double> interleaved, int channels) {
  check_finite(interleaved);
  if (channels < 1) raise<DomainError>("a recording has 1 channel or more, not " + std::to_string(channels));
  const auto width = static_cast<std::size_t>(channels);
  if (interleaved.size() % width != 0) {
    raise<DomainError>(std::to_string(interleaved.size()) + " samples are not a whole number of frames of " +
                       std::to_string(channels) + " channels");
  }
  std::vector<double> mono(interleaved.size() / width);
  for (std::size_t frame = 0; frame < mono.size(); ++frame) {
    double mean = 0;
    for (std::size_t channel = 0; channel < width; ++channel) {
      mean += interleaved[frame * width + channel] / static_cast<double>(channels);
    }
    mono[frame] = mean;
  }
  return mono;
}

}  // namespace retrograd
