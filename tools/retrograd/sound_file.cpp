// Sound files: reading any that libsndfile reads, writing WAV.
#include "sound_file.hpp"

#include <sndfile.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <limits>
#include <memory>
#include <optional>
#include <sstream>
#include <string>
#include <system_error>

#include <retrograd/files/atomic_file.hpp>
#include <retrograd/tensor/errors.hpp>

#include "container.hpp"

namespace retrograd::tool {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void cannot_read(const fs::path& path, const std::string& why) {
  raise<FileError>("cannot read '" + path.string() + "': " + why);
}

[[noreturn]] void cannot_write(const fs::path& path, const std::string& why) {
  raise<FileError>("cannot write '" + path.string() + "': " + why);
}

struct Close {
  void operator()(SNDFILE* file) const { sf_close(file); }
};
using SoundFile = std::unique_ptr<SNDFILE, Close>;

/// What a file that is no sound file at all can be told without libsndfile, in plainer words than its own.
void check_readable(const fs::path& path) {
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  if (status.type() == fs::file_type::not_found) cannot_read(path, "there is no such file");
  if (error) cannot_read(path, error.message());
  if (fs::is_directory(status)) cannot_read(path, "it is a directory, not a sound file");
  if (::access(path.c_str(), R_OK) != 0) cannot_read(path, std::strerror(errno));
  if (fs::is_regular_file(status) && fs::file_size(path, error) == 0) cannot_read(path, "the file is empty");
}

/// A file whose size field reads as another.
struct MendedFile {
  std::FILE* file;
  SizeField size;

