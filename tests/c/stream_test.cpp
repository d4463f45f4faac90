// Streams through the C interface: held against the render, and misused.
#include <doctest/doctest.h>
#include <retrograd/c.h>

#include <atomic>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <string>
#include <thread>
#include <vector>

namespace {

constexpr double rate = 44100.0;
constexpr int length = 8820;
constexpr int gain = 2;  // fm.operator.0.gain
constexpr float not_a_number = std::numeric_limits<float>::quiet_NaN();

/// A patch of 0.2 s whose gate is high for 0.1 s, and a stream of it.
struct Fixture {
  explicit Fixture(bool is_prepared = true, bool has_gradients = false, double glide = 0.02,
                   int max_events = 1024) {
    const double gate[] = {0.0, 0.1};
    REQUIRE(rg_patch_default(&patch) == RG_OK);
    REQUIRE(rg_patch_set_duration(patch, 0.2) == RG_OK);
    REQUIRE(rg_patch_set_gate(patch, gate, 1) == RG_OK);
    rg_stream_options options;
    REQUIRE(rg_stream_options_init(&options, sizeof options) == RG_OK);
    CHECK(options.rows == 1);
    CHECK(options.glide == 0.02);
    CHECK(options.max_events == 1024);
    CHECK(options.gradients == 0);
    options.gradients = has_gradients ? 1 : 0;
    options.glide = glide;
    options.max_events = max_events;
    REQUIRE(rg_stream_open(patch, &options, &stream) == RG_OK);
    if (is_prepared) REQUIRE(rg_stream_prepare(stream, rate, 1024) == RG_OK);
  }
  ~Fixture() {
    rg_stream_close(stream);
    CHECK(rg_patch_close(patch) == RG_OK);
  }

  std::vector<float> rendered() const {
    std::vector<float> samples(length);
    REQUIRE(rg_render(patch, samples.data(), length) == RG_OK);
    return samples;
  }

  /// The next `frames` frames, the gate held by its last event.
  rg_status play(std::vector<float>& block, int frames) const {
    block.assign(static_cast<std::size_t>(std::max(frames, 1)), 1.0f);
    float* outputs[] = {block.data()};
    return rg_stream_process(stream, nullptr, outputs, frames);
  }

  rg_status schedule(int kind, int offset, int index, double value) const {
    const rg_stream_event event{sizeof event, kind, offset, index, 0, value};
    return rg_stream_schedule(stream, &event);
  }

  rg_patch patch{};
  rg_stream stream{};
};

bool is_silent(const std::vector<float>& block) {
  for (const float sample : block)
    if (sample != 0.0f) return false;
  return true;
}

}  // namespace

TEST_CASE("a stream in blocks of any size has the bits of the render") {
  const Fixture f;
  const std::vector<float> expected = f.rendered();
  std::vector<float> gate(length, 0.0f);
  std::fill_n(gate.begin(), length / 2, 1.0f);
  for (const int size : {1, 7, 64, 441, 1024}) {
    REQUIRE(rg_stream_reset(f.stream) == RG_OK);
    std::vector<float> heard(length);
    for (int at = 0; at < length;) {
      const int frames = std::min(size, length - at);
      const float* inputs[] = {gate.data() + at};
      float* outputs[] = {heard.data() + at};
      REQUIRE(rg_stream_process(f.stream, inputs, outputs, frames) == RG_OK);
      at += frames;
    }
    CHECK(std::memcmp(heard.data(), expected.data(), length * sizeof(float)) == 0);
  }
}

TEST_CASE("a gate of events is a gate of samples") {
  const Fixture f;
  const std::vector<float> expected = f.rendered();
  CHECK(f.schedule(RG_EVENT_INPUT, 0, 0, 1.0) == RG_OK);
  std::vector<float> heard, block;
  for (int at = 0; at < length; at += 420) {
    const bool falls_here = at <= length / 2 && length / 2 < at + 420;
    if (falls_here) CHECK(f.schedule(RG_EVENT_INPUT, length / 2 - at, 0, 0.0) == RG_OK);
    CHECK(f.play(block, 420) == RG_OK);
    heard.insert(heard.end(), block.begin(), block.end());
  }
  CHECK(heard == expected);
}

