// STFT magnitudes and the spectral loss against a direct transform written for any scalar: numbers for the
// values, dual numbers and central differences for the gradients.
#include <retrograd/math/functions.hpp>
#include <retrograd/math/simd.hpp>
#include <retrograd/spectrum/stft.hpp>
#include <retrograd/tensor/errors.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <random>
#include <vector>

using namespace retrograd;
using namespace retrograd::spectrum;

namespace {

using Dual = math::Dual<double>;

template <class Real = double>
std::vector<Real> noise(std::size_t size, unsigned seed, double amplitude = 1) {
  std::mt19937 generator(seed);
  std::normal_distribution<double> normal;
  std::vector<Real> values(size);
  for (Real& value : values) value = static_cast<Real>(amplitude * normal(generator));
  return values;
}

template <class Real>
std::int64_t length_of(const std::vector<Real>& samples) {
  return static_cast<std::int64_t>(samples.size());
}

// Frames by their definition: as many as reach the last sample.
std::size_t reference_frames(std::size_t window, std::size_t hop, std::size_t length) {
  std::size_t frames = 1;
  while ((frames - 1) * hop + window < length) ++frames;
  return frames;
}

// [bins][frames] by the definition, for double and Dual.
template <class T>
std::vector<T> reference_magnitude(const std::vector<T>& samples, std::size_t window, std::size_t hop) {
  using std::sqrt, math::sqrt;
  const std::size_t frames = reference_frames(window, hop, samples.size());
  std::vector<T> magnitudes;
  for (std::size_t bin = 0; bin <= window / 2; ++bin) {
    for (std::size_t frame = 0; frame < frames; ++frame) {
      T real(0.0), imaginary(0.0);
      for (std::size_t n = 0; n < window && frame * hop + n < samples.size(); ++n) {
        const double turn = 2 * std::numbers::pi / static_cast<double>(window);
        const double hann = 0.5 - 0.5 * std::cos(turn * static_cast<double>(n));
        const double angle = turn * static_cast<double>(bin * n % window);
        real += T(hann * std::cos(angle)) * samples[frame * hop + n];
        imaginary += T(-hann * std::sin(angle)) * samples[frame * hop + n];
      }
      const T power = real * real + imaginary * imaginary;
      magnitudes.push_back(power > T(0.0) ? sqrt(power) : T(0.0));
    }
  }
  return magnitudes;
}

double reference_loss(const std::vector<double>& samples, const std::vector<double>& target,
                      const SpectralLossOptions& options) {
  double loss = 0;
  for (std::size_t w = 0; w < options.windows.size(); ++w) {
    const int window = options.windows[w];
    const auto hop = static_cast<std::size_t>(std::max(1L, std::lround(options.hop_fraction * window)));
    auto x = reference_magnitude(samples, static_cast<std::size_t>(window), hop);
    auto y = reference_magnitude(target, static_cast<std::size_t>(window), hop);
    double half_sum = 0;  // of the window
    for (int n = 0; n < window; ++n)
      half_sum += 0.5 * (0.5 - 0.5 * std::cos(2 * std::numbers::pi * n / window));
    if (options.normalised)
      for (auto* magnitudes : {&x, &y})
        for (double& magnitude : *magnitudes) magnitude /= half_sum;
    const double epsilon = options.floors.empty() ? options.epsilon : options.floors[w];
    const double linear_weight =
        options.linear_weights.empty() ? options.linear_weight : options.linear_weights[w];
    double linear = 0, logarithm = 0;
    for (std::size_t i = 0; i < x.size(); ++i) {
      linear += std::abs(x[i] - y[i]);
      logarithm += std::abs(std::log(x[i] + epsilon) - std::log(y[i] + epsilon));
    }
    loss += (linear_weight * linear + options.log_weight * logarithm) / static_cast<double>(x.size());
  }
  return loss;
}

template <class Real>
std::vector<Real> magnitude(const Stft<Real>& stft, const std::vector<Real>& samples) {
  SpectrumWorkspace<Real> workspace;
  const auto frames = stft.shape().frames(length_of(samples));
  std::vector<Real> magnitudes(static_cast<std::size_t>(frames * stft.shape().bins()));
  stft.magnitude(samples.data(), length_of(samples), magnitudes.data(), workspace);
  return magnitudes;
}

template <class Real>
struct LossAndGradient {
  double loss;
  std::vector<Real> gradient;
};

template <class Real>
LossAndGradient<Real> loss_and_gradient(const SpectralLoss<Real>& loss, const std::vector<Real>& samples,
                                        const std::vector<Real>& target, double seed = 1) {
  SpectrumWorkspace<Real> workspace;
  TargetSpectra<Real> spectra;
  loss.prepare_target(target.data(), length_of(target), spectra, workspace);
  LossAndGradient<Real> result{0, std::vector<Real>(samples.size())};
  result.loss = loss.loss_and_adjoint(samples.data(), length_of(samples), spectra, seed,
                                      result.gradient.data(), workspace);
  CHECK(result.loss == loss.loss(samples.data(), length_of(samples), spectra, workspace));
  return result;
}

template <class Real>
bool all_finite(const std::vector<Real>& values) {
  return std::all_of(values.begin(), values.end(), [](Real value) { return std::isfinite(value); });
}

template <class Real>
bool all_zero(const std::vector<Real>& values) {
  return std::all_of(values.begin(), values.end(), [](Real value) { return value == 0; });
}

double largest(const std::vector<double>& values) {
  double result = 0;
  for (const double value : values) result = std::max(result, std::abs(value));
  return result;
}

struct Case {
  int window, hop;
  std::size_t length;
};

// Batches that are full, that are not, that end within a hop; hops that do not divide the window.
const std::vector<Case> cases = {
    {4, 1, 1},    {4, 1, 23},    {4, 2, 90},   {8, 2, 7},     {8, 3, 61},     {16, 4, 16},   {16, 4, 17},
    {16, 4, 151}, {32, 32, 600}, {32, 5, 200}, {64, 16, 303}, {64, 16, 1001}, {128, 32, 40}, {256, 64, 900},
};

template <class Check>
void at_every_level(Check check) {
  const math::SimdLevel before = math::simd_level();
  for (const math::SimdLevel level : {math::SimdLevel::plain, math::SimdLevel::v3, math::SimdLevel::v4})
    if (math::set_simd_level(level)) check(level);
  math::set_simd_level(before);
}

}  // namespace

