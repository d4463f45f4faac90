// Renders, gradients and tapes through the C interface, held against the library and against differences.
#include <doctest/doctest.h>
#include <retrograd/c.h>
#include <retrograd/files/tensor_file.hpp>
#include <retrograd/losses/losses.hpp>
#include <retrograd/racks/record.hpp>

#include "../tools/scratch.hpp"

#include <cmath>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

namespace rg = retrograd;

namespace {

constexpr std::int64_t length = 4410;
constexpr int parameters = 13;

rg_patch short_patch() {
  rg_patch patch{};
  REQUIRE(rg_patch_default(&patch) == RG_OK);
  const double gate[] = {0.0, 0.05};
  REQUIRE(rg_patch_set_duration(patch, 0.1) == RG_OK);
  REQUIRE(rg_patch_set_gate(patch, gate, 1) == RG_OK);
  return patch;
}

rg::Rack short_patch_of_the_library() {
  rg::Rack patch = rg::default_rack();
  patch.duration = 0.1;
  patch.note.gate = {{0.0, 0.05}};
  return patch;
}

std::vector<float> a_target() {
  std::vector<float> samples(length);
  for (std::size_t n = 0; n < samples.size(); ++n)
    samples[n] = 0.3f * std::sin(0.05f * static_cast<float>(n));
  return samples;
}

rg_tape open_tape(rg_patch patch, std::int64_t rows, int type = RG_F32, int threads = 1) {
  rg_tape_options options;
  REQUIRE(rg_tape_options_init(&options, sizeof options) == RG_OK);
  options.rows = rows;
  options.type = type;
  options.threads = threads;
  rg_tape tape{};
  REQUIRE(rg_tape_open(patch, &options, &tape) == RG_OK);
  return tape;
}

/// (rows, parameters) of values, each row another sound.
std::vector<double> some_values(rg_patch patch, std::int64_t rows) {
  std::vector<double> one(parameters), all;
  REQUIRE(rg_patch_get_values(patch, one.data(), parameters) == RG_OK);
  for (std::int64_t row = 0; row < rows; ++row) {
    for (double value : one) all.push_back(value * (1.0 - 0.05 * static_cast<double>(row)));
  }
  return all;
}

}  // namespace

TEST_CASE("a render has the bits of the library's own") {
  const rg_patch patch = short_patch();
  std::vector<float> samples(length);
  REQUIRE(rg_render(patch, samples.data(), length) == RG_OK);
  const rg::Rack same = short_patch_of_the_library();
  rg::Tape tape(rg::tape_options(same));
  const rg::Var audio = rg::record(tape, same).audio;
  tape.play({audio});
  CHECK(std::memcmp(samples.data(), tape.value(audio).data, length * sizeof(float)) == 0);
  rg_patch_close(patch);
}

TEST_CASE("a gradient has the bits of the library's own") {
  const rg_patch patch = short_patch();
  const std::vector<float> target = a_target();
  const rg::Rack same = short_patch_of_the_library();
  for (const rg_loss loss : {RG_MEAN_SQUARED, RG_MULTI_RESOLUTION_STFT}) {
    double value = 0.0;
    std::vector<double> gradients(parameters);
    REQUIRE(rg_gradient(patch, loss, target.data(), length, &value, gradients.data(), parameters) == RG_OK);
    rg::Tape tape(rg::tape_options(same));
    const rg::RecordedRack recorded = rg::record(tape, same);
    const rg::Var wanted = tape.input("target", rg::Tensor(std::span(target)));
    const rg::Var expected = loss == RG_MEAN_SQUARED ? rg::mean_squared_loss(recorded.audio, wanted)
                                                     : rg::multi_resolution_stft_loss(recorded.audio, wanted);
    tape.play({expected});
    tape.rewind(expected);
    CHECK(value == tape.value(expected).item());
    for (std::size_t p = 0; p < parameters; ++p)
      CHECK(gradients[p] == tape.gradient(recorded.parameters[p]).item());
    double alone = 0.0;
    CHECK(rg_gradient(patch, loss, target.data(), length, &alone, nullptr, 0) == RG_OK);
    CHECK(alone == value);
  }
  rg_patch_close(patch);
}