TEST_CASE("rows of a stream are channels, and each has its own parameters") {
  const Fixture f;
  rg_stream_options options;
  rg_stream_options_init(&options, sizeof options);
  options.rows = 3;
  rg_stream stream{};
  REQUIRE(rg_stream_open(f.patch, &options, &stream) == RG_OK);
  REQUIRE(rg_stream_set(stream, gain, 1, 0.25) == RG_OK);
  REQUIRE(rg_stream_prepare(stream, rate, 512) == RG_OK);
  rg_stream_info info;
  info.size = sizeof info;
  REQUIRE(rg_stream_get_info(stream, &info) == RG_OK);
  CHECK(info.input_channels == 3);
  CHECK(info.output_channels == 3);
  CHECK(info.parameters == 13);
  CHECK(info.max_block == 512);
  CHECK(info.sample_rate == rate);
  CHECK(info.position == 0);
  const std::vector<float> gate(512, 1.0f);
  std::vector<float> a(512), b(512), c(512, 7.0f);
  const float* inputs[] = {gate.data(), gate.data(), nullptr};
  float* outputs[] = {a.data(), b.data(), c.data()};
  REQUIRE(rg_stream_process(stream, inputs, outputs, 512) == RG_OK);
  CHECK(!is_silent(a));
  CHECK(is_silent(c));
  for (std::size_t n = 0; n < a.size(); ++n) CHECK(b[n] == doctest::Approx(0.25 * a[n]));
  CHECK(rg_stream_set(stream, gain, -1, 0.5) == RG_OK);
  for (int row = 0; row < 3; ++row) {
    double value = 0.0;
    CHECK(rg_stream_get(stream, gain, row, &value) == RG_OK);
    CHECK(value == 0.5);
  }
  rg_stream_close(stream);
}

TEST_CASE("a row that is not finite is silent and starts again, and the call says which") {
  Fixture f;
  rg_stream_options options;
  REQUIRE(rg_stream_options_init(&options, sizeof options) == RG_OK);
  options.rows = 3;
  options.glide = 0.0;
  rg_stream stream, alone;
  REQUIRE(rg_stream_open(f.patch, &options, &stream) == RG_OK);
  options.rows = 1;
  REQUIRE(rg_stream_open(f.patch, &options, &alone) == RG_OK);
  REQUIRE(rg_stream_prepare(stream, rate, 256) == RG_OK);
  REQUIRE(rg_stream_prepare(alone, rate, 256) == RG_OK);
  const std::vector<float> gate(256, 1.0f);
  const float* inputs[] = {gate.data(), gate.data(), gate.data()};
  std::vector<float> sounds[3]{std::vector<float>(256), std::vector<float>(256), std::vector<float>(256)},
      lone(256);
  float *outputs[] = {sounds[0].data(), sounds[1].data(), sounds[2].data()}, *lone_output[] = {lone.data()};
  int bad[3] = {-1, -1, -1}, count = -1;
  for (int number = 0; number < 5; ++number) {
    if (number == 2) CHECK(rg_stream_set(stream, gain, 1, 1e300) == RG_OK);
    if (number == 3) CHECK(rg_stream_set(stream, gain, 1, 1.0) == RG_OK);
    const rg_status status = number == 2 ? RG_NOT_FINITE : RG_OK;
    CHECK(rg_stream_process(stream, inputs, outputs, 256) == status);
    CHECK(rg_stream_status(stream) == status);
    REQUIRE(rg_stream_process(alone, inputs, lone_output, 256) == RG_OK);
    CHECK(sounds[0] == lone);
    CHECK(sounds[2] == lone);
    CHECK((sounds[1] == std::vector<float>(256)) == (number == 2));
    CHECK(rg_stream_bad_rows(stream, bad, 3, &count) == RG_OK);
    CHECK(count == (number == 2 ? 1 : 0));
    CHECK(bad[0] == (number < 2 ? -1 : 1));
    CHECK(bad[1] == -1);
    CHECK(rg_stream_bad_rows(stream, nullptr, 0, &count) == RG_OK);
    CHECK(count == (number == 2 ? 1 : 0));
  }
  CHECK(rg_stream_bad_rows(stream, nullptr, 3, &count) == RG_BAD_ARGUMENT);
  CHECK(rg_stream_bad_rows(stream, bad, 3, nullptr) == RG_BAD_ARGUMENT);
  CHECK(rg_stream_bad_rows(stream, bad, -1, &count) == RG_BAD_ARGUMENT);
  CHECK(rg_stream_close(stream) == RG_OK);
  CHECK(rg_stream_close(alone) == RG_OK);
  CHECK(rg_stream_bad_rows(stream, bad, 3, &count) == RG_BAD_HANDLE);
}