TEST_CASE("frames reach the last sample and no further") {
  const StftShape shape{2048, 512};
  CHECK(shape.frames(1) == 1);
  CHECK(shape.frames(2048) == 1);
  CHECK(shape.frames(2049) == 2);
  CHECK(shape.frames(2560) == 2);
  CHECK(shape.frames(2561) == 3);
  CHECK(shape.frames(44100) == 84);
  for (const Case& c : cases)
    CHECK(StftShape{c.window, c.hop}.frames(static_cast<std::int64_t>(c.length)) ==
          static_cast<std::int64_t>(reference_frames(static_cast<std::size_t>(c.window),
                                                     static_cast<std::size_t>(c.hop), c.length)));
}

TEST_CASE_TEMPLATE("magnitudes are those of the direct transform", Real, float, double) {
  at_every_level([](math::SimdLevel level) {
    CAPTURE(math::name(level));
    for (const Case& c : cases) {
      CAPTURE(c.window);
      CAPTURE(c.hop);
      CAPTURE(c.length);
      const std::vector<Real> samples = noise<Real>(c.length, 1);
      const std::vector<double> exact(samples.begin(), samples.end());
      const auto expected =
          reference_magnitude(exact, static_cast<std::size_t>(c.window), static_cast<std::size_t>(c.hop));
      const auto found = magnitude(Stft<Real>({c.window, c.hop}), samples);
      REQUIRE(found.size() == expected.size());
      const double allowed = (sizeof(Real) == 4 ? 5e-7 : 1e-14) * std::sqrt(static_cast<double>(c.window));
      for (std::size_t i = 0; i < found.size(); ++i)
        REQUIRE(std::abs(static_cast<double>(found[i]) - expected[i]) < allowed);
    }
  });
}

