// Fits through the C interface.
#include <doctest/doctest.h>
#include <retrograd/c.h>
#include <retrograd/fit/fit.hpp>
#include <retrograd/racks/rack_file.hpp>

#include <cmath>
#include <cstddef>
#include <limits>
#include <stdexcept>
#include <string>
#include <vector>

namespace rg = retrograd;

namespace {

constexpr double sample_rate = 44100.0;

/// A bell of one decaying partial.
std::vector<float> a_recording() {
  std::vector<float> samples(8820);
  for (std::size_t n = 0; n < samples.size(); ++n) {
    const double t = static_cast<double>(n) / sample_rate;
    samples[n] = static_cast<float>(0.5 * std::exp(-8.0 * t) * std::sin(2.0 * 3.141592653589793 * 330.0 * t));
  }
  return samples;
}

rg_fit_options quick_options() {
  rg_fit_options options;
  REQUIRE(rg_fit_options_init(&options, sizeof options) == RG_OK);
  options.steps = 10;
  options.restarts = 2;
  return options;
}

std::string text_of(rg_patch patch) {
  size_t size = 0;
  REQUIRE(rg_patch_text(patch, nullptr, 0, &size) == RG_OK);
  std::string text(size + 1, '\0');
  REQUIRE(rg_patch_text(patch, text.data(), text.size(), nullptr) == RG_OK);
  return text.substr(0, size);
}

rg_status fit(const std::vector<float>& recording, const rg_fit_options& options, rg_patch* fitted,
              rg_fit_result* result = nullptr, rg_patch initial = {}) {
  return rg_fit(recording.data(), static_cast<std::int64_t>(recording.size()), sample_rate, initial, &options,
                fitted, result);
}

}  // namespace

TEST_CASE("a fit is the library's own, for any number of threads") {
  const std::vector<float> recording = a_recording();
  rg_fit_options options = quick_options();
  options.seed = 7;
  rg::FitOptions same;
  same.steps = 10;
  same.restarts = 2;
  same.seed = 7;
  const rg::FitTarget target =
      rg::prepare_target(std::vector<double>(recording.begin(), recording.end()), sample_rate, sample_rate);
  const rg::FitResult expected = rg::fit(target, rg::default_rack_to_fit(), same);
  for (const int threads : {1, 2}) {
    options.threads = threads;
    rg_patch fitted{};
    rg_fit_result result;
    result.size = sizeof result;
    REQUIRE(fit(recording, options, &fitted, &result) == RG_OK);
    CHECK(text_of(fitted) == rg::format_rack(expected.rack));
    CHECK(result.loss_before == expected.loss_before);
    CHECK(result.loss_after == expected.loss_after);
    CHECK(result.loss_after < 0.8 * result.loss_before);
    CHECK(result.steps_done == 10);
    CHECK(result.frequency == doctest::Approx(330.0).epsilon(0.01));
    CHECK(result.confidence > 0.5);
    CHECK(result.gate_off > result.gate_on);
    rg_patch_close(fitted);
  }
}

TEST_CASE("a fit begins with the patch it is given, at the pitch and gate it is given") {
  rg_patch initial{}, fitted{};
  REQUIRE(rg_patch_default(&initial) == RG_OK);
  rg_fit_options options = quick_options();
  options.frequency = 331.0;
  options.gate_off = 0.1;
  options.steps = 0;
  options.restarts = 1;
  rg_fit_result result;
  result.size = sizeof result;
  REQUIRE(fit(a_recording(), options, &fitted, &result, initial) == RG_OK);
  rg_patch_info info;
  info.size = sizeof info;
  REQUIRE(rg_patch_get_info(fitted, &info) == RG_OK);
  CHECK(info.modules == 2);
  CHECK(result.frequency == 331.0);
  CHECK(result.confidence == 1.0);
  CHECK(result.gate_off == 0.1);
  double frequency = 0.0;
  rg_patch_get(fitted, 0, &frequency);
  CHECK(frequency == doctest::Approx(331.0));
  rg_patch_close(initial);
  rg_patch_close(fitted);
}

