// Patches of several channels through the C interface.
#include <doctest/doctest.h>
#include <retrograd/c.h>

#include <algorithm>
#include <string>
#include <vector>

namespace {

constexpr int length = 2000;

/// Left an oscillator at the pitch, right one an octave above, which the pressure makes sharper; both under one envelope.
constexpr const char* text = R"(format = 2
duration = 0.05
sample_rate = 40000.0
outputs = ["left.out", "right.out"]
cables = [["a.out", "left.in"], ["b.out", "right.in"], ["env.out", "left.cv"], ["env.out", "right.cv"],
          ["note.pressure", "b.ratio", 1.0]]
[note]
frequency = 440.0
gate = [[0.0, 0.03]]
[[module]]
name = "a"
type = "oscillator"
[[module]]
name = "b"
type = "oscillator"
ratio = 2.0
[[module]]
name = "env"
type = "adsr"
[[module]]
name = "left"
type = "vca"
[[module]]
name = "right"
type = "vca"
level = 0.5
)";

struct TwoChannels {
  TwoChannels() {
    const rg_status status = rg_patch_parse(text, &patch);
    INFO(rg_last_error());
    REQUIRE(status == RG_OK);
  }
  ~TwoChannels() { rg_patch_close(patch); }
  std::vector<float> rendered() const {
    std::vector<float> samples(2 * length);
    REQUIRE(rg_render(patch, samples.data(), 2 * length) == RG_OK);
    return samples;
  }
  rg_patch patch{};
};

std::vector<float> mean_of(const std::vector<float>& channels) {
  std::vector<float> mean;
  for (std::size_t i = 0; i < channels.size() / 2; ++i)
    mean.push_back((channels[i] + channels[i + channels.size() / 2]) * 0.5f);
  return mean;
}

bool is_heard(const std::vector<float>& samples) {
  return std::ranges::any_of(samples, [](float y) { return y > 0.01f || y < -0.01f; });
}

}  // namespace

TEST_CASE("a render of several channels is one after the other, or their mean") {
  const TwoChannels f;
  rg_patch_info info;
  info.size = sizeof info;
  REQUIRE(rg_patch_get_info(f.patch, &info) == RG_OK);
  CHECK(info.channels == 2);
  CHECK(info.modules == 5);
  CHECK(info.cables == 5);
  CHECK(info.length == length);
  const std::vector<float> both = f.rendered();
  std::vector<float> mean(length);
  REQUIRE(rg_render(f.patch, mean.data(), length) == RG_OK);
  CHECK(mean == mean_of(both));
  CHECK(is_heard({both.begin(), both.begin() + length}));
  CHECK(is_heard({both.begin() + length, both.end()}));
  CHECK(std::vector<float>(both.begin(), both.begin() + length) !=
        std::vector<float>(both.begin() + length, both.end()));
  CHECK(rg_render(f.patch, mean.data(), length + 1) == RG_BAD_SHAPE);
  CHECK(std::string(rg_last_error()).find("times its channels") != std::string::npos);
}

TEST_CASE("a tape plays rows of channels, and goes back from their mean") {
  const TwoChannels f;
  rg_tape_options options;
  REQUIRE(rg_tape_options_init(&options, sizeof options) == RG_OK);
  options.rows = 2;
  rg_tape tape{};
  REQUIRE(rg_tape_open(f.patch, &options, &tape) == RG_OK);
  rg_patch_info info;
  info.size = sizeof info;
  REQUIRE(rg_patch_get_info(f.patch, &info) == RG_OK);
  std::vector<float> mean(2 * length), all(4 * length);
  REQUIRE(rg_tape_play(tape, mean.data(), 2 * length) == RG_OK);
  REQUIRE(rg_tape_play(tape, all.data(), 4 * length) == RG_OK);
  const std::vector<float> both = f.rendered();
  for (int row = 0; row < 2; ++row)
    CHECK(std::equal(both.begin(), both.end(), all.begin() + row * 2 * length));
  CHECK(std::vector<float>(mean.begin(), mean.begin() + length) == mean_of(both));
  std::vector<float> seeds(2 * length, 1.0f);
  std::vector<double> gradients(static_cast<std::size_t>(2 * info.parameters)), same = gradients;
  const auto count = static_cast<std::int64_t>(gradients.size());
  REQUIRE(rg_tape_rewind(tape, seeds.data(), 2 * length, gradients.data(), count) == RG_OK);
  REQUIRE(rg_tape_play(tape, mean.data(), 2 * length) == RG_OK);
  REQUIRE(rg_tape_rewind(tape, seeds.data(), 2 * length, same.data(), count) == RG_OK);
  CHECK(gradients == same);
  CHECK(std::ranges::any_of(gradients, [](double g) { return g != 0.0; }));
  CHECK(rg_tape_play(tape, all.data(), 3 * length) == RG_BAD_SHAPE);
  rg_tape_close(tape);
}