TEST_CASE("rows of values sound as patches of those values, for any number of threads") {
  constexpr std::int64_t rows = 5;
  const rg_patch patch = short_patch();
  const std::vector<double> values = some_values(patch, rows);
  std::vector<float> expected;
  for (std::int64_t row = 0; row < rows; ++row) {
    const rg_patch other = short_patch();
    REQUIRE(rg_patch_set_values(other, values.data() + row * parameters, parameters) == RG_OK);
    std::vector<float> samples(length);
    REQUIRE(rg_render(other, samples.data(), length) == RG_OK);
    expected.insert(expected.end(), samples.begin(), samples.end());
    rg_patch_close(other);
  }
  for (const int threads : {1, 2, 0}) {
    const rg_tape tape = open_tape(patch, rows, RG_F32, threads);
    REQUIRE(rg_tape_set(tape, values.data(), rows * parameters) == RG_OK);
    std::vector<float> samples(rows * length);
    for (int again = 0; again < 2; ++again) {
      REQUIRE(rg_tape_play(tape, samples.data(), rows * length) == RG_OK);
      CHECK(samples == expected);
    }
    rg_tape_close(tape);
  }
  rg_patch_close(patch);
}

TEST_CASE("gradients of rows are those of their differences") {
  constexpr std::int64_t rows = 3;
  const rg_patch patch = short_patch();
  const rg_tape tape = open_tape(patch, rows, RG_F64);
  const std::vector<double> values = some_values(patch, rows);
  std::vector<float> targets;
  for (std::int64_t row = 0; row < rows; ++row)
    for (const float sample : a_target()) targets.push_back(sample * static_cast<float>(row + 1));
  const auto losses_at = [&](const std::vector<double>& at, std::vector<double>* gradients) {
    REQUIRE(rg_tape_set(tape, at.data(), rows * parameters) == RG_OK);
    std::vector<double> losses(rows);
    REQUIRE(rg_tape_loss(tape, RG_MEAN_SQUARED, targets.data(), rows * length, losses.data(), rows,
                         gradients != nullptr ? gradients->data() : nullptr, rows * parameters) == RG_OK);
    return losses;
  };
  std::vector<double> gradients(rows * parameters);
  losses_at(values, &gradients);
  for (std::size_t p = 0; p < parameters; ++p)
    for (std::size_t row = 0; row < rows; ++row) {
      const std::size_t i = row * parameters + p;
      const double step = 1e-6 * std::max(1e-3, std::abs(values[i]));
      std::vector<double> above = values, below = values;
      above[i] += step;
      below[i] -= step;
      const double slope = (losses_at(above, nullptr)[row] - losses_at(below, nullptr)[row]) / (2.0 * step);
      INFO("parameter ", p, " of row ", row);
      CHECK(gradients[i] == doctest::Approx(slope).epsilon(2e-4).scale(1e-3));
    }
  rg_tape_close(tape);
  rg_patch_close(patch);
}

TEST_CASE("a loss of the host's own goes back through its seeds") {
  // The mean squared error by hand: its slope along a sample is 2 (y - target) / length.
  const rg_patch patch = short_patch();
  const rg_tape tape = open_tape(patch, 1);
  const std::vector<float> target = a_target();
  double loss = 0.0;
  std::vector<double> expected(parameters), gradients(parameters);
  REQUIRE(rg_tape_loss(tape, RG_MEAN_SQUARED, target.data(), length, &loss, 1, expected.data(), parameters) ==
          RG_OK);
  std::vector<float> samples(length), seeds(length);
  REQUIRE(rg_tape_play(tape, samples.data(), length) == RG_OK);
  for (std::size_t n = 0; n < length; ++n)
    seeds[n] = 2.0f * (samples[n] - target[n]) / static_cast<float>(length);
  REQUIRE(rg_tape_rewind(tape, seeds.data(), length, gradients.data(), parameters) == RG_OK);
  for (std::size_t p = 0; p < parameters; ++p)
    CHECK(gradients[p] == doctest::Approx(expected[p]).epsilon(1e-3).scale(1e-3));
  rg_tape_close(tape);
  rg_patch_close(patch);
}