TEST_CASE("the magnitude's adjoint and dual numbers agree: <v, J u> = <J' v, u>") {
  for (const Case& c : cases) {
    CAPTURE(c.window);
    CAPTURE(c.hop);
    CAPTURE(c.length);
    const auto samples = noise(c.length, 2), direction = noise(c.length, 3);
    std::vector<Dual> dual(c.length);
    for (std::size_t i = 0; i < c.length; ++i) dual[i] = Dual(samples[i], direction[i]);
    const auto tangent =
        reference_magnitude(dual, static_cast<std::size_t>(c.window), static_cast<std::size_t>(c.hop));
    const auto v = noise(tangent.size(), 4);
    double forward = 0, backward = 0, terms = 0;
    for (std::size_t i = 0; i < v.size(); ++i) {
      forward += v[i] * tangent[i].tangent;
      terms += std::abs(v[i] * tangent[i].tangent);
    }
    const Stft<double> stft({c.window, c.hop});
    SpectrumWorkspace<double> workspace;
    std::vector<double> adjoint(c.length, 0.25);
    stft.magnitude_adjoint(samples.data(), length_of(samples), v.data(), adjoint.data(), workspace);
    for (std::size_t i = 0; i < c.length; ++i) {
      backward += (adjoint[i] - 0.25) * direction[i];  // it adds to what was there
      terms += std::abs(adjoint[i] * direction[i]);
    }
    CHECK(std::abs(forward - backward) < 1e-12 * terms + 1e-300);
  }
}

TEST_CASE("the loss is the formula's, with any weights, hop, epsilon, floors and normalised or not") {
  std::vector<SpectralLossOptions> variants(7);
  variants[4] = {.windows = {256, 16}, .epsilon = 1e-3, .normalised = true};
  variants[5] = {.windows = {64, 8}, .floors = {1e-2, 0.3}};
  variants[6] = {.windows = {128, 4}, .normalised = true, .floors = {1e-3, 1e-2}, .linear_weights = {30, 0}};
  variants[0].windows = {256, 64, 16};
  variants[1] = {
      .windows = {64, 4}, .hop_fraction = 0.5, .log_weight = 0.3, .linear_weight = 2, .epsilon = 1e-3};
  variants[2] = {.windows = {32}, .hop_fraction = 1, .log_weight = 0, .linear_weight = 1, .epsilon = 1e-8};
  variants[3] = {.windows = {128}, .hop_fraction = 0.1, .log_weight = 1, .linear_weight = 0, .epsilon = 1};
  for (const SpectralLossOptions& options : variants) {
    for (const std::size_t length : {std::size_t{1}, std::size_t{31}, std::size_t{700}}) {
      const auto samples = noise(length, 5), target = noise(length, 6, 0.3);
      const double expected = reference_loss(samples, target, options);
      CHECK(loss_and_gradient(SpectralLoss<double>(options), samples, target).loss ==
            doctest::Approx(expected).epsilon(1e-11));
      const std::vector<float> samples_single(samples.begin(), samples.end()),
          target_single(target.begin(), target.end());
      CHECK(loss_and_gradient(SpectralLoss<float>(options), samples_single, target_single).loss ==
            doctest::Approx(expected).epsilon(1e-5));
    }
  }
}

TEST_CASE("a sine has the same normalised magnitude in windows of every size") {
  std::vector<double> sine(8192);
  for (std::size_t n = 0; n < sine.size(); ++n)
    sine[n] = 0.25 * std::sin(std::numbers::pi / 2 *
                              static_cast<double>(n));  // in the middle of every window's bins
  for (const int window : SpectralLossOptions{}.windows) {
    const auto magnitudes = magnitude(Stft<double>({window, window / 4}), sine);
    CHECK(largest(magnitudes) / SpectralLossOptions{.normalised = true}.scale(window) ==
          doctest::Approx(0.25).epsilon(1e-9));
  }
}