TEST_CASE("a tape goes back from each channel by itself, where it played them all") {
  const TwoChannels f;
  rg_patch_info info;
  info.size = sizeof info;
  REQUIRE(rg_patch_get_info(f.patch, &info) == RG_OK);
  const auto parameters = static_cast<std::size_t>(info.parameters);
  rg_tape_options options;
  REQUIRE(rg_tape_options_init(&options, sizeof options) == RG_OK);
  options.rows = 2;
  options.type = RG_F64;
  rg_tape tape{};
  REQUIRE(rg_tape_open(f.patch, &options, &tape) == RG_OK);
  std::vector<float> mean(2 * length), all(4 * length), seeds(4 * length);
  std::vector<double> gradients(2 * parameters, 7.0);
  const auto count = static_cast<std::int64_t>(gradients.size());
  REQUIRE(rg_tape_play(tape, mean.data(), 2 * length) == RG_OK);
  CHECK(rg_tape_rewind(tape, seeds.data(), 4 * length, gradients.data(), count) == RG_BAD_CALL);
  REQUIRE(rg_tape_play(tape, all.data(), 4 * length) == RG_OK);
  // Of the second row the right channel alone.
  std::fill_n(seeds.begin() + 3 * length, length, 1.0f);
  REQUIRE(rg_tape_rewind(tape, seeds.data(), 4 * length, gradients.data(), count) == RG_OK);
  int left = -1, right = -1;
  REQUIRE(rg_patch_parameter(f.patch, "left.level", &left) == RG_OK);
  REQUIRE(rg_patch_parameter(f.patch, "right.level", &right) == RG_OK);
  CHECK(std::all_of(gradients.begin(), gradients.begin() + static_cast<std::ptrdiff_t>(parameters),
                    [](double g) { return g == 0.0; }));
  CHECK(gradients[parameters + static_cast<std::size_t>(left)] == 0.0);
  double sum = 0.0;  // of what a level of 0.5 makes
  for (int i = 0; i < length; ++i) sum += all[static_cast<std::size_t>(3 * length + i)];
  CHECK(gradients[parameters + static_cast<std::size_t>(right)] == doctest::Approx(2.0 * sum).epsilon(1e-5));
  // Half of each is the mean.
  std::fill(seeds.begin(), seeds.end(), 0.5f);
  std::vector<double> of_mean(2 * parameters);
  const std::vector<float> ones(2 * length, 1.0f);
  REQUIRE(rg_tape_rewind(tape, seeds.data(), 4 * length, gradients.data(), count) == RG_OK);
  REQUIRE(rg_tape_rewind(tape, ones.data(), 2 * length, of_mean.data(), count) == RG_OK);
  for (std::size_t i = 0; i < gradients.size(); ++i)
    CHECK(gradients[i] == doctest::Approx(of_mean[i]).epsilon(1e-9));
  CHECK(rg_tape_rewind(tape, seeds.data(), 3 * length, gradients.data(), count) == RG_BAD_SHAPE);
  rg_tape_close(tape);
}

TEST_CASE("a stream has an output for each channel of each row, channel after channel") {
  const TwoChannels f;
  rg_stream_options options;
  REQUIRE(rg_stream_options_init(&options, sizeof options) == RG_OK);
  options.rows = 3;
  rg_stream stream{};
  REQUIRE(rg_stream_open(f.patch, &options, &stream) == RG_OK);
  REQUIRE(rg_stream_prepare(stream, 40000.0, 1200) == RG_OK);
  rg_stream_info info;
  info.size = sizeof info;
  REQUIRE(rg_stream_get_info(stream, &info) == RG_OK);
  CHECK(info.input_channels == 3);
  CHECK(info.output_channels == 6);
  int level = -1;
  REQUIRE(rg_stream_parameter(stream, "right.level", &level) == RG_OK);
  const rg_stream_event event{sizeof event, RG_EVENT_JUMP, 0, level, 2, 0.0};
  CHECK(rg_stream_schedule(stream, &event) == RG_OK);
  const std::vector<float> gate(1200, 1.0f);
  const float* inputs[] = {gate.data(), gate.data(), gate.data()};
  std::vector<std::vector<float>> heard(6, std::vector<float>(1200));
  std::vector<float*> outputs;
  for (std::vector<float>& each : heard) outputs.push_back(each.data());
  REQUIRE(rg_stream_process(stream, inputs, outputs.data(), 1200) == RG_OK);
  const std::vector<float> both = f.rendered();
  const std::vector<float> left(both.begin(), both.begin() + 1200),
      right(both.begin() + length, both.begin() + length + 1200);
  for (std::size_t row = 0; row < 3; ++row) CHECK(heard[row] == left);
  CHECK(heard[3] == right);
  CHECK(heard[4] == right);
  CHECK_FALSE(is_heard(heard[5]));
  CHECK(rg_stream_close(stream) == RG_OK);
}