TEST_CASE("the floor of a fit's loss is the library's, and an older host's options do without it") {
  rg_fit_options options = quick_options();
  options.steps = 0;
  options.restarts = 1;
  const auto loss = [&] {
    rg_patch fitted{};
    rg_fit_result result;
    result.size = sizeof result;
    REQUIRE(fit(a_recording(), options, &fitted, &result) == RG_OK);
    rg_patch_close(fitted);
    return result.loss_before;
  };
  const double usual = loss();
  options.loss_floor = -100.0;
  CHECK(loss() > 1.2 * usual);
  options.size = offsetof(rg_fit_options, loss_floor);
  CHECK(loss() == usual);
}

TEST_CASE("what a fit is told to freeze keeps its value, and a pattern that names nothing is refused") {
  rg_patch initial{}, fitted{};
  REQUIRE(rg_patch_default(&initial) == RG_OK);
  rg_fit_options options = quick_options();
  CHECK(options.frozen == nullptr);
  CHECK(options.frozen_count == 0);
  const char* patterns[] = {"fm.operator.1.*", "fm.operator.0.ratio"};
  options.frozen = patterns;
  options.frozen_count = 2;
  REQUIRE(fit(a_recording(), options, &fitted, nullptr, initial) == RG_OK);
  std::vector<double> before(13), after(13);
  REQUIRE(rg_patch_get_values(initial, before.data(), 13) == RG_OK);
  REQUIRE(rg_patch_get_values(fitted, after.data(), 13) == RG_OK);
  CHECK(after[1] == before[1]);
  CHECK(after[2] != before[2]);
  for (std::size_t p = 7; p < 13; ++p) CHECK(after[p] == before[p]);
  rg_patch_close(fitted);
  patterns[1] = "filter.*";
  CHECK(fit(a_recording(), options, &fitted, nullptr, initial) == RG_BAD_VALUE);
  CHECK(std::string(rg_last_error()).find("filter.*") != std::string::npos);
  patterns[1] = nullptr;
  CHECK(fit(a_recording(), options, &fitted, nullptr, initial) == RG_BAD_ARGUMENT);
  options.frozen = nullptr;
  CHECK(fit(a_recording(), options, &fitted, nullptr, initial) == RG_BAD_ARGUMENT);
  rg_patch_close(initial);
}

TEST_CASE("a fit whose first loss is not finite is a status that says why") {
  rg_patch initial{}, fitted{};
  REQUIRE(rg_patch_default(&initial) == RG_OK);
  int gain = -1;
  REQUIRE(rg_patch_parameter(initial, "fm.operator.1.gain", &gain) == RG_OK);
  REQUIRE(rg_patch_set(initial, gain, 1e300) == RG_OK);
  CHECK(fit(a_recording(), quick_options(), &fitted, nullptr, initial) == RG_NOT_FINITE);
  CHECK(std::string(rg_last_error()).find("fm.operator.1.gain, 1e+300") != std::string::npos);
  CHECK(fitted.id == 0);
  rg_patch_close(initial);
}

TEST_CASE("a callback sees every step and may stop, close its patch, or throw") {
  struct Seen {
    std::vector<int> steps;
    std::vector<double> losses;
    int stop_at;
    rg_patch to_close;
  } seen{{}, {}, 3, {}};
  REQUIRE(rg_patch_default(&seen.to_close) == RG_OK);
  rg_fit_options options = quick_options();
  options.restarts = 1;
  options.context = &seen;
  options.progress = [](void* context, int step, int steps, double best_loss) {
    auto& told = *static_cast<Seen*>(context);
    CHECK(steps == 10);
    if (told.steps.empty()) CHECK(rg_patch_close(told.to_close) == RG_OK);
    told.steps.push_back(step);
    told.losses.push_back(best_loss);
    return step == told.stop_at ? 1 : 0;
  };
  rg_patch fitted{};
  rg_fit_result result;
  result.size = sizeof result;
  REQUIRE(fit(a_recording(), options, &fitted, &result, seen.to_close) == RG_OK);
  CHECK(seen.steps == std::vector<int>{0, 1, 2, 3});
  CHECK(result.steps_done == 3);
  CHECK(result.loss_after == seen.losses.back());
  for (std::size_t i = 1; i < seen.losses.size(); ++i) CHECK(seen.losses[i] <= seen.losses[i - 1]);
  rg_patch_close(fitted);

  options.progress = [](void*, int, int, double) -> int { throw std::runtime_error("from the callback"); };
  CHECK(fit(a_recording(), options, &fitted) == RG_INTERNAL);
  CHECK(std::string(rg_last_error()) == "from the callback");
  CHECK(fitted.id == 0);
}