TEST_CASE_TEMPLATE("under the floor a bin's slope is no steeper than one over the floor", Real, float,
                   double) {
  // One window, one frame, one bin that matters: of a sine 60 dB under its floor against silence, the loss is close to
  // linear in the amplitude, and far above the floor it goes with its logarithm.
  constexpr int window = 64;
  const SpectralLoss<Real> loss(
      {.windows = {window}, .linear_weight = 0, .normalised = true, .floors = {0.1}});
  const std::vector<Real> silence(window);
  const auto slope_at = [&](double amplitude) {
    std::vector<Real> sine(window);
    for (int n = 0; n < window; ++n)
      sine[static_cast<std::size_t>(n)] = static_cast<Real>(amplitude * std::sin(std::numbers::pi / 4 * n));
    const auto result = loss_and_gradient(loss, sine, silence);
    double along = 0;  // per amplitude
    for (std::size_t n = 0; n < sine.size(); ++n)
      along +=
          static_cast<double>(result.gradient[n]) * std::sin(std::numbers::pi / 4 * static_cast<double>(n));
    return along * (window / 2 + 1);
  };
  // The bin of the sine has its amplitude, and the two beside it half of that.
  CHECK(slope_at(1e-4) == doctest::Approx(2 / 0.1).epsilon(2e-3));
  CHECK(slope_at(1e-7) == doctest::Approx(2 / 0.1).epsilon(2e-3));
  CHECK(slope_at(1e3) == doctest::Approx(3 / 1e3).epsilon(2e-2));
}

TEST_CASE("the loss's gradients, with respect to samples and target, are the central differences") {
  SpectralLossOptions options;
  options.windows = {64, 32, 8};
  SUBCASE("plain") {}
  SUBCASE("normalised, with floors") {
    options.normalised = true;
    options.floors = {1e-3, 1e-2, 0.1};
    options.linear_weights = {10.0, 1.0, 0.5};
  }
  const SpectralLoss<double> loss(options);
  for (const std::size_t length : {std::size_t{1}, std::size_t{45}, std::size_t{150}}) {
    CAPTURE(length);
    std::vector<double> samples = noise(length, 7), target = noise(length, 8);
    const double seed = -1.5, step = 1e-6;
    const auto gradient = loss_and_gradient(loss, samples, target, seed).gradient;
    std::vector<double> target_gradient(length);
    SpectrumWorkspace<double> workspace;
    TargetSpectra<double> spectra;
    const double value = loss.loss_and_target_adjoint(samples.data(), target.data(), length_of(samples), seed,
                                                      target_gradient.data(), spectra, workspace);
    CHECK(value == doctest::Approx(reference_loss(samples, target, options)).epsilon(1e-11));
    const auto difference = [&](double& x) {
      const double before = x;
      x = before + step;
      const double above = reference_loss(samples, target, options);
      x = before - step;
      const double below = reference_loss(samples, target, options);
      x = before;
      return seed * (above - below) / (2 * step);
    };
    for (std::size_t i = 0; i < length; i += 1 + length / 20) {
      // The window's first sample is zero: sample 0 changes nothing.
      CHECK(std::abs(gradient[i] - difference(samples[i])) <= 1e-7 * largest(gradient));
      CHECK(std::abs(target_gradient[i] - difference(target[i])) <= 1e-7 * largest(target_gradient));
    }
  }
}

TEST_CASE_TEMPLATE("silence in samples, target or both gives a finite loss and finite gradients", Real, float,
                   double) {
  const SpectralLoss<Real> loss;
  const std::vector<Real> sound = noise<Real>(5000, 9), silence(5000);
  std::vector<Real> partly = sound;
  std::fill(partly.begin() + 1000, partly.end(), Real(0));

  const auto silent_samples = loss_and_gradient(loss, silence, sound);
  CHECK(std::isfinite(silent_samples.loss));
  CHECK(silent_samples.loss > 1);
  CHECK(all_zero(silent_samples.gradient));

  const auto silent_target = loss_and_gradient(loss, sound, silence);
  CHECK(silent_target.loss == doctest::Approx(silent_samples.loss).epsilon(1e-6));
  CHECK(all_finite(silent_target.gradient));
  CHECK(!all_zero(silent_target.gradient));

  const auto both = loss_and_gradient(loss, silence, silence);
  CHECK(both.loss == 0);
  CHECK(all_zero(both.gradient));

  CHECK(all_finite(loss_and_gradient(loss, partly, sound).gradient));
  CHECK(all_finite(loss_and_gradient(loss, sound, partly).gradient));
}