TEST_CASE("targets and losses may change from call to call") {
  constexpr std::int64_t rows = 2;
  const rg_patch patch = short_patch();
  const rg_tape tape = open_tape(patch, rows);
  const std::vector<float> target = a_target(), silence(length, 0.0f);
  std::vector<float> both = target;
  both.insert(both.end(), silence.begin(), silence.end());
  double shared[2], of_silence[2], each[2], again[2], spectral[2];
  const auto loss = [&](rg_loss kind, const std::vector<float>& against, double* losses) {
    CHECK(rg_tape_loss(tape, kind, against.data(), static_cast<std::int64_t>(against.size()), losses, rows,
                       nullptr, 0) == RG_OK);
  };
  loss(RG_MEAN_SQUARED, target, shared);
  loss(RG_MEAN_SQUARED, silence, of_silence);
  loss(RG_MEAN_SQUARED, both, each);
  loss(RG_MULTI_RESOLUTION_STFT, target, spectral);
  loss(RG_MEAN_SQUARED, target, again);
  CHECK(shared[0] == shared[1]);
  CHECK(each[0] == shared[0]);
  CHECK(each[1] == of_silence[1]);
  CHECK(of_silence[0] != shared[0]);
  CHECK(spectral[0] > shared[0]);
  CHECK(again[0] == shared[0]);
  rg_tape_close(tape);
  rg_patch_close(patch);
}

TEST_CASE("a sound of one sample is rendered, and has a gradient") {
  const rg_patch patch = short_patch();
  REQUIRE(rg_patch_set_duration(patch, 1.0 / 44100.0) == RG_OK);
  float sample = 9.0f;
  CHECK(rg_render(patch, &sample, 1) == RG_OK);
  CHECK(std::abs(sample) <= 1.0f);
  const float target = 0.5f;
  double value = 0.0, gradients[parameters];
  CHECK(rg_gradient(patch, RG_MEAN_SQUARED, &target, 1, &value, gradients, parameters) == RG_OK);
  CHECK(value == doctest::Approx((sample - 0.5) * (sample - 0.5)));
  rg_patch_close(patch);
}

TEST_CASE(
    "a tape's parameters are saved to a file and loaded from it, and one that does not fit changes nothing") {
  const Scratch place;
  const std::string path = (place / "rows.safetensors").string();
  const rg_patch patch = short_patch();
  const rg_tape one = open_tape(patch, 2), other = open_tape(patch, 2), single = open_tape(patch, 1);
  std::vector<double> values(2 * parameters), loaded(2 * parameters), alone(parameters);
  REQUIRE(rg_tape_get(one, values.data(), 2 * parameters) == RG_OK);
  for (double& value : values) value *= 0.75;
  REQUIRE(rg_tape_set(one, values.data(), 2 * parameters) == RG_OK);
  REQUIRE(rg_tape_save_parameters(one, path.c_str()) == RG_OK);
  REQUIRE(rg_tape_load_parameters(other, path.c_str()) == RG_OK);
  REQUIRE(rg_tape_get(other, loaded.data(), 2 * parameters) == RG_OK);
  CHECK(loaded == values);
  const rg::TensorFile file = rg::load_tensors(path);
  CHECK(file.tensors.size() == parameters);
  CHECK(file.tensors.at("note.frequency").shape() == rg::Shape{2, 1});
  CHECK(rg_tape_load_parameters(single, path.c_str()) == RG_BAD_FILE);
  CHECK(std::string(rg_last_error()).find("has the shape (2, 1), and on the tape (1)") != std::string::npos);
  CHECK(rg_tape_load_parameters(one, (place / "none").c_str()) == RG_BAD_FILE);
  CHECK(rg_tape_save_parameters(one, (place / "none" / "x").c_str()) == RG_BAD_FILE);
  CHECK(rg_tape_save_parameters(one, nullptr) == RG_BAD_ARGUMENT);
  CHECK(rg_tape_load_parameters(one, nullptr) == RG_BAD_ARGUMENT);
  CHECK(rg_tape_get(one, values.data(), 13) == RG_BAD_SHAPE);
  CHECK(rg_tape_get(one, nullptr, 2 * parameters) == RG_BAD_ARGUMENT);
  for (const rg_tape tape : {one, other, single}) rg_tape_close(tape);
  rg_patch_close(patch);
}

