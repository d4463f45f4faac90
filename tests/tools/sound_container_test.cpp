// Sound files that were cut, left unfinished or damaged: read to what is there, or refused by name.
#include <doctest/doctest.h>
#include <sndfile.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <sstream>
#include <string>
#include <vector>

#include <retrograd/tensor/errors.hpp>

#include "../../tools/retrograd/recording_input.hpp"
#include "../../tools/retrograd/sound_file.hpp"
#include "scratch.hpp"

namespace fs = std::filesystem;
using retrograd::FileError;
using namespace retrograd::tool;

namespace {

std::string message_of(const fs::path& path) {
  try {
    read_sound(path);
  } catch (const FileError& error) {
    return error.what();
  }
  return "";
}

std::string bytes_of(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

void put_bytes(const fs::path& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
}

std::string number(std::uint64_t value, int width, bool is_big_endian = false) {
  std::string bytes;
  for (int i = 0; i < width; ++i) {
    bytes += static_cast<char>(value >> (8 * (is_big_endian ? width - 1 - i : i)));
  }
  return bytes;
}

std::vector<double> tone(std::size_t size) {
  std::vector<double> x(size);
  for (std::size_t i = 0; i < size; ++i) x[i] = 0.5 * std::sin(0.05 * static_cast<double>(i));
  return x;
}

bool write_as(const fs::path& path, int format, int channels, std::size_t frames) {
  SF_INFO info{};
  info.channels = channels;
  info.samplerate = 44100;
  info.format = format;
  SNDFILE* file = sf_open(path.c_str(), SFM_WRITE, &info);
  if (file == nullptr) return false;
  const auto x = tone(frames * static_cast<std::size_t>(channels));
  sf_writef_double(file, x.data(), static_cast<sf_count_t>(frames));
  sf_close(file);
  return true;
}

/// A WAV file with 16-bit samples, of one channel at 44100 Hz, with chunks before them.
std::string wav(const std::string& before, const std::string& data, std::uint32_t data_size,
                std::uint32_t rate = 44100, std::uint16_t channels = 1) {
  const std::string format = number(1, 2) + number(channels, 2) + number(rate, 4) +
                             number(2 * rate * channels, 4) + number(2u * channels, 2) + number(16, 2);
  const std::string rest =
      "WAVEfmt " + number(16, 4) + format + before + "data" + number(data_size, 4) + data;
  return "RIFF" + number(rest.size(), 4) + rest;
}

/// What is said on stderr.
template <class Action>
std::string said_by(Action action) {
  std::ostringstream said;
  std::streambuf* const before = std::cerr.rdbuf(said.rdbuf());
  action();
  std::cerr.rdbuf(before);
  return said.str();
}

}  // namespace

TEST_CASE(
    "every beginning of a file of every kind is read or refused by name, and no cut is read as a sound") {
  const Scratch scratch;
  struct Kind {
    const char* name;
    int format;
    bool is_coded;
  };
  for (const Kind& kind : {Kind{"a.wav", SF_FORMAT_WAV | SF_FORMAT_PCM_16, false},
                           {"b.wav", SF_FORMAT_WAV | SF_FORMAT_PCM_U8, false},
                           {"c.wav", SF_FORMAT_WAV | SF_FORMAT_PCM_24, false},
                           {"d.wav", SF_FORMAT_WAV | SF_FORMAT_DOUBLE, false},
                           {"e.wav", SF_FORMAT_WAVEX | SF_FORMAT_PCM_32, false},
                           {"f.wav", SF_FORMAT_RF64 | SF_FORMAT_PCM_16, false},
                           {"g.w64", SF_FORMAT_W64 | SF_FORMAT_PCM_16, false},
                           {"h.au", SF_FORMAT_AU | SF_FORMAT_PCM_16, false},
                           {"i.aiff", SF_FORMAT_AIFF | SF_FORMAT_PCM_16, false},
                           {"j.caf", SF_FORMAT_CAF | SF_FORMAT_PCM_16, false},
                           {"k.au", SF_FORMAT_AU | SF_FORMAT_FLOAT | SF_ENDIAN_LITTLE, false},
                           {"l.flac", SF_FORMAT_FLAC | SF_FORMAT_PCM_16, true},
                           {"m.ogg", SF_FORMAT_OGG | SF_FORMAT_VORBIS, true},
                           {"n.ogg", SF_FORMAT_OGG | 0x0064 /* Opus */, true}}) {
    CAPTURE(kind.name);
    const int channels = kind.name[0] == 'c' ? 6 : 2;
    if (!write_as(scratch / kind.name, kind.format, channels, 50)) continue;
    const std::string whole = bytes_of(scratch / kind.name);
    CHECK(message_of(scratch / kind.name) == "");
    const Sound sound = read_sound(scratch / kind.name);
    CHECK(sound.channels == channels);
    if (!kind.is_coded) CHECK(sound.samples.size() == 50 * static_cast<std::size_t>(channels));
    const fs::path cut = scratch / (std::string("cut-") + kind.name);
    const std::size_t step = 1 + whole.size() / 90;
    for (std::size_t size = 0; size + 1 < whole.size(); size += step) {
      put_bytes(cut, whole.substr(0, size));
      const std::string message = message_of(cut);
      CAPTURE(size);
      CAPTURE(message);
      REQUIRE(message.find(cut.string()) != std::string::npos);
    }
  }
}

TEST_CASE("a cut file is known by its container's own sizes, behind many chunks too") {
  // libsndfile reads a cut AU, W64 or RF64 file as a shorter one, and its log, which was looked at, ends after
  // so many chunks.
  const Scratch scratch;
  const std::string data(2000, '\1');
  std::string chunks =
      "JUNK" + number(3, 4) + std::string(4, '\0');  // an odd size is followed by a byte more
  for (int i = 0; i < 400; ++i)
    chunks += "LIST" + number(30, 4) + "INFOISFT" + number(18, 4) + std::string(18, 'x');
  const std::string whole = wav(chunks, data, 2000);
  put_bytes(scratch / "a.wav", whole);
  CHECK(read_sound(scratch / "a.wav").samples.size() == 1000);
  put_bytes(scratch / "a.wav", whole.substr(0, whole.size() - 500));
  CHECK(message_of(scratch / "a.wav") == "cannot read '" + (scratch / "a.wav").string() +
                                             "': it is truncated: 1500 of 2000 bytes of samples are there");

  const std::string au = ".snd" + number(24, 4, true) + number(2000, 4, true) + number(3, 4, true) +
                         number(44100, 4, true) + number(1, 4, true) + data.substr(0, 900);
  put_bytes(scratch / "a.au", au);
  CHECK(message_of(scratch / "a.au") == "cannot read '" + (scratch / "a.au").string() +
                                            "': it is truncated: 900 of 2000 bytes of samples are there");
  put_bytes(scratch / "a.wav", whole.substr(0, 60));
  CHECK(message_of(scratch / "a.wav") ==
        "cannot read '" + (scratch / "a.wav").string() +
            "': it is truncated: it ends after 60 bytes, before its samples");
}

TEST_CASE("a size of 0 or of not known is read to the file's end, and 0 is said") {
  const Scratch scratch;
  const fs::path path = scratch / "a.wav";
  const std::string data(2000, '\1');
  for (const std::uint32_t size : {0u, 0x7ffff000u, 0x7fffffffu, 0xffffffffu}) {
    CAPTURE(size);
    put_bytes(path, wav("", data, size));
    Sound sound;
    const std::string said = said_by([&] { sound = read_recording(path); });
    CHECK(sound.samples.size() == 1000);
    CHECK(said ==
          (size == 0 ? path.string() + ": its header says that it holds no samples; read to the file's end\n"
                     : ""));
  }
  const fs::path au = scratch / "a.au";
  for (const std::uint32_t size : {0u, 0xffffffffu}) {
    put_bytes(au, ".snd" + number(24, 4, true) + number(size, 4, true) + number(3, 4, true) +
                      number(44100, 4, true) + number(1, 4, true) + data);
    CHECK(read_sound(au).samples.size() == 1000);
  }
  put_bytes(path, wav("", "LIST" + number(4, 4) + "INFO", 0));  // no samples indeed: what follows is a chunk
  CHECK(message_of(path) == "cannot read '" + path.string() + "': it holds no samples");
}

namespace {

/// A file of MPEG audio, a second long, of a constant bit rate or a varying one, without the frame that says how long it
/// is; nothing where libsndfile writes none.
std::string untagged_mpeg(const fs::path& path, int rate, int mode) {
  SF_INFO info{};
  info.channels = 1;
  info.samplerate = rate;
  info.format = SF_FORMAT_MPEG | SF_FORMAT_MPEG_LAYER_III;
  SNDFILE* file = sf_open(path.c_str(), SFM_WRITE, &info);
  if (file == nullptr) return "";
  sf_command(file, SFC_SET_BITRATE_MODE, &mode, sizeof mode);
  std::vector<double> x = tone(static_cast<std::size_t>(rate));
  for (std::size_t i = 0; i < x.size(); ++i) x[i] *= std::exp(-6.0 * static_cast<double>(i) / rate);
  sf_writef_double(file, x.data(), rate);
  sf_close(file);
  const std::string bytes = bytes_of(path);
  const std::size_t tag = std::min(bytes.find("Xing"), bytes.find("Info"));
  if (tag > 200) return bytes;  // its frames are too small to hold one
  // The next header has the first one's version, layer and sample rate.
  std::size_t next = tag;
  do next = bytes.find(bytes.substr(0, 2), next + 1);
  while (next != std::string::npos && ((bytes[next + 2] ^ bytes[2]) & 0x0c) != 0);
  return next == std::string::npos ? "" : bytes.substr(next);
}

}  // namespace

TEST_CASE("MPEG audio whose header says no length is read whole, said to be cut, or refused") {
  const Scratch scratch;
  const fs::path path = scratch / "a.mp3";
  for (const int rate : {44100, 22050, 8000}) {
    CAPTURE(rate);
    const std::string constant = untagged_mpeg(path, rate, SF_BITRATE_MODE_CONSTANT);
    const std::string varying = untagged_mpeg(path, rate, SF_BITRATE_MODE_VARIABLE);
    if (constant.empty() || varying.empty()) {
      MESSAGE("skipped: this libsndfile writes no MP3 of ", rate, " Hz");
      continue;
    }
    Sound sound;
    const auto read = [&](const std::string& bytes) {
      put_bytes(path, bytes);
      return said_by([&] { sound = read_recording(path); });
    };
    // Tags at either end are none of its frames. A constant bit rate tells a decoder the length.
    const std::string id3 = "ID3\4" + std::string(5, '\0') + "\x20" + std::string(32, '\0');
    for (const std::string& whole : {constant, id3 + constant, constant + "TAG" + std::string(125, ' ')}) {
      CHECK(read(whole) == "");
      CHECK(sound.samples.size() >= static_cast<std::size_t>(rate));
    }
    const std::string cut =
        path.string() + ": warning: it ends within a frame of MPEG audio, so it was cut\n";
    CHECK(read(constant.substr(0, constant.size() - 20)) == cut);
    CHECK(read(constant.substr(0, constant.size() * 2 / 3 + 5)) == cut);
    CHECK(read(constant.substr(0, constant.size() * 1 / 3 + 3)) == cut);

    // A decoder that takes all frames for like the first, a loud one, stops early.
    put_bytes(path, varying);
    const std::string message = message_of(path);
    CAPTURE(message);
    CHECK(message.find("its bit rate varies and nothing in it says how long it is: libsndfile finds ") !=
          std::string::npos);
  }
}

TEST_CASE("a header with a rate that no sound has is refused before anything is read") {
  const Scratch scratch;
  const fs::path path = scratch / "a.wav";
  const std::string data(2000, '\1');
  for (const std::uint32_t rate : {1u, 8u, 1999u, 768001u, 0x7fffffffu}) {
    put_bytes(path, wav("", data, 2000, rate));
    CHECK(message_of(path) == "cannot read '" + path.string() + "': its header says " + std::to_string(rate) +
                                  " Hz, which is no rate of sound: 2000 to 768000 Hz are");
  }
  for (const std::uint32_t rate : {2000u, 8000u, 384000u, 768000u}) {
    put_bytes(path, wav("", data, 2000, rate));
    CHECK(message_of(path) == "");
  }
  put_bytes(path, wav("", data, 2000, 44100, 0));
  CHECK(message_of(path).starts_with("cannot read '" + path.string() + "': "));
  put_bytes(path, wav("", data, 0x70000000));  // not believed: 2000 bytes are there
  CHECK(message_of(path).find("truncated: 2000 of 1879048192 bytes") != std::string::npos);
}

TEST_CASE("channels that cancel are not mixed, and that is said") {
  // An antiphase recording was told to be silent, or compared with silence.
  const auto x = tone(1000);
  const auto stereo = [&](double right) {
    Sound sound{{}, 2, 44100};
    for (const double value : x) sound.samples.insert(sound.samples.end(), {value, right * value});
    return sound;
  };
  std::vector<double> mono;
  CHECK(said_by([&] { mono = mono_of(stereo(-1), "a.wav"); }) ==
        "a.wav: its channels cancel when they are mixed; channel 1 alone is used\n");
  CHECK(mono == x);
  CHECK(said_by([&] { mono = mono_of(stereo(-1.1), "a.wav"); }).find("channel 2 alone") != std::string::npos);
  CHECK(mono[100] == -1.1 * x[100]);
  CHECK(said_by([&] { mono = mono_of(stereo(-0.6), "a.wav"); }) ==
        "a.wav: warning: its channels cancel in part: mixed to one they lose 9 dB\n");
  for (const double right : {1.0, 0.0, 0.5}) CHECK(said_by([&] { mono_of(stereo(right), "a.wav"); }) == "");
  Sound surround{std::vector<double>(6000, 0.0), 6, 44100};
  for (std::size_t i = 0; i < x.size(); ++i) surround.samples[6 * i + 2] = x[i];
  CHECK(said_by([&] { mono = mono_of(surround, "a.wav"); }) == "");
  CHECK(mono[50] == doctest::Approx(x[50] / 6));
}