TEST_CASE("a row of several channels that is not finite is one bad row") {
  const TwoChannels f;
  rg_stream_options options;
  REQUIRE(rg_stream_options_init(&options, sizeof options) == RG_OK);
  options.rows = 2;
  rg_stream stream{};
  REQUIRE(rg_stream_open(f.patch, &options, &stream) == RG_OK);
  REQUIRE(rg_stream_prepare(stream, 40000.0, 64) == RG_OK);
  int level = -1;
  REQUIRE(rg_stream_parameter(stream, "right.level", &level) == RG_OK);
  const rg_stream_event event{sizeof event, RG_EVENT_JUMP, 0, level, 1, 1e300};
  CHECK(rg_stream_schedule(stream, &event) == RG_OK);
  const std::vector<float> gate(64, 1.0f);
  const float* inputs[] = {gate.data(), gate.data()};
  float samples[4][64];
  float* outputs[] = {samples[0], samples[1], samples[2], samples[3]};
  REQUIRE(rg_stream_process(stream, inputs, outputs, 64) == RG_NOT_FINITE);
  int rows[4] = {-1, -1, -1, -1}, count = 0;
  REQUIRE(rg_stream_bad_rows(stream, rows, 4, &count) == RG_OK);
  CHECK(count == 1);
  CHECK(rows[0] == 1);
  CHECK(rg_stream_close(stream) == RG_OK);
}

TEST_CASE("an instrument plays its channels, or their mean, and pressure reaches the cables that read it") {
  const TwoChannels f;
  const auto play = [&](bool is_pressed, bool as_mean) {
    rg_instrument instrument{};
    REQUIRE(rg_instrument_open(f.patch, nullptr, &instrument) == RG_OK);
    std::vector<float> heard(2 * 1200, 7.0f);
    float* outputs[] = {heard.data(), heard.data() + 1200};
    CHECK(rg_instrument_process_channels(instrument, outputs, 16) == RG_NOT_PREPARED);
    CHECK(heard[1200] == 0.0f);
    CHECK(rg_instrument_process(instrument, heard.data(), 16) == RG_NOT_PREPARED);
    REQUIRE(rg_instrument_prepare(instrument, 40000.0, 1200) == RG_OK);
    rg_instrument_info info;
    info.size = sizeof info;
    REQUIRE(rg_instrument_get_info(instrument, &info) == RG_OK);
    CHECK(info.channels == 2);
    CHECK(rg_instrument_process(instrument, heard.data(), 1201) == RG_BAD_BLOCK);
    CHECK(rg_instrument_process(instrument, nullptr, 100) == RG_BAD_BLOCK);
    CHECK(rg_instrument_process_channels(instrument, nullptr, 100) == RG_BAD_BLOCK);
    if (is_pressed) CHECK(rg_instrument_channel_pressure(instrument, 0, 0.5, 0) == RG_OK);
    CHECK(rg_instrument_pressure(instrument, 1.5, 0) == RG_NOT_TAKEN);
    CHECK(rg_instrument_channel_pressure(instrument, 16, 0.5, 0) == RG_NOT_TAKEN);
    CHECK(rg_instrument_note_on(instrument, 69.0, 1.0, 0) == RG_OK);
    const rg_status status = as_mean ? rg_instrument_process(instrument, heard.data(), 1200)
                                     : rg_instrument_process_channels(instrument, outputs, 1200);
    CHECK(status == RG_OK);
    if (as_mean) heard.resize(1200);
    CHECK(rg_instrument_close(instrument) == RG_OK);
    CHECK(rg_instrument_process_channels(instrument, outputs, 16) == RG_BAD_HANDLE);
    return heard;
  };
  const std::vector<float> both = f.rendered(), heard = play(false, false), pressed = play(true, false);
  CHECK(std::equal(heard.begin(), heard.begin() + 1200, both.begin()));
  CHECK(std::equal(heard.begin() + 1200, heard.end(), both.begin() + length));
  CHECK(play(false, true) == mean_of(heard));
  CHECK(std::equal(pressed.begin(), pressed.begin() + 1200, heard.begin()));
  CHECK_FALSE(std::equal(pressed.begin() + 1200, pressed.end(), heard.begin() + 1200));
}