TEST_CASE("wrong counts are refused with the right ones") {
  const rg_patch patch = short_patch();
  const rg_tape tape = open_tape(patch, 2);
  std::vector<float> samples(3 * length);
  std::vector<double> values(100), losses(2);
  CHECK(rg_render(patch, samples.data(), 100) == RG_BAD_SHAPE);
  CHECK(std::string(rg_last_error()).find("4410") != std::string::npos);
  CHECK(rg_tape_play(tape, samples.data(), length) == RG_BAD_SHAPE);
  CHECK(rg_tape_set(tape, values.data(), 13) == RG_BAD_SHAPE);
  CHECK(rg_tape_play(tape, samples.data(), 2 * length) == RG_OK);
  CHECK(rg_tape_rewind(tape, samples.data(), length, values.data(), 26) == RG_BAD_SHAPE);
  CHECK(rg_tape_rewind(tape, samples.data(), 2 * length, values.data(), 25) == RG_BAD_SHAPE);
  CHECK(rg_tape_loss(tape, RG_MEAN_SQUARED, samples.data(), 3 * length, losses.data(), 2, nullptr, 0) ==
        RG_BAD_SHAPE);
  CHECK(rg_tape_loss(tape, RG_MEAN_SQUARED, samples.data(), length, losses.data(), 1, nullptr, 0) ==
        RG_BAD_SHAPE);
  CHECK(rg_tape_loss(tape, RG_MEAN_SQUARED, samples.data(), length, losses.data(), 2, values.data(), 13) ==
        RG_BAD_SHAPE);
  CHECK(rg_tape_loss(tape, 2, samples.data(), length, losses.data(), 2, nullptr, 0) == RG_BAD_ARGUMENT);
  CHECK(rg_gradient(patch, RG_MEAN_SQUARED, samples.data(), length, losses.data(), values.data(), 12) ==
        RG_BAD_SHAPE);
  CHECK(rg_gradient(patch, RG_MEAN_SQUARED, nullptr, length, losses.data(), values.data(), 13) ==
        RG_BAD_ARGUMENT);
  CHECK(rg_gradient(patch, RG_MEAN_SQUARED, samples.data(), length, nullptr, values.data(), 13) ==
        RG_BAD_ARGUMENT);
  CHECK(rg_render(patch, nullptr, length) == RG_BAD_ARGUMENT);
  CHECK(rg_tape_set(tape, nullptr, 26) == RG_BAD_ARGUMENT);
  CHECK(rg_tape_play(tape, nullptr, length) == RG_BAD_ARGUMENT);
  CHECK(rg_tape_rewind(tape, nullptr, length, nullptr, 26) == RG_BAD_ARGUMENT);
  rg_tape_close(tape);
  rg_patch_close(patch);
}

