// Sound files: what comes back, and what every kind of bad file is told.
#include <doctest/doctest.h>
#include <sndfile.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <unistd.h>

#include <array>
#include <cmath>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include <retrograd/tensor/errors.hpp>

#include "../../tools/retrograd/sound_file.hpp"
#include "scratch.hpp"

namespace fs = std::filesystem;
using retrograd::FileError;
using namespace retrograd::tool;

namespace {

/// The message of the FileError that `action` raises.
template <class Action>
std::string message_of(Action action) {
  try {
    action();
  } catch (const FileError& error) {
    return error.what();
  }
  return "(no FileError)";
}

std::vector<double> noise(std::size_t size, double amplitude) {
  std::mt19937 generator(1);
  std::uniform_real_distribution<double> uniform(-amplitude, amplitude);
  std::vector<double> x(size);
  for (double& sample : x) sample = uniform(generator);
  return x;
}

/// No file may grow beyond `bytes` while this lives: what a full disk does to a write, for everyone.
struct FileSizeLimit {
  rlimit before{};
  explicit FileSizeLimit(rlim_t bytes) {
    std::signal(SIGXFSZ, SIG_IGN);
    ::getrlimit(RLIMIT_FSIZE, &before);
    rlimit limit = before;
    limit.rlim_cur = bytes;
    REQUIRE(::setrlimit(RLIMIT_FSIZE, &limit) == 0);
  }
  ~FileSizeLimit() { ::setrlimit(RLIMIT_FSIZE, &before); }
};

}  // namespace

TEST_CASE("what is written comes back: exactly as f32, to half a step as integers") {
  const Scratch scratch;
  const auto path = scratch / "a.wav";
  const auto x = noise(70002, 0.999);
  struct Case {
    WavFormat format;
    double step;
  };
  for (const auto [format, step] :
       {Case{WavFormat::f32, 0}, {WavFormat::pcm16, 0x1p-15}, {WavFormat::pcm24, 0x1p-23}}) {
    for (const int channels : {1, 2, 3}) {
      CHECK(write_wav(path, x, channels, 48000, format) == 0);
      const Sound sound = read_sound(path);
      CHECK(sound.channels == channels);
      CHECK(sound.sample_rate == 48000);
      REQUIRE(sound.samples.size() == x.size());
      for (std::size_t i = 0; i < x.size(); ++i) {
        if (step == 0) {
          REQUIRE(sound.samples[i] == static_cast<double>(static_cast<float>(x[i])));
        } else {
          REQUIRE(std::abs(sound.samples[i] - x[i]) <= step / 2);
        }
      }
    }
  }
  CHECK(scratch.files() == 1);
}

TEST_CASE("floats are written as they are, and the same samples give the same bytes") {
  const Scratch scratch;
  const std::vector<float> x{0.0F, 0.1F, -3.5F, 1e-30F, std::numeric_limits<float>::max()};
  CHECK(write_wav(scratch / "a.wav", x, 1, 44100, WavFormat::f32) == 0);
  const Sound sound = read_sound(scratch / "a.wav");
  CHECK(sound.samples == std::vector<double>(x.begin(), x.end()));
  ::usleep(1100000);  // a time stamp in the file would change
  write_wav(scratch / "b.wav", x, 1, 44100, WavFormat::f32);
  CHECK(content(scratch / "a.wav") == content(scratch / "b.wav"));
}

TEST_CASE("integer formats clip to full scale and count what they clipped") {
  const Scratch scratch;
  const std::vector<double> x{1.5, -1.0001, 1.0, -1.0, 0.5, 1e30, -1e300};
  for (const WavFormat format : {WavFormat::pcm16, WavFormat::pcm24}) {
    const double top = format == WavFormat::pcm16 ? 1 - 0x1p-15 : 1 - 0x1p-23;
    if (format == WavFormat::pcm16) {
      CHECK_THROWS_AS(write_wav(scratch / "a.wav", x, 1, 8000, format), FileError);  // -1e300 is no audio
    }
    CHECK(write_wav(scratch / "a.wav", std::span(x).first(6), 1, 8000, format) == 3);
    CHECK(read_sound(scratch / "a.wav").samples == std::vector<double>{top, -1, top, -1, 0.5, top});
  }
}

