// Instruments through the C interface: notes held against the render, and misuse.
#include <doctest/doctest.h>
#include <retrograd/c.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

namespace {

constexpr double rate = 44100.0;
constexpr int length = 4410;

/// A patch whose gate is high for all of its 0.1 s, at the pitch of key 69, and an instrument of it.
struct Fixture {
  Fixture() {
    const double gate[] = {0.0, 0.1};
    REQUIRE(rg_patch_default(&patch) == RG_OK);
    REQUIRE(rg_patch_set_duration(patch, 0.1) == RG_OK);
    REQUIRE(rg_patch_set_gate(patch, gate, 1) == RG_OK);
    REQUIRE(rg_patch_set_named(patch, "note.frequency", 440.0) == RG_OK);
    REQUIRE(rg_instrument_open(patch, nullptr, &instrument) == RG_OK);
  }
  ~Fixture() {
    rg_instrument_close(instrument);
    CHECK(rg_patch_close(patch) == RG_OK);
  }
  void prepare() const { REQUIRE(rg_instrument_prepare(instrument, rate, 512) == RG_OK); }

  std::vector<float> play(int frames) const {
    std::vector<float> heard(static_cast<std::size_t>(frames));
    for (int at = 0; at < frames; at += 512)
      REQUIRE(rg_instrument_process(instrument, heard.data() + at, std::min(512, frames - at)) == RG_OK);
    return heard;
  }
  int sounding() const {
    int voices = -1;
    CHECK(rg_instrument_sounding(instrument, &voices) == RG_OK);
    return voices;
  }

  rg_patch patch{};
  rg_instrument instrument{};
};

bool is_silent(const std::vector<float>& samples) {
  for (const float sample : samples)
    if (sample != 0.0f) return false;
  return true;
}

}  // namespace

TEST_CASE("a note has the bits of the render from its first sample") {
  const Fixture f;
  f.prepare();
  CHECK(is_silent(f.play(512)));
  CHECK(rg_instrument_note_on(f.instrument, 69.0, 1.0, 100) == RG_OK);
  const std::vector<float> heard = f.play(length + 100);
  std::vector<float> expected(length);
  REQUIRE(rg_render(f.patch, expected.data(), length) == RG_OK);
  CHECK(std::memcmp(heard.data() + 100, expected.data(), length * sizeof(float)) == 0);
  CHECK(f.sounding() == 1);
}

TEST_CASE("notes, MIDI, pedal and bend reach the voices") {
  const Fixture f;
  f.prepare();
  const unsigned char middle_c[] = {0x90, 60, 100}, pedal[] = {0xb0, 64, 127}, bend[] = {0xe0, 0, 0};
  CHECK(rg_instrument_midi(f.instrument, middle_c, 3, 0) == RG_OK);
  CHECK(rg_instrument_midi(f.instrument, pedal, 3, 0) == RG_OK);
  CHECK(rg_instrument_midi(f.instrument, bend, 3, 0) == RG_OK);
  CHECK(rg_instrument_note_on(f.instrument, 64.0, 0.5, 10) == RG_OK);
  CHECK(rg_instrument_pitch_bend(f.instrument, 0.5, 11) == RG_OK);
  f.play(512);
  CHECK(f.sounding() == 2);
  CHECK(rg_instrument_note_off(f.instrument, 60.0, 0) == RG_OK);
  f.play(512);
  CHECK(f.sounding() == 2);
  CHECK(rg_instrument_sustain(f.instrument, 0, 0) == RG_OK);
  CHECK(rg_instrument_all_notes_off(f.instrument, 0) == RG_OK);
  CHECK(!is_silent(f.play(512)));
  REQUIRE(rg_instrument_reset(f.instrument) == RG_OK);
  CHECK(f.sounding() == 0);
  CHECK(is_silent(f.play(512)));
}