TEST_CASE("a stream's parameters are the patch's") {
  const Fixture f;
  for (int index = 0; index < 13; ++index) {
    rg_parameter_info of_patch, of_stream;
    of_patch.size = of_stream.size = sizeof of_patch;
    REQUIRE(rg_patch_parameter_info(f.patch, index, &of_patch) == RG_OK);
    REQUIRE(rg_stream_parameter_info(f.stream, index, &of_stream) == RG_OK);
    CHECK(std::string(of_stream.name) == of_patch.name);
    CHECK(std::string(of_stream.unit) == of_patch.unit);
    CHECK(of_stream.value == of_patch.value);
    CHECK(of_stream.low == of_patch.low);
    CHECK(of_stream.high == of_patch.high);
    int found = -1;
    CHECK(rg_stream_parameter(f.stream, of_patch.name, &found) == RG_OK);
    CHECK(found == index);
  }
}

TEST_CASE("gradients of a block are those of the tape") {
  const Fixture f(true, true);
  constexpr int frames = 882;
  const std::vector<float> gate(frames, 1.0f);
  std::vector<float> heard(frames), seeds(frames), samples(frames);
  const float* inputs[] = {gate.data()};
  float* outputs[] = {heard.data()};
  REQUIRE(rg_stream_process(f.stream, inputs, outputs, frames) == RG_OK);
  for (std::size_t n = 0; n < seeds.size(); ++n) seeds[n] = std::cos(0.1f * static_cast<float>(n));
  const float* of_channels[] = {seeds.data()};
  REQUIRE(rg_stream_rewind(f.stream, of_channels) == RG_OK);

  REQUIRE(rg_patch_set_duration(f.patch, frames / rate) == RG_OK);
  rg_tape tape{};
  REQUIRE(rg_tape_open(f.patch, nullptr, &tape) == RG_OK);
  double expected[13];
  REQUIRE(rg_tape_play(tape, samples.data(), frames) == RG_OK);
  CHECK(samples == heard);
  REQUIRE(rg_tape_rewind(tape, seeds.data(), frames, expected, 13) == RG_OK);
  for (int index = 0; index < 13; ++index) {
    double gradient = 0.0;
    CHECK(rg_stream_gradient(f.stream, index, 0, &gradient) == RG_OK);
    CHECK(gradient == doctest::Approx(expected[index]).epsilon(1e-4).scale(1e-3));
  }
  rg_tape_close(tape);
}

TEST_CASE("what is played before it is prepared is silence and says so") {
  const Fixture f(false);
  std::vector<float> block;
  CHECK(f.play(block, 16) == RG_NOT_PREPARED);
  CHECK(is_silent(block));
  CHECK(rg_stream_status(f.stream) == RG_NOT_PREPARED);
  rg_stream_info info;
  info.size = sizeof info;
  CHECK(rg_stream_get_info(f.stream, &info) == RG_OK);
  CHECK(info.max_block == 0);
  CHECK(info.sample_rate == 0.0);
  REQUIRE(rg_stream_prepare(f.stream, rate, 16) == RG_OK);
  CHECK(f.play(block, 16) == RG_OK);
  CHECK(rg_stream_status(f.stream) == RG_OK);
}

TEST_CASE("a block that cannot be is silence, a status, and no step on") {
  const Fixture f;
  std::vector<float> block, after;
  CHECK(f.schedule(RG_EVENT_INPUT, 0, 0, 1.0) == RG_OK);
  CHECK(f.play(block, 1025) == RG_BAD_BLOCK);
  CHECK(is_silent(block));
  CHECK(f.play(block, -1) == RG_BAD_BLOCK);
  CHECK(f.play(block, std::numeric_limits<int>::min()) == RG_BAD_BLOCK);
  CHECK(rg_stream_process(f.stream, nullptr, nullptr, 16) == RG_BAD_BLOCK);
  CHECK(f.play(block, 0) == RG_OK);
  const std::vector<float> gate(16, not_a_number);
  const float* inputs[] = {gate.data()};
  std::vector<float> heard(16, 1.0f);
  float* outputs[] = {heard.data()};
  CHECK(rg_stream_process(f.stream, inputs, outputs, 16) == RG_BAD_INPUT);
  CHECK(is_silent(heard));
  CHECK(rg_stream_status(f.stream) == RG_BAD_INPUT);
  REQUIRE(f.play(block, 1024) == RG_OK);
  const std::vector<float> expected = f.rendered();
  CHECK(std::memcmp(block.data(), expected.data(), 1024 * sizeof(float)) == 0);
}