TEST_CASE("any format that libsndfile knows is read, integers scaled to one") {
  const Scratch scratch;
  for (const int format : {SF_FORMAT_FLAC | SF_FORMAT_PCM_16, SF_FORMAT_AIFF | SF_FORMAT_PCM_24,
                           SF_FORMAT_AU | SF_FORMAT_DOUBLE, SF_FORMAT_WAV | SF_FORMAT_PCM_U8}) {
    const auto path = (scratch / "sound").string();
    SF_INFO info{};
    info.channels = 2;
    info.samplerate = 32000;
    info.format = format;
    SNDFILE* file = sf_open(path.c_str(), SFM_WRITE, &info);
    REQUIRE(file != nullptr);
    const std::array<double, 6> x{0.5, -0.5, 0.25, -0.25, 0, -1};
    REQUIRE(sf_write_double(file, x.data(), 6) == 6);
    sf_close(file);
    const Sound sound = read_sound(path);
    CHECK(sound.channels == 2);
    CHECK(sound.sample_rate == 32000);
    REQUIRE(sound.samples.size() == 6);
    for (std::size_t i = 0; i < 6; ++i) CHECK(std::abs(sound.samples[i] - x[i]) < 0.01);
  }
}

TEST_CASE("every kind of file that is no sound is named and told apart") {
  const Scratch scratch;
  const auto read = [&](const char* name) { return message_of([&] { read_sound(scratch / name); }); };
  const auto said = [&](const char* name, const std::string& what) {
    return "cannot read '" + (scratch / name).string() + "': " + what;
  };

  CHECK(read("missing.wav") == said("missing.wav", "there is no such file"));
  CHECK(message_of([&] { read_sound(scratch.path); }) ==
        "cannot read '" + scratch.path.string() + "': it is a directory, not a sound file");
  put(scratch / "empty.wav", "");
  CHECK(read("empty.wav") == said("empty.wav", "the file is empty"));
  CHECK(read("empty.wav/a") == said("empty.wav/a", "there is no such file"));
  put(scratch / "text.wav", "format = 1\nsample_rate = 44100\n");
  CHECK(read("text.wav") ==
        said("text.wav", "it is not a sound file that libsndfile reads: Format not recognised."));

  write_wav(scratch / "whole.wav", noise(1000, 1), 1, 8000, WavFormat::pcm16);
  const std::string whole = content(scratch / "whole.wav");
  put(scratch / "cut.wav", whole.substr(0, whole.size() - 1000));
  CHECK(read("cut.wav") == said("cut.wav", "it is truncated: 1000 of 2000 bytes of samples are there"));
  put(scratch / "header.wav", whole.substr(0, whole.size() - 2000));
  CHECK(read("header.wav") == said("header.wav", "it is truncated: 0 of 2000 bytes of samples are there"));
  put(scratch / "half.wav", whole.substr(0, 30));
  CHECK(read("half.wav") == said("half.wav", "it is truncated: it ends after 30 bytes, before its samples"));

  std::string streamed = whole;  // a length of 2^32 - 1: not known when the header was written
  streamed.replace(streamed.find("data") + 4, 4, "\xff\xff\xff\xff");
  put(scratch / "streamed.wav", streamed);
  CHECK(read_sound(scratch / "streamed.wav").samples.size() == 1000);

  std::string none = whole.substr(0, whole.size() - 2000);
  none.replace(none.find("data") + 4, 4, std::string(4, '\0'));
  none.replace(4, 4, std::string("\x24\0\0\0", 4));
  put(scratch / "none.wav", none);
  CHECK(read("none.wav") == said("none.wav", "it holds no samples"));
}

TEST_CASE("a compressed file that ends early is told to be truncated") {
  const Scratch scratch;
  const auto path = (scratch / "whole.flac").string();
  SF_INFO info{};
  info.channels = 1;
  info.samplerate = 44100;
  info.format = SF_FORMAT_FLAC | SF_FORMAT_PCM_16;
  SNDFILE* file = sf_open(path.c_str(), SFM_WRITE, &info);
  REQUIRE(file != nullptr);
  const auto x = noise(40000, 0.9);
  sf_write_double(file, x.data(), 40000);
  sf_close(file);
  CHECK(read_sound(path).samples.size() == 40000);
  const std::string whole = content(path);
  for (const std::size_t size : {whole.size() / 10, whole.size() / 2, whole.size() - 10}) {
    put(scratch / "cut.flac", whole.substr(0, size));
    const std::string message = message_of([&] { read_sound(scratch / "cut.flac"); });
    CAPTURE(message);
    CHECK(message.find("truncated") != std::string::npos);
    CHECK(message.find("cut.flac") != std::string::npos);
  }
}