TEST_CASE("a gradient before a play, or after new values, is refused") {
  const rg_patch patch = short_patch();
  const rg_tape tape = open_tape(patch, 1);
  const std::vector<double> values = some_values(patch, 1);
  std::vector<float> samples(length, 1.0f);
  std::vector<double> gradients(parameters);
  const auto rewind = [&] {
    return rg_tape_rewind(tape, samples.data(), length, gradients.data(), parameters);
  };
  CHECK(rewind() == RG_BAD_CALL);
  CHECK(rg_tape_play(tape, samples.data(), length) == RG_OK);
  CHECK(rewind() == RG_OK);
  CHECK(rg_tape_set(tape, values.data(), parameters) == RG_OK);
  CHECK(rewind() == RG_BAD_CALL);
  rg_tape_close(tape);
  rg_patch_close(patch);
}

TEST_CASE("NaN and infinity are found where they come in") {
  constexpr float nan = std::numeric_limits<float>::quiet_NaN();
  const rg_patch patch = short_patch();
  const rg_tape tape = open_tape(patch, 1);
  std::vector<double> values = some_values(patch, 1), gradients(parameters);
  std::vector<float> samples(length), before(length);
  REQUIRE(rg_tape_play(tape, before.data(), length) == RG_OK);
  values[0] = 200.0;
  values[12] = nan;
  CHECK(rg_tape_set(tape, values.data(), parameters) == RG_BAD_VALUE);
  CHECK(std::string(rg_last_error()).find("fm.operator.1.envelope.release") != std::string::npos);
  REQUIRE(rg_tape_play(tape, samples.data(), length) == RG_OK);
  CHECK(samples == before);
  samples[17] = nan;
  CHECK(rg_tape_rewind(tape, samples.data(), length, gradients.data(), parameters) == RG_BAD_VALUE);
  CHECK(std::string(rg_last_error()).find("[17]") != std::string::npos);
  double loss = 0.0;
  CHECK(rg_tape_loss(tape, RG_MEAN_SQUARED, samples.data(), length, &loss, 1, nullptr, 0) == RG_BAD_VALUE);
  CHECK(rg_gradient(patch, RG_MEAN_SQUARED, samples.data(), length, &loss, nullptr, 0) == RG_BAD_VALUE);
  rg_tape_close(tape);
  rg_patch_close(patch);
}

TEST_CASE("what is computed and is not finite is a status that says which parameter is to blame") {
  const rg_patch patch = short_patch();
  int gain = -1;
  REQUIRE(rg_patch_parameter(patch, "fm.operator.0.gain", &gain) == RG_OK);
  REQUIRE(rg_patch_set(patch, gain, 1e300) == RG_OK);
  std::vector<float> samples(length);
  const std::vector<float> target = a_target();
  double loss = 0.0;
  std::vector<double> gradients(parameters);
  CHECK(rg_render(patch, samples.data(), length) == RG_NOT_FINITE);
  CHECK(std::string(rg_last_error()).find("fm.operator.0.gain, 1e+300") != std::string::npos);
  for (const rg_loss measure : {RG_MEAN_SQUARED, RG_MULTI_RESOLUTION_STFT}) {
    CHECK(rg_gradient(patch, measure, target.data(), length, &loss, gradients.data(), parameters) ==
          RG_NOT_FINITE);
    CHECK(std::string(rg_last_error()).find("the loss is ") == 0);
    CHECK(std::string(rg_last_error()).find("fm.operator.0.gain, 1e+300") != std::string::npos);
    CHECK_FALSE(std::isfinite(loss));
    CHECK(rg_gradient(patch, measure, target.data(), length, &loss, nullptr, 0) == RG_NOT_FINITE);
  }

  // Of two rows the second: the first one's numbers are there all the same.
  const rg_patch whole = short_patch();
  const rg_tape tape = open_tape(whole, 2);
  std::vector<double> values = some_values(whole, 2), losses(2), of_rows(2 * parameters);
  values[static_cast<std::size_t>(parameters + gain)] = 1e300;
  REQUIRE(rg_tape_set(tape, values.data(), 2 * parameters) == RG_OK);
  CHECK(rg_tape_loss(tape, RG_MEAN_SQUARED, target.data(), length, losses.data(), 2, of_rows.data(),
                     2 * parameters) == RG_NOT_FINITE);
  CHECK(std::string(rg_last_error()).find("of row 1") != std::string::npos);
  CHECK(std::isfinite(losses[0]));
  for (std::size_t p = 0; p < parameters; ++p) CHECK(std::isfinite(of_rows[p]));
  std::vector<float> both(2 * length);
  CHECK(rg_tape_play(tape, both.data(), 2 * length) == RG_NOT_FINITE);
  CHECK(std::isfinite(both[100]));
  rg_tape_close(tape);
  rg_patch_close(whole);
  rg_patch_close(patch);
}