TEST_CASE("two messages in one call are two messages, on their channels") {
  const Fixture f;
  f.prepare();
  const unsigned char two[] = {0x90, 60, 100, 0x91, 60, 100}, program[] = {0xc0, 5};
  CHECK(rg_instrument_midi(f.instrument, two, 6, 0) == RG_OK);
  CHECK(rg_instrument_midi(f.instrument, program, 2, 0) == RG_OK);
  f.play(512);
  CHECK(f.sounding() == 2);
  rg_instrument_info info;
  info.size = sizeof info;
  REQUIRE(rg_instrument_get_info(f.instrument, &info) == RG_OK);
  CHECK(info.passed_over == 1);
  CHECK(rg_instrument_channel_sustain(f.instrument, 1, 1, 0) == RG_OK);
  CHECK(rg_instrument_channel_pitch_bend(f.instrument, 1, 0.5, 0) == RG_OK);
  CHECK(rg_instrument_channel_note_off(f.instrument, 1, 60.0, 0) == RG_OK);
  CHECK(rg_instrument_channel_note_on(f.instrument, 2, 60.0, 0.5, 0) == RG_OK);
  CHECK(rg_instrument_channel_note_on(f.instrument, 16, 60.0, 0.5, 0) == RG_NOT_TAKEN);
  f.play(512);
  CHECK(f.sounding() == 3);
  CHECK(rg_instrument_all_sound_off(f.instrument, 0) == RG_OK);
  f.play(1024);  // a glide is 882 samples
  CHECK(f.sounding() == 0);
  CHECK(is_silent(f.play(512)));
}

TEST_CASE("an instrument's level is its sum's") {
  const Fixture f;
  f.prepare();
  double level = 0.0;
  CHECK(rg_instrument_get_level(f.instrument, &level) == RG_OK);
  CHECK(level == 1.0);
  CHECK(rg_instrument_set_level(f.instrument, -1.0) == RG_BAD_VALUE);
  CHECK(rg_instrument_set_level(f.instrument, 0.0) == RG_OK);
  f.play(1024);
  CHECK(rg_instrument_note_on(f.instrument, 69.0, 1.0, 0) == RG_OK);
  CHECK(is_silent(f.play(512)));
  CHECK(rg_instrument_get_level(f.instrument, nullptr) == RG_BAD_ARGUMENT);
}

TEST_CASE("an instrument's parameters are shared by its voices; the note's own are refused") {
  const Fixture f;
  f.prepare();
  int gain = -1, frequency = -1;
  REQUIRE(rg_instrument_parameter(f.instrument, "fm.operator.0.gain", &gain) == RG_OK);
  CHECK(rg_instrument_parameter(f.instrument, "note.frequency", &frequency) == RG_BAD_ARGUMENT);
  CHECK(rg_instrument_parameter(f.instrument, "no.such", &frequency) == RG_BAD_ARGUMENT);
  rg_instrument_info info;
  info.size = sizeof info;
  REQUIRE(rg_instrument_get_info(f.instrument, &info) == RG_OK);
  CHECK(info.max_block == 512);
  CHECK(info.sample_rate == rate);
  int notes_own = 0;
  for (int index = 0; index < info.parameters; ++index) {
    rg_parameter_info parameter;
    parameter.size = sizeof parameter;
    REQUIRE(rg_instrument_parameter_info(f.instrument, index, &parameter) == RG_OK);
    CHECK(parameter.rows == 1);
    if (index == gain) {
      CHECK(std::string(parameter.name) == "fm.operator.0.gain");
      CHECK(parameter.value == 1.0);
    }
    if (rg_instrument_set(f.instrument, index, parameter.value) == RG_BAD_VALUE) ++notes_own;
  }
  CHECK(info.parameters == 14);
  CHECK(notes_own == 2);
  CHECK(rg_instrument_set(f.instrument, gain, 0.0) == RG_OK);
  double value = 1.0;
  CHECK(rg_instrument_get(f.instrument, gain, &value) == RG_OK);
  CHECK(value == 0.0);
  f.play(2048);
  CHECK(rg_instrument_note_on(f.instrument, 69.0, 1.0, 0) == RG_OK);
  CHECK(is_silent(f.play(512)));
  CHECK(rg_instrument_set(f.instrument, gain, std::nan("")) == RG_BAD_VALUE);
  CHECK(rg_instrument_set(f.instrument, info.parameters, 1.0) == RG_BAD_ARGUMENT);
  CHECK(rg_instrument_get(f.instrument, -1, &value) == RG_BAD_ARGUMENT);
  CHECK(rg_instrument_get(f.instrument, gain, nullptr) == RG_BAD_ARGUMENT);
}