TEST_CASE("rates and blocks that cannot be are refused, and the stream stays as it was") {
  const Fixture f;
  for (const double bad : {0.0, -1.0, 0.5, 1e6, static_cast<double>(not_a_number)})
    CHECK(rg_stream_prepare(f.stream, bad, 64) == RG_BAD_VALUE);
  for (const int bad : {0, -1, std::numeric_limits<int>::max()})
    CHECK(rg_stream_prepare(f.stream, rate, bad) == RG_BAD_VALUE);
  std::vector<float> block;
  CHECK(f.play(block, 1024) == RG_OK);
  for (const double good : {1.0, 8000.0, 768000.0}) CHECK(rg_stream_prepare(f.stream, good, 64) == RG_OK);
}

TEST_CASE("events and parameters that cannot be are refused") {
  const Fixture f(true, false, 0.02, 2);
  CHECK(rg_stream_schedule(f.stream, nullptr) == RG_BAD_ARGUMENT);
  rg_stream_event event{};
  CHECK(rg_stream_schedule(f.stream, &event) == RG_BAD_ARGUMENT);  // its size is 0
  CHECK(f.schedule(-1, 0, 0, 1.0) == RG_NOT_TAKEN);
  CHECK(f.schedule(RG_EVENT_SLEEP + 1, 0, 0, 1.0) == RG_NOT_TAKEN);
  const rg_stream_event sleeps{sizeof(rg_stream_event), RG_EVENT_SLEEP, 0, 0, 100, 0.0};
  CHECK(rg_stream_schedule(f.stream, &sleeps) == RG_NOT_TAKEN);
  CHECK(f.schedule(RG_EVENT_INPUT, 0, 1, 1.0) == RG_NOT_TAKEN);
  CHECK(f.schedule(RG_EVENT_INPUT, -1, 0, 1.0) == RG_NOT_TAKEN);
  CHECK(f.schedule(RG_EVENT_JUMP, 0, gain, -1.0) == RG_NOT_TAKEN);
  CHECK(f.schedule(RG_EVENT_JUMP, 0, 13, 1.0) == RG_NOT_TAKEN);
  CHECK(f.schedule(RG_EVENT_INPUT, 0, 0, 1.0) == RG_OK);
  CHECK(f.schedule(RG_EVENT_GLIDE, 5, gain, 0.5) == RG_OK);
  CHECK(f.schedule(RG_EVENT_INPUT, 9, 0, 0.0) == RG_NOT_TAKEN);  // no room

  CHECK(rg_stream_set(f.stream, gain, -1, -1.0) == RG_BAD_VALUE);
  CHECK(rg_stream_set(f.stream, gain, 0, not_a_number) == RG_BAD_VALUE);
  CHECK(rg_stream_set(f.stream, 13, 0, 1.0) == RG_BAD_ARGUMENT);
  CHECK(rg_stream_set(f.stream, -1, 0, 1.0) == RG_BAD_ARGUMENT);
  CHECK(rg_stream_set(f.stream, gain, 1, 1.0) == RG_BAD_ARGUMENT);
  CHECK(rg_stream_set(f.stream, gain, -2, 1.0) == RG_BAD_ARGUMENT);
  double value = 0.0;
  CHECK(rg_stream_get(f.stream, gain, 0, nullptr) == RG_BAD_ARGUMENT);
  CHECK(rg_stream_get(f.stream, gain, -1, &value) == RG_BAD_ARGUMENT);
  CHECK(rg_stream_get(f.stream, gain, 0, &value) == RG_OK);
  CHECK(value == 1.0);
  int index = 0;
  CHECK(rg_stream_parameter(f.stream, "no.such", &index) == RG_BAD_ARGUMENT);
  CHECK(std::string(rg_last_error()).find("note.frequency") != std::string::npos);
  CHECK(rg_stream_parameter(f.stream, nullptr, &index) == RG_BAD_ARGUMENT);
  CHECK(rg_stream_parameter_info(f.stream, 0, nullptr) == RG_BAD_ARGUMENT);
  rg_parameter_info info;
  info.size = sizeof info;
  CHECK(rg_stream_parameter_info(f.stream, 13, &info) == RG_BAD_ARGUMENT);
  CHECK(rg_stream_get_info(f.stream, nullptr) == RG_BAD_ARGUMENT);
}

