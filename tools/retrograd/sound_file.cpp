// Reading sound files.
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

#include <retrograd/tensor/errors.hpp>

#include "container.hpp"
#include "mpeg_frames.hpp"
#include "opened_sound.hpp"

namespace retrograd::tool {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void cannot_read(const fs::path& path, const std::string& why) {
  raise<FileError>("cannot read '" + path.string() + "': " + why);
}

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
  const OpenedSound file(opened ? sf_open_virtual(&io, SFM_READ, &info, &mended)
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
  const std::optional<MpegFrames> mpeg = mpeg_frames(path);
  if (mpeg) {
    sound.ends_in_a_frame = mpeg->ends_in_a_frame;
    // A decoder may leave out a frame at either end, for the encoder's delay. More is missing where it has taken the first
    // frame's bit rate for that of all.
    if (frames + 3 * mpeg->samples_per_frame < mpeg->samples)
      cannot_read(path, "its bit rate varies and nothing in it says how long it is: libsndfile finds " +
                            std::to_string(frames) + " of " + std::to_string(mpeg->samples) +
                            " frames; convert it to WAV or FLAC by another program");
  }
  const bool length_known = !mpeg && info.frames > 0 && info.frames < SF_COUNT_MAX;
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

}  // namespace retrograd::tool