TEST_CASE("an instrument that is misused is silent and says why") {
  const Fixture f;
  std::vector<float> block(600, 1.0f);
  CHECK(rg_instrument_process(f.instrument, block.data(), 512) == RG_NOT_PREPARED);
  CHECK(block[511] == 0.0f);
  f.prepare();
  block.assign(600, 1.0f);
  CHECK(rg_instrument_process(f.instrument, block.data(), 513) == RG_BAD_BLOCK);
  CHECK(block[512] == 0.0f);
  CHECK(rg_instrument_process(f.instrument, block.data(), -1) == RG_BAD_BLOCK);
  CHECK(rg_instrument_process(f.instrument, nullptr, 16) == RG_BAD_BLOCK);
  CHECK(rg_instrument_prepare(f.instrument, std::nan(""), 512) == RG_BAD_VALUE);
  CHECK(rg_instrument_prepare(f.instrument, rate, 0) == RG_BAD_VALUE);
  CHECK(rg_instrument_note_on(f.instrument, std::nan(""), 1.0, 0) == RG_NOT_TAKEN);
  CHECK(rg_instrument_note_on(f.instrument, 60.0, 1.5, 0) == RG_NOT_TAKEN);
  CHECK(rg_instrument_note_on(f.instrument, 60.0, 1.0, -1) == RG_NOT_TAKEN);
  CHECK(rg_instrument_pitch_bend(f.instrument, 2.0, 0) == RG_NOT_TAKEN);
  const unsigned char cut_short[] = {0x90, 60};
  CHECK(rg_instrument_midi(f.instrument, cut_short, 2, 0) == RG_NOT_TAKEN);
  CHECK(rg_instrument_midi(f.instrument, nullptr, 3, 0) == RG_NOT_TAKEN);
  CHECK(rg_instrument_sounding(f.instrument, nullptr) == RG_BAD_ARGUMENT);
  CHECK(rg_instrument_get_info(f.instrument, nullptr) == RG_BAD_ARGUMENT);
}

TEST_CASE("options of an instrument that cannot be are refused") {
  const Fixture f;
  rg_instrument_options options;
  REQUIRE(rg_instrument_options_init(&options, sizeof options) == RG_OK);
  CHECK(options.voices == 16);
  CHECK(options.tuning == 440.0);
  CHECK(options.level == 1.0);
  options.voices = 0;
  rg_instrument instrument{5};
  CHECK(rg_instrument_open(f.patch, &options, &instrument) == RG_BAD_VALUE);
  CHECK(instrument.id == 0);
  CHECK(rg_instrument_open(f.patch, nullptr, nullptr) == RG_BAD_ARGUMENT);
  options.size = 0;
  CHECK(rg_instrument_open(f.patch, &options, &instrument) == RG_BAD_ARGUMENT);
}

TEST_CASE("an instrument that was closed is a bad handle everywhere") {
  Fixture f;
  f.prepare();
  REQUIRE(rg_instrument_close(f.instrument) == RG_OK);
  std::vector<float> block(16, 1.0f);
  CHECK(rg_instrument_process(f.instrument, block.data(), 16) == RG_BAD_HANDLE);
  CHECK(block[0] == 1.0f);
  int index = 0;
  double value = 0.0;
  CHECK(rg_instrument_prepare(f.instrument, rate, 16) == RG_BAD_HANDLE);
  CHECK(rg_instrument_reset(f.instrument) == RG_BAD_HANDLE);
  CHECK(rg_instrument_note_on(f.instrument, 60.0, 1.0, 0) == RG_BAD_HANDLE);
  CHECK(rg_instrument_all_notes_off(f.instrument, 0) == RG_BAD_HANDLE);
  CHECK(rg_instrument_sounding(f.instrument, &index) == RG_BAD_HANDLE);
  CHECK(rg_instrument_parameter(f.instrument, "fm.operator.0.gain", &index) == RG_BAD_HANDLE);
  CHECK(rg_instrument_set(f.instrument, 0, 1.0) == RG_BAD_HANDLE);
  CHECK(rg_instrument_get(f.instrument, 0, &value) == RG_BAD_HANDLE);
  CHECK(rg_instrument_close(f.instrument) == RG_BAD_HANDLE);
}