TEST_CASE("gradients that were not asked for, or are too early, are refused") {
  double gradient = 0.0;
  std::vector<float> seeds(64, 1.0f), block;
  const float* of_channels[] = {seeds.data()};
  {
    const Fixture f;
    CHECK(f.play(block, 64) == RG_OK);
    CHECK(rg_stream_rewind(f.stream, of_channels) == RG_BAD_CALL);
    CHECK(rg_stream_gradient(f.stream, gain, 0, &gradient) == RG_BAD_CALL);
  }
  const Fixture f(false, true);
  CHECK(rg_stream_rewind(f.stream, of_channels) == RG_NOT_PREPARED);
  REQUIRE(rg_stream_prepare(f.stream, rate, 64) == RG_OK);
  CHECK(f.play(block, 64) == RG_OK);
  CHECK(rg_stream_rewind(f.stream, nullptr) == RG_BAD_ARGUMENT);
  seeds[3] = not_a_number;
  CHECK(rg_stream_rewind(f.stream, of_channels) == RG_BAD_INPUT);
  CHECK(rg_stream_gradient(f.stream, 13, 0, &gradient) == RG_BAD_ARGUMENT);
  CHECK(rg_stream_gradient(f.stream, gain, 0, nullptr) == RG_BAD_ARGUMENT);
}

TEST_CASE("a stream that was closed is a bad handle everywhere, and outputs are not touched") {
  Fixture f;
  REQUIRE(rg_stream_close(f.stream) == RG_OK);
  std::vector<float> block;
  CHECK(f.play(block, 16) == RG_BAD_HANDLE);
  CHECK(block[0] == 1.0f);
  double value = 0.0;
  int index = 0;
  const float* seeds[] = {block.data()};
  rg_stream_info info;
  info.size = sizeof info;
  CHECK(rg_stream_status(f.stream) == RG_BAD_HANDLE);
  CHECK(rg_stream_prepare(f.stream, rate, 16) == RG_BAD_HANDLE);
  CHECK(f.schedule(RG_EVENT_INPUT, 0, 0, 1.0) == RG_BAD_HANDLE);
  CHECK(rg_stream_reset(f.stream) == RG_BAD_HANDLE);
  CHECK(rg_stream_rewind(f.stream, seeds) == RG_BAD_HANDLE);
  CHECK(rg_stream_gradient(f.stream, 0, 0, &value) == RG_BAD_HANDLE);
  CHECK(rg_stream_get_info(f.stream, &info) == RG_BAD_HANDLE);
  CHECK(rg_stream_parameter(f.stream, "note.frequency", &index) == RG_BAD_HANDLE);
  CHECK(rg_stream_set(f.stream, 0, 0, 1.0) == RG_BAD_HANDLE);
  CHECK(rg_stream_get(f.stream, 0, 0, &value) == RG_BAD_HANDLE);
  CHECK(rg_stream_close(f.stream) == RG_BAD_HANDLE);
}

TEST_CASE("options of a stream that cannot be are refused") {
  const Fixture f;
  const auto refused = [&](auto change) {
    rg_stream_options options;
    REQUIRE(rg_stream_options_init(&options, sizeof options) == RG_OK);
    change(options);
    rg_stream stream{5};
    CHECK(rg_stream_open(f.patch, &options, &stream) == RG_BAD_ARGUMENT);
    CHECK(stream.id == 0);
  };
  refused([](auto& o) { o.size = 1; });
  refused([](auto& o) { o.rows = 0; });
  refused([](auto& o) { o.rows = std::int64_t{1} << 50; });
  refused([](auto& o) { o.glide = -0.1; });
  refused([](auto& o) { o.glide = not_a_number; });
  refused([](auto& o) { o.max_events = -1; });
  CHECK(rg_stream_open(f.patch, nullptr, nullptr) == RG_BAD_ARGUMENT);
}

TEST_CASE("while a stream plays, other threads set, prepare and close it, and nothing breaks") {
  Fixture f;
  std::atomic<bool> is_closed{false};
  std::atomic<int> blocks{0};
  std::thread audio([&] {
    std::vector<float> block;
    for (;;) {
      const rg_status status = f.play(block, 64);
      ++blocks;
      if (status == RG_BAD_HANDLE) return;
      CHECK((status == RG_OK || status == RG_BUSY));
      if (status == RG_BUSY) CHECK(is_silent(block));
    }
  });
  std::thread control([&] {
    for (int i = 0; !is_closed; ++i) {
      const rg_status status = rg_stream_set(f.stream, gain, -1, 0.1 + 0.01 * (i % 50));
      CHECK((status == RG_OK || status == RG_BUSY || status == RG_BAD_HANDLE));
    }
  });
  for (int i = 0; i < 5; ++i) {
    const int before = blocks;
    while (blocks < before + 20) std::this_thread::yield();
    rg_status status = RG_BUSY;
    while (status == RG_BUSY) status = rg_stream_prepare(f.stream, rate, 64 + i);
    CHECK(status == RG_OK);
  }
  CHECK(rg_stream_close(f.stream) == RG_OK);
  is_closed = true;
  audio.join();
  control.join();
}
