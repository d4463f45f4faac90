// Writing sound files.
#include "sound_writer.hpp"

#include <retrograd/files/atomic_file.hpp>
#include <retrograd/tensor/errors.hpp>

#include <sndfile.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <memory>
#include <sstream>
#include <string>

#include "opened_sound.hpp"

namespace retrograd::tool {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void cannot_write(const fs::path& path, const std::string& why) {
  raise<FileError>("cannot write '" + path.string() + "': " + why);
}

/// A file in memory, so that every error of writing to a disk is met in one place, AtomicFile.
struct MemoryFile {
  std::string bytes;
  std::size_t at = 0;

  static MemoryFile& of(void* self) { return *static_cast<MemoryFile*>(self); }
  static sf_count_t size(void* self) { return static_cast<sf_count_t>(of(self).bytes.size()); }
  static sf_count_t tell(void* self) { return static_cast<sf_count_t>(of(self).at); }
  static sf_count_t seek(sf_count_t offset, int whence, void* self) {
    const sf_count_t from = whence == SEEK_SET ? 0 : whence == SEEK_CUR ? tell(self) : size(self);
    of(self).at = static_cast<std::size_t>(std::max<sf_count_t>(0, from + offset));
    return tell(self);
  }
  static sf_count_t read(void* to, sf_count_t count, void* self) {
    MemoryFile& file = of(self);
    const std::size_t left = file.bytes.size() - std::min(file.at, file.bytes.size());
    const std::size_t length = std::min(left, static_cast<std::size_t>(count));
    std::memcpy(to, file.bytes.data() + (file.bytes.size() - left), length);
    file.at += length;
    return static_cast<sf_count_t>(length);
  }
  static sf_count_t write(const void* from, sf_count_t count, void* self) {
    MemoryFile& file = of(self);
    const auto length = static_cast<std::size_t>(count);
    if (file.bytes.size() < file.at + length)
      file.bytes.resize(file.at + length);  // reserved: does not throw
    std::memcpy(file.bytes.data() + file.at, from, length);
    file.at += length;
    return count;
  }
};

/// The integer of `bits` bits for x, in the upper bits of the 32 that libsndfile takes.
int quantised(double x, int bits) {
  const double scale = std::ldexp(1.0, bits - 1);
  const double level = std::clamp(std::nearbyint(x * scale), -scale, scale - 1);
  return static_cast<int>(level) * (1 << (32 - bits));
}

int bits_of(const SoundFormat& format) {
  if (!format.samples) return 16;
  return *format.samples == SampleFormat::f32 ? 32 : *format.samples == SampleFormat::pcm24 ? 24 : 16;
}

void check_writable(const fs::path& path, std::size_t samples, int channels, double sample_rate,
                    const SoundFormat& format) {
  const Container& container = *format.container;
  if (channels < 1 || channels > 1024)
    cannot_write(path, "a sound file has 1 to 1024 channels, not " + std::to_string(channels));
  if (!(sample_rate >= 1 && sample_rate <= std::numeric_limits<int>::max()) ||
      sample_rate != std::floor(sample_rate))
    cannot_write(path,
                 "the sample rate of a sound file is a whole number of Hz, not " + describe(sample_rate));
  if (!container.rates.empty() && std::ranges::find(container.rates, sample_rate) == container.rates.end()) {
    std::string rates;
    for (const int rate : container.rates) rates += (rates.empty() ? "" : ", ") + std::to_string(rate);
    cannot_write(path, container.name + " has a sample rate of " + rates + " Hz, not " +
                           describe(sample_rate) + "; --sample-rate chooses one");
  }
  if (samples == 0) cannot_write(path, "there are no samples");
  if (samples % static_cast<std::size_t>(channels) != 0)
    cannot_write(path, std::to_string(samples) + " samples are not a whole number of frames of " +
                           std::to_string(channels) + " channels");
  const double bytes = static_cast<double>(samples) * bits_of(format) / 8;
  if (container.has_short_sizes && bytes > 4294967295.0 - 4096)
    cannot_write(path, "a " + container.name + " file holds at most 4 GiB, and this would be " +
                           describe(bytes) + " bytes; .w64 and .rf64 hold more");
}

template <class Sample>
std::size_t write(const fs::path& path, std::span<const Sample> interleaved, int channels, double sample_rate,
                  const SoundFormat& format) {
  check_writable(path, interleaved.size(), channels, sample_rate, format);
  for (std::size_t i = 0; i < interleaved.size(); ++i) {
    if (std::abs(interleaved[i]) <= std::numeric_limits<float>::max()) continue;
    cannot_write(path, "the sample at " + position(i, channels) + " is " +
                           describe(static_cast<double>(interleaved[i])));
  }

  AtomicFile target(path);  // first, so that a path that cannot be written is told before the work
  MemoryFile memory;
  const int bits = bits_of(format);
  memory.bytes.reserve(interleaved.size() * static_cast<std::size_t>(bits) / 8 + 4096);
  SF_VIRTUAL_IO io{MemoryFile::size, MemoryFile::seek, MemoryFile::read, MemoryFile::write, MemoryFile::tell};
  SF_INFO info{};
  info.channels = channels;
  info.samplerate = static_cast<int>(sample_rate);
  info.format = format.code();
  OpenedSound file(sf_open_virtual(&io, SFM_WRITE, &info, &memory));
  if (!file) cannot_write(path, std::string("libsndfile says: ") + sf_strerror(nullptr));
  sf_command(file.get(), SFC_SET_ADD_PEAK_CHUNK, nullptr, SF_FALSE);  // it holds the time of day

  std::size_t beyond = 0;
  std::vector<double> part;
  std::vector<int> integers;
  const std::size_t block = 64 * static_cast<std::size_t>(channels) * 64;  // whole frames
  for (std::size_t start = 0; start < interleaved.size(); start += block) {
    const auto given = interleaved.subspan(start, std::min(block, interleaved.size() - start));
    part.assign(given.begin(), given.end());
    beyond += static_cast<std::size_t>(std::ranges::count_if(part, [](double x) { return std::abs(x) > 1; }));
    const auto count = static_cast<sf_count_t>(part.size());
    sf_count_t written = 0;
    if (format.samples && *format.samples != SampleFormat::f32) {
      integers.clear();
      for (const double x : part) integers.push_back(quantised(x, bits));
      written = sf_write_int(file.get(), integers.data(), count);
    } else {
      if (!format.samples)
        for (double& x : part) x = std::clamp(x, -1.0, 1.0);
      written = sf_write_double(file.get(), part.data(), count);
    }
    if (written != count) cannot_write(path, std::string("libsndfile says: ") + sf_strerror(file.get()));
  }
  const int closed = sf_close(file.release());
  if (closed != SF_ERR_NO_ERROR)
    cannot_write(path, std::string("libsndfile says: ") + sf_error_number(closed));

  target.write(memory.bytes);
  target.commit();
  return beyond;
}

}  // namespace

void check_can_write_sound(const fs::path& path, std::size_t samples, int channels, double sample_rate,
                           const SoundFormat& format) {
  check_writable(path, samples, channels, sample_rate, format);
  check_can_write(path);
}

std::size_t write_sound(const fs::path& path, std::span<const double> interleaved, int channels,
                        double sample_rate, const SoundFormat& format) {
  return write(path, interleaved, channels, sample_rate, format);
}

std::size_t write_sound(const fs::path& path, std::span<const float> interleaved, int channels,
                        double sample_rate, const SoundFormat& format) {
  return write(path, interleaved, channels, sample_rate, format);
}

std::size_t write_wav(const fs::path& path, std::span<const double> interleaved, int channels,
                      double sample_rate, WavFormat format) {
  const std::size_t beyond = write(path, interleaved, channels, sample_rate, wav_format(format));
  return format == WavFormat::f32 ? 0 : beyond;
}

std::size_t write_wav(const fs::path& path, std::span<const float> interleaved, int channels,
                      double sample_rate, WavFormat format) {
  const std::size_t beyond = write(path, interleaved, channels, sample_rate, wav_format(format));
  return format == WavFormat::f32 ? 0 : beyond;
}

}  // namespace retrograd::tool