TEST_CASE_TEMPLATE("samples equal to the target have loss and gradient zero", Real, float, double) {
  const std::vector<Real> sound = noise<Real>(5001, 10);
  const auto result = loss_and_gradient(SpectralLoss<Real>(), sound, sound);
  CHECK(result.loss == 0);
  CHECK(all_zero(result.gradient));
}

TEST_CASE("magnitudes and gradients in single precision hold from 1e-28 to 1e35") {
  const Stft<float> stft({64, 16});
  SpectrumWorkspace<float> workspace;
  const std::vector<float> samples = noise<float>(333, 11);
  const std::vector<float> expected = magnitude(stft, samples);
  const std::vector<float> v = noise<float>(expected.size(), 12);
  std::vector<float> expected_adjoint(samples.size());
  stft.magnitude_adjoint(samples.data(), 333, v.data(), expected_adjoint.data(), workspace);
  for (const float scale : {0x1p-92f, 0x1p-60f, 0x1p60f, 0x1p115f}) {
    CAPTURE(scale);
    std::vector<float> scaled = samples;
    for (float& sample : scaled) sample *= scale;
    const std::vector<float> found = magnitude(stft, scaled);
    for (std::size_t i = 0; i < found.size(); ++i) REQUIRE(found[i] == expected[i] * scale);
    std::vector<float> adjoint(samples.size());
    stft.magnitude_adjoint(scaled.data(), 333, v.data(), adjoint.data(), workspace);
    if (scale > 0x1p-90f) CHECK(adjoint == expected_adjoint);
    CHECK(all_finite(adjoint));
  }
}

TEST_CASE_TEMPLATE("a NaN reaches the loss and the gradients of the frames that hold it, no others", Real,
                   float, double) {
  SpectralLossOptions options;
  options.windows = {64};
  const SpectralLoss<Real> loss(options);
  std::vector<Real> samples = noise<Real>(1000, 13);
  const std::vector<Real> target = noise<Real>(1000, 14);
  samples[500] = std::numeric_limits<Real>::quiet_NaN();
  SpectrumWorkspace<Real> workspace;
  TargetSpectra<Real> spectra;
  loss.prepare_target(target.data(), 1000, spectra, workspace);
  LossAndGradient<Real> result{0, std::vector<Real>(1000)};
  result.loss = loss.loss_and_adjoint(samples.data(), 1000, spectra, 1, result.gradient.data(), workspace);
  CHECK(std::isnan(result.loss));
  for (std::size_t i = 0; i < 1000; ++i) {
    if (i < 500 - 63 || i > 500 + 63) CHECK(std::isfinite(result.gradient[i]));
    if (i > 500 - 48 && i < 500 + 48) CHECK(std::isnan(result.gradient[i]));
  }
}

TEST_CASE("gradients in single precision are those in double") {
  const SpectralLoss<float> single;
  const SpectralLoss<double> exact;
  const std::vector<float> samples = noise<float>(6000, 15), target = noise<float>(6000, 16, 0.5);
  const auto found = loss_and_gradient(single, samples, target);
  const auto expected = loss_and_gradient(exact, std::vector<double>(samples.begin(), samples.end()),
                                          std::vector<double>(target.begin(), target.end()));
  CHECK(found.loss == doctest::Approx(expected.loss).epsilon(1e-6));
  double error = 0, size = 0;
  for (std::size_t i = 0; i < found.gradient.size(); ++i) {
    error += std::pow(static_cast<double>(found.gradient[i]) - expected.gradient[i], 2);
    size += std::pow(expected.gradient[i], 2);
  }
  CHECK(std::sqrt(error) < 1e-4 * std::sqrt(size));
}