TEST_CASE("options that cannot be are refused, null ones are the defaults") {
  const rg_patch patch = short_patch();
  rg_tape tape{};
  CHECK(rg_tape_open(patch, nullptr, nullptr) == RG_BAD_ARGUMENT);
  CHECK(rg_tape_options_init(nullptr, sizeof(rg_tape_options)) == RG_BAD_ARGUMENT);
  rg_tape_options options;
  CHECK(rg_tape_options_init(&options, 0) == RG_BAD_ARGUMENT);
  const auto refused = [&](auto change) {
    REQUIRE(rg_tape_options_init(&options, sizeof options) == RG_OK);
    change();
    CHECK(rg_tape_open(patch, &options, &tape) == RG_BAD_ARGUMENT);
    CHECK(tape.id == 0);
  };
  refused([&] { options.size = 0; });
  refused([&] { options.rows = 0; });
  refused([&] { options.rows = -5; });
  refused([&] { options.rows = std::int64_t{1} << 40; });
  refused([&] { options.type = 2; });
  refused([&] { options.threads = -1; });
  refused([&] { options.threads = 100000; });
  REQUIRE(rg_tape_open(patch, nullptr, &tape) == RG_OK);
  std::vector<float> samples(length);
  CHECK(rg_tape_play(tape, samples.data(), length) == RG_OK);
  rg_tape_close(tape);
  CHECK(rg_tape_play(tape, samples.data(), length) == RG_BAD_HANDLE);
  rg_patch_close(patch);
}

TEST_CASE("an older host's options are read as far as they go, a newer one's when they ask for nothing new") {
  const rg_patch patch = short_patch();
  rg_tape_options older;
  std::memset(&older, 0xFF, sizeof older);  // what lies behind the older struct is not looked at
  REQUIRE(rg_tape_options_init(&older, offsetof(rg_tape_options, type)) == RG_OK);
  CHECK(older.threads == -1);
  older.rows = 2;
  rg_tape tape{};
  REQUIRE(rg_tape_open(patch, &older, &tape) == RG_OK);
  std::vector<float> samples(2 * length);
  CHECK(rg_tape_play(tape, samples.data(), 2 * length) == RG_OK);
  rg_tape_close(tape);

  struct {
    rg_tape_options known;
    int unknown;
    int more;
  } newer;
  REQUIRE(rg_tape_options_init(&newer.known, sizeof newer) == RG_OK);
  CHECK(newer.unknown == 0);
  CHECK(rg_tape_open(patch, &newer.known, &tape) == RG_OK);
  rg_tape_close(tape);
  newer.unknown = 1;
  CHECK(rg_tape_open(patch, &newer.known, &tape) == RG_BAD_ARGUMENT);
  CHECK(std::string(rg_last_error()).find(RG_VERSION) != std::string::npos);
  rg_patch_close(patch);
}

TEST_CASE("a tape goes on when its patch was changed or closed") {
  const rg_patch patch = short_patch();
  const rg_tape tape = open_tape(patch, 1);
  std::vector<float> before(length), after(length);
  REQUIRE(rg_tape_play(tape, before.data(), length) == RG_OK);
  rg_patch_set(patch, 0, 1000.0);
  rg_patch_close(patch);
  REQUIRE(rg_tape_play(tape, after.data(), length) == RG_OK);
  CHECK(before == after);
  rg_tape_close(tape);
}
