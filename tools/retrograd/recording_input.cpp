// A recording as the analyses and the fit take it: one channel.
#include "recording_input.hpp"

#include <retrograd/audio/trim.hpp>

#include <algorithm>
#include <cmath>
#include <iostream>
#include <string>

#include "text.hpp"

namespace retrograd::tool {

Sound read_recording(const std::filesystem::path& path) {
  Sound sound = read_sound(path);
  if (sound.had_no_size) {
    std::cerr << path.string() << ": its header says that it holds no samples; read to the file's end\n";
  }
  if (sound.ends_in_a_frame)
    std::cerr << path.string() << ": warning: it ends within a frame of MPEG audio, so it was cut\n";
  return sound;
}

std::vector<double> mono_of(const Sound& sound, const std::filesystem::path& path) {
  std::vector<double> mono = mix_to_mono(sound.samples, sound.channels);
  if (sound.channels == 1) return mono;
  const auto width = static_cast<std::size_t>(sound.channels);
  double peak = 0;
  for (const double sample : sound.samples) peak = std::max(peak, std::abs(sample));
  if (peak == 0) return mono;

  std::vector<double> energy(width, 0.0);
  double all = 0, mixed = 0;
  for (std::size_t frame = 0; frame < mono.size(); ++frame) {
    for (std::size_t channel = 0; channel < width; ++channel) {
      const double x = sound.samples[frame * width + channel] / peak;
      energy[channel] += x * x;
      all += x * x;
    }
    mixed += (mono[frame] / peak) * (mono[frame] / peak);
  }
  const double unrelated = all / static_cast<double>(width * width);
  if (mixed <= 0.01 * unrelated) {
    const auto loudest = static_cast<std::size_t>(std::ranges::max_element(energy) - energy.begin());
    for (std::size_t frame = 0; frame < mono.size(); ++frame)
      mono[frame] = sound.samples[frame * width + loudest];
    std::cerr << path.string() << ": its channels cancel when they are mixed; channel " << loudest + 1
              << " alone is used\n";
  } else if (mixed <= 0.25 * unrelated) {
    std::cerr << path.string() << ": warning: its channels cancel in part: mixed to one they lose "
              << number(std::round(10 * std::log10(unrelated / mixed))) << " dB\n";
  }
  return mono;
}

}  // namespace retrograd::tool