TEST_CASE("a recording that cannot be fitted to is refused with the reason") {
  const rg_fit_options options = quick_options();
  rg_patch fitted{};
  std::vector<float> recording = a_recording();
  CHECK(fit(std::vector<float>(1000, 0.0f), options, &fitted) == RG_BAD_VALUE);
  recording[100] = std::numeric_limits<float>::quiet_NaN();
  CHECK(fit(recording, options, &fitted) == RG_BAD_VALUE);
  CHECK(fit(std::vector<float>(3, 0.5f), options, &fitted) == RG_BAD_VALUE);
  const float sample = 0.5f;
  CHECK(rg_fit(&sample, 0, sample_rate, {}, &options, &fitted, nullptr) == RG_BAD_SHAPE);
  CHECK(rg_fit(&sample, -1, sample_rate, {}, &options, &fitted, nullptr) == RG_BAD_SHAPE);
  CHECK(rg_fit(nullptr, 1, sample_rate, {}, &options, &fitted, nullptr) == RG_BAD_ARGUMENT);
  CHECK(rg_fit(&sample, 1, sample_rate, {}, &options, nullptr, nullptr) == RG_BAD_ARGUMENT);
  recording = a_recording();
  for (const double rate : {0.0, -1.0, std::numeric_limits<double>::quiet_NaN()})
    CHECK(rg_fit(recording.data(), 8820, rate, {}, &options, &fitted, nullptr) == RG_BAD_VALUE);
  CHECK(fit(recording, options, &fitted, nullptr, rg_patch{99}) == RG_BAD_HANDLE);
  CHECK(fitted.id == 0);
}

TEST_CASE("options of a fit that cannot be are refused") {
  const auto refused = [](rg_status expected, auto change) {
    rg_fit_options options = quick_options();
    change(options);
    rg_patch fitted{};
    CHECK(fit(a_recording(), options, &fitted) == expected);
  };
  refused(RG_BAD_ARGUMENT, [](auto& o) { o.size = 3; });
  refused(RG_BAD_ARGUMENT, [](auto& o) { o.steps = -1; });
  refused(RG_BAD_ARGUMENT, [](auto& o) { o.restarts = 0; });
  refused(RG_BAD_ARGUMENT, [](auto& o) { o.restarts = 1 << 30; });
  refused(RG_BAD_ARGUMENT, [](auto& o) { o.learning_rate = 0.0; });
  refused(RG_BAD_ARGUMENT, [](auto& o) { o.learning_rate = std::numeric_limits<double>::quiet_NaN(); });
  refused(RG_BAD_ARGUMENT, [](auto& o) { o.threads = -1; });
  refused(RG_BAD_ARGUMENT, [](auto& o) { o.loss_floor = 1.0; });
  refused(RG_BAD_ARGUMENT, [](auto& o) { o.loss_floor = std::numeric_limits<double>::quiet_NaN(); });
  refused(RG_BAD_VALUE, [](auto& o) { o.frequency = -1.0; });
  refused(RG_BAD_VALUE, [](auto& o) { o.frequency = 30000.0; });
  refused(RG_BAD_VALUE, [](auto& o) { o.gate_on = 0.1; });
  refused(RG_BAD_VALUE, [](auto& o) { o.gate_on = 5.0, o.gate_off = 6.0; });
  rg_fit_result result;
  result.size = 0;
  rg_patch fitted{};
  CHECK(fit(a_recording(), quick_options(), &fitted, &result) == RG_BAD_ARGUMENT);
}