TEST_CASE("a sound file with NaN or infinity in it is refused where it is") {
  const Scratch scratch;
  struct Case {
    float value;
    const char* text;
  };
  for (const auto [value, text] : {Case{std::numeric_limits<float>::quiet_NaN(), "NaN"},
                                   {std::numeric_limits<float>::infinity(), "infinite"},
                                   {-std::numeric_limits<float>::infinity(), "minus infinity"}}) {
    const auto path = scratch / "a.wav";
    write_wav(path, std::vector<double>(10, 0.25), 2, 8000, WavFormat::f32);
    std::string bytes = content(path);
    std::memcpy(bytes.data() + bytes.size() - 4, &value, 4);
    put(path, bytes);
    CHECK(message_of([&] { read_sound(path); }) ==
          "cannot read '" + path.string() + "': the sample at frame 4, channel 1 is " + text);
  }
}

TEST_CASE("samples that no WAV file should hold are refused, and nothing is left behind") {
  const Scratch scratch;
  const auto path = scratch / "a.wav";
  const auto write = [&](const std::vector<double>& x, int channels, double rate) {
    const std::string message = message_of([&] { write_wav(path, x, channels, rate, WavFormat::f32); });
    CHECK(scratch.files() == 0);
    const std::string start = "cannot write '" + path.string() + "': ";
    REQUIRE(message.starts_with(start));
    return message.substr(start.size());
  };
  const double nan = std::numeric_limits<double>::quiet_NaN();
  CHECK(write({}, 1, 44100) == "there are no samples");
  CHECK(write({0, 1, nan}, 1, 44100) == "the sample at frame 2 is NaN");
  CHECK(write({0, 1, 1e39, 0}, 2, 44100) == "the sample at frame 1, channel 0 is 1e+39");
  CHECK(write({0, 1, 0}, 2, 44100) == "3 samples are not a whole number of frames of 2 channels");
  CHECK(write({0}, 0, 44100) == "a sound file has 1 to 1024 channels, not 0");
  CHECK(write({0}, 1, 44100.5) == "the sample rate of a sound file is a whole number of Hz, not 44100.5");
  CHECK(write({0}, 1, 0) == "the sample rate of a sound file is a whole number of Hz, not 0");
  CHECK(write({0}, 1, nan) == "the sample rate of a sound file is a whole number of Hz, not NaN");
  CHECK(write({0}, 1, 1e10) == "the sample rate of a sound file is a whole number of Hz, not 1e+10");
}

TEST_CASE("a sound beyond 4 GiB is refused before anything is written") {
  const double sample = 0;
  const std::span<const double> enormous(&sample, std::size_t{3} << 30);  // its length is looked at first
  CHECK(message_of([&] { write_wav("/nowhere/a.wav", enormous, 1, 44100, WavFormat::pcm16); }) ==
        "cannot write '/nowhere/a.wav': a WAV file holds at most 4 GiB, and this would be 6.44245e+09 bytes; "
        ".w64 "
        "and .rf64 hold more");
}

TEST_CASE("a write that fails half way leaves the target as it was, and nothing else") {
  const Scratch scratch;
  write_wav(scratch / "a.wav", std::vector<double>(100, 0.5), 1, 8000, WavFormat::f32);
  const std::string before = content(scratch / "a.wav");
  {
    const FileSizeLimit limit(4096);
    CHECK(message_of([&] { write_wav(scratch / "a.wav", noise(5000, 1), 1, 8000, WavFormat::f32); }) ==
          "cannot write '" + (scratch / "a.wav").string() + "': File too large");
  }
  CHECK(content(scratch / "a.wav") == before);
  CHECK(scratch.files() == 1);
}

TEST_CASE("a full disk is told to be full") {
  CHECK(message_of([] { write_wav("/dev/full", noise(10, 1), 1, 8000, WavFormat::pcm16); }) ==
        "cannot write '/dev/full': the disk is full");

  const Scratch scratch;
  if (::mount("tmpfs", scratch.path.c_str(), "tmpfs", 0, "size=64k") != 0) {
    MESSAGE("skipped: a small disk of its own needs root");
    return;
  }
  put(scratch / "a.wav", "old");
  const std::string message =
      message_of([&] { write_wav(scratch / "a.wav", noise(50000, 1), 1, 8000, WavFormat::f32); });
  const std::string left = content(scratch / "a.wav");
  const std::size_t files = scratch.files();
  ::umount(scratch.path.c_str());
  CHECK(message == "cannot write '" + (scratch / "a.wav").string() + "': the disk is full");
  CHECK(left == "old");
  CHECK(files == 1);
}

TEST_CASE("a device is written in place, not replaced by a file") {
  write_wav("/dev/null", noise(10, 1), 1, 8000, WavFormat::f32);
  CHECK(fs::is_character_file("/dev/null"));
}