TEST_CASE_TEMPLATE("levels with fused multiply-add give the same bits; a plain one is close", Real, float,
                   double) {
  const SpectralLoss<Real> loss;
  const std::vector<Real> samples = noise<Real>(7001, 17), target = noise<Real>(7001, 18);
  std::vector<LossAndGradient<Real>> fused;
  double plain = 0;
  at_every_level([&](math::SimdLevel level) {
    auto result = loss_and_gradient(loss, samples, target);
    if (level == math::SimdLevel::plain)
      plain = result.loss;
    else
      fused.push_back(std::move(result));
  });
  for (const LossAndGradient<Real>& result : fused) {
    CHECK(result.loss == fused.front().loss);
    CHECK(result.gradient == fused.front().gradient);
    CHECK(plain == doctest::Approx(result.loss).epsilon(sizeof(Real) == 4 ? 1e-6 : 1e-12));
  }
}

TEST_CASE("one workspace serves any number of shapes, and leaves no trace of the one before") {
  SpectrumWorkspace<double> workspace;
  const auto samples = noise(900, 19), other = noise(900, 20, 1e6);
  for (const Case& c : cases) {
    const Stft<double> stft({c.window, c.hop});
    const auto expected = magnitude(stft, samples);
    std::vector<double> found(expected.size()), ignored(expected.size());
    stft.magnitude(other.data(), 900, ignored.data(), workspace);
    stft.magnitude(samples.data(), 900, found.data(), workspace);
    CHECK(found == expected);
  }
}

TEST_CASE("bad shapes, options and lengths are refused with the value at fault") {
  CHECK_THROWS_WITH_AS(Stft<float>({1000, 250}),
                       "STFT window of 1000 samples: it must be a power of two from 4 to 65536", ShapeError);
  CHECK_THROWS_AS(Stft<float>({2, 1}), ShapeError);
  CHECK_THROWS_AS(Stft<float>({131072, 1}), ShapeError);
  CHECK_THROWS_AS(Stft<float>({64, 0}), ShapeError);
  CHECK_THROWS_WITH_AS(Stft<float>({64, 65}), "STFT hop of 65 samples: it must be from 1 to the window, 64",
                       ShapeError);
  const double nan = std::numeric_limits<double>::quiet_NaN();
  CHECK_THROWS_AS(SpectralLoss<float>({.windows = {}}), ShapeError);
  CHECK_THROWS_AS(SpectralLoss<float>({.windows = {100}}), ShapeError);
  for (const double fraction : {0.0, -1.0, 1.1, nan})
    CHECK_THROWS_AS(SpectralLoss<float>({.hop_fraction = fraction}), DomainError);
  for (const double epsilon : {0.0, -1e-5, 1e-60, nan})
    CHECK_THROWS_AS(SpectralLoss<float>({.epsilon = epsilon}), DomainError);
  for (const double floor : {0.0, -1e-5, 1e-60, nan})
    CHECK_THROWS_AS(SpectralLoss<float>({.windows = {64, 8}, .floors = {0.1, floor}}), DomainError);
  CHECK_THROWS_AS(SpectralLoss<float>({.windows = {64, 8}, .floors = {0.1}}), ShapeError);
  CHECK_THROWS_AS(SpectralLoss<float>({.windows = {64}, .linear_weights = {0.1, 1}}), ShapeError);
  CHECK_THROWS_AS(SpectralLoss<float>({.windows = {64}, .linear_weights = {-1}}), DomainError);
  for (const double weight : {-1.0, nan, std::numeric_limits<double>::infinity()}) {
    CHECK_THROWS_AS(SpectralLoss<float>({.log_weight = weight}), DomainError);
    CHECK_THROWS_AS(SpectralLoss<float>({.linear_weight = weight}), DomainError);
  }

  const SpectralLoss<float> loss;
  SpectrumWorkspace<float> workspace;
  TargetSpectra<float> spectra;
  const std::vector<float> samples(100);
  CHECK_THROWS_AS(loss.prepare_target(samples.data(), 0, spectra, workspace), ShapeError);
  CHECK_THROWS_AS(loss.loss(samples.data(), 100, spectra, workspace), LengthMismatchError);
  loss.prepare_target(samples.data(), 99, spectra, workspace);
  CHECK_THROWS_AS(loss.loss(samples.data(), 100, spectra, workspace), LengthMismatchError);
}