  static MendedFile& of(void* self) { return *static_cast<MendedFile*>(self); }
  static sf_count_t tell(void* self) { return ::ftello(of(self).file); }
  static sf_count_t seek(sf_count_t offset, int whence, void* self) {
    ::fseeko(of(self).file, offset, whence);
    return tell(self);
  }
  static sf_count_t length(void* self) {
    const sf_count_t at = tell(self);
    seek(0, SEEK_END, self);
    const sf_count_t end = tell(self);
    seek(at, SEEK_SET, self);
    return end;
  }
  static sf_count_t read(void* to, sf_count_t count, void* self) {
    const MendedFile& mended = of(self);
    const auto start = static_cast<std::uint64_t>(tell(self));
    const std::size_t got = std::fread(to, 1, static_cast<std::size_t>(count), mended.file);
    for (std::size_t i = 0; i < mended.size.width; ++i) {
      const std::uint64_t at = mended.size.position + i;
      if (at >= start && at < start + got) static_cast<unsigned char*>(to)[at - start] = mended.size.bytes[i];
    }
    return static_cast<sf_count_t>(got);
  }
  static sf_count_t write(const void*, sf_count_t, void*) { return 0; }
};

std::string describe(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "infinite" : "minus infinity";
  std::ostringstream text;
  text << value;
  return text.str();
}

std::string position(std::size_t sample, int channels) {
  const auto width = static_cast<std::size_t>(channels);
  std::string text = "frame " + std::to_string(sample / width);
  if (channels > 1) text += ", channel " + std::to_string(sample % width);
  return text;
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

void check_writable(const fs::path& path, std::size_t samples, int channels, double sample_rate, int bits) {
  if (channels < 1 || channels > 1024) {
    cannot_write(path, "a WAV file has 1 to 1024 channels, not " + std::to_string(channels));
  }
  if (!(sample_rate >= 1 && sample_rate <= std::numeric_limits<int>::max()) ||
      sample_rate != std::floor(sample_rate)) {
    cannot_write(path, "the sample rate of a WAV file is a whole number of Hz, not " + describe(sample_rate));
  }
  if (samples == 0) cannot_write(path, "there are no samples");
  if (samples % static_cast<std::size_t>(channels) != 0) {
    cannot_write(path, std::to_string(samples) + " samples are not a whole number of frames of " +
                           std::to_string(channels) + " channels");
  }
  const double bytes = static_cast<double>(samples) * bits / 8;
  if (bytes > 4294967295.0 - 4096) {
    cannot_write(path, "a WAV file holds at most 4 GiB, and this would be " + describe(bytes) + " bytes");
  }
}

int bits_of(WavFormat format) { return format == WavFormat::f32 ? 32 : format == WavFormat::pcm24 ? 24 : 16; }

template <class Sample>
std::size_t write(const fs::path& path, std::span<const Sample> interleaved, int channels, double sample_rate,
                  WavFormat format) {
  const int bits = bits_of(format);
  check_writable(path, interleaved.size(), channels, sample_rate, bits);
  for (std::size_t i = 0; i < interleaved.size(); ++i) {
    if (std::abs(interleaved[i]) <= std::numeric_limits<float>::max()) continue;
    cannot_write(path, "the sample at " + position(i, channels) + " is " +
                           describe(static_cast<double>(interleaved[i])));
  }

  AtomicFile target(path);  // first, so that a path that cannot be written is told before the work
  MemoryFile memory;
  memory.bytes.reserve(interleaved.size() * static_cast<std::size_t>(bits) / 8 + 4096);
  SF_VIRTUAL_IO io{MemoryFile::size, MemoryFile::seek, MemoryFile::read, MemoryFile::write, MemoryFile::tell};
  SF_INFO info{};
  info.channels = channels;
  info.samplerate = static_cast<int>(sample_rate);
  info.format = SF_FORMAT_WAV | (bits == 32   ? SF_FORMAT_FLOAT
                                 : bits == 24 ? SF_FORMAT_PCM_24
                                              : SF_FORMAT_PCM_16);
  SoundFile file(sf_open_virtual(&io, SFM_WRITE, &info, &memory));
  if (!file) cannot_write(path, std::string("libsndfile says: ") + sf_strerror(nullptr));
  sf_command(file.get(), SFC_SET_ADD_PEAK_CHUNK, nullptr, SF_FALSE);  // it holds the time of day

  std::size_t clipped = 0;
  std::vector<double> part;
  std::vector<int> integers;
  const std::size_t block = 64 * static_cast<std::size_t>(channels) * 64;  // whole frames
  for (std::size_t start = 0; start < interleaved.size(); start += block) {
    const auto given = interleaved.subspan(start, std::min(block, interleaved.size() - start));
    part.assign(given.begin(), given.end());
    const auto count = static_cast<sf_count_t>(part.size());
    sf_count_t written = 0;
    if (format == WavFormat::f32) {
      written = sf_write_double(file.get(), part.data(), count);
    } else {
      integers.clear();
      for (const double x : part) {
        if (std::abs(x) > 1) ++clipped;
        integers.push_back(quantised(x, bits));
      }
      written = sf_write_int(file.get(), integers.data(), count);
    }
    if (written != count) cannot_write(path, std::string("libsndfile says: ") + sf_strerror(file.get()));
  }
  const int closed = sf_close(file.release());
  if (closed != SF_ERR_NO_ERROR)
    cannot_write(path, std::string("libsndfile says: ") + sf_error_number(closed));

  target.write(memory.bytes);
  target.commit();
  return clipped;
}

}  // namespace

Sound read_sound(const fs::path& path) {
  check_readable(path);
  const std::optional<SampleData> data = sample_data(path);
  if (data && data->there < data->said) {
    cannot_read(path, "it is truncated: " + std::to_string(data->there) + " of " +
                          std::to_string(data->said) + " bytes of samples are there");
  }
  SF_INFO info{};
  MendedFile mended{};
  std::unique_ptr<std::FILE, int (*)(std::FILE*)> opened(nullptr, std::fclose);
  SF_VIRTUAL_IO io{MendedFile::length, MendedFile::seek, MendedFile::read, MendedFile::write,
                   MendedFile::tell};
  if (data && data->mended) {
    opened.reset(std::fopen(path.c_str(), "rb"));
    if (!opened) cannot_read(path, std::strerror(errno));
    mended = {opened.get(), *data->mended};
  }
  const SoundFile file(opened ? sf_open_virtual(&io, SFM_READ, &info, &mended)
                              : sf_open(path.c_str(), SFM_READ, &info));
  if (!file)
    cannot_read(path, std::string("it is not a sound file that libsndfile reads: ") + sf_strerror(nullptr));
  if (info.channels < 1 || info.samplerate < 1) {
    cannot_read(path, "its header is damaged: " + std::to_string(info.channels) + " channels at " +
                          std::to_string(info.samplerate) + " Hz");
  }
  if (info.samplerate < lowest_sample_rate || info.samplerate > highest_sample_rate) {
    cannot_read(path, "its header says " + std::to_string(info.samplerate) +
                          " Hz, which is no rate of sound: " + std::to_string(lowest_sample_rate) + " to " +
                          std::to_string(highest_sample_rate) + " Hz are");
  }

  Sound sound{{}, info.channels, static_cast<double>(info.samplerate), data && data->mended};
  const auto width = static_cast<std::size_t>(info.channels);
  constexpr std::size_t block = 4096;  // frames; a damaged header's length is not believed before it is read
  std::size_t frames = 0;
  for (;;) {
    sound.samples.resize((frames + block) * width);
    const sf_count_t read = sf_readf_double(file.get(), sound.samples.data() + frames * width, block);
    if (read <= 0) break;
    frames += static_cast<std::size_t>(read);
  }
  sound.samples.resize(frames * width);

  if (sf_error(file.get()) != SF_ERR_NO_ERROR) {
    cannot_read(path, "it is truncated or damaged after " + std::to_string(frames) +
                          " frames: " + sf_strerror(file.get()));
  }
  const bool length_known = info.frames > 0 && info.frames < SF_COUNT_MAX;
  if (length_known && frames < static_cast<std::size_t>(info.frames)) {
    cannot_read(path, "it is truncated: " + std::to_string(frames) + " of " + std::to_string(info.frames) +
                          " frames are there");
  }
  if (sound.samples.empty()) cannot_read(path, "it holds no samples");
  for (std::size_t i = 0; i < sound.samples.size(); ++i) {
    if (std::isfinite(sound.samples[i])) continue;
    cannot_read(path, "the sample at " + position(i, sound.channels) + " is " + describe(sound.samples[i]));
  }
  return sound;
}

void check_can_write_wav(const fs::path& path, std::size_t samples, int channels, double sample_rate,
                         WavFormat format) {
  check_writable(path, samples, channels, sample_rate, bits_of(format));
  check_can_write(path);
}

std::size_t write_wav(const fs::path& path, std::span<const double> interleaved, int channels,
                      double sample_rate, WavFormat format) {
  return write(path, interleaved, channels, sample_rate, format);
}

std::size_t write_wav(const fs::path& path, std::span<const float> interleaved, int channels,
                      double sample_rate, WavFormat format) {
  return write(path, interleaved, channels, sample_rate, format);
}

}  // namespace retrograd::tool
