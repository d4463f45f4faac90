// The losses of a tape, against the sums that define them.
#include <doctest/doctest.h>
#include <retrograd/losses/losses.hpp>
#include <retrograd/spectrum/direct.hpp>

#include <cmath>
#include <random>
#include <vector>

using namespace retrograd;

namespace {

std::vector<double> noise(std::size_t count, unsigned seed) {
  std::mt19937 random(seed);
  std::uniform_real_distribution<double> uniform(-1.0, 1.0);
  std::vector<double> values(count);
  for (double& value : values) value = uniform(random);
  return values;
}

// The multi-resolution loss of one row by direct transforms.
double spectral_distance(const double* x, const double* y, std::int64_t length,
                         const SpectralLossOptions& options) {
  double loss = 0.0;
  for (const int window : options.windows) {
    const int hop = window / 4;
    const std::int64_t frames = length <= window ? 1 : (length - window + hop - 1) / hop + 1;
    double linear = 0.0, logarithm = 0.0;
    for (int bin = 0; bin <= window / 2; ++bin)
      for (std::int64_t frame = 0; frame < frames; ++frame) {
        const double a = spectrum::direct_magnitude(x, x, length, frame * hop, window, bin).value;
        const double b = spectrum::direct_magnitude(y, y, length, frame * hop, window, bin).value;
        linear += std::abs(a - b);
        logarithm += std::abs(std::log(a + options.epsilon) - std::log(b + options.epsilon));
      }
    const double count = static_cast<double>(window / 2 + 1) * static_cast<double>(frames);
    loss += options.linear_weight * linear / count + options.log_weight * logarithm / count;
  }
  return loss;
}

}  // namespace

TEST_CASE("each loss gives one value per row, and rows do not influence each other") {
  constexpr std::int64_t rows = 3, length = 700;
  const auto x = noise(rows * length, 1), y = noise(length, 2);
  Tape tape({.type = ElementType::f64});
  const Var a = tape.parameter("x", Tensor(x, Shape{rows, length}));
  const Var b = tape.input("y", Tensor(y, Shape{length}));
  SpectralLossOptions options;
  options.windows = {64, 256};
  const Var losses[] = {mean_squared_loss(a, b), l1_loss(a, b), multi_resolution_stft_loss(a, b, options)};
  tape.play(losses);
  for (std::int64_t row = 0; row < rows; ++row) {
    double squares = 0.0, absolutes = 0.0;
    for (std::int64_t n = 0; n < length; ++n) {
      const double d = x[static_cast<std::size_t>(row * length + n)] - y[static_cast<std::size_t>(n)];
      squares += d * d;
      absolutes += std::abs(d);
    }
    CHECK(tape.value(losses[0]).at(row) == doctest::Approx(squares / length).epsilon(1e-12));
    CHECK(tape.value(losses[1]).at(row) == doctest::Approx(absolutes / length).epsilon(1e-12));
    CHECK(tape.value(losses[2]).at(row) ==
          doctest::Approx(spectral_distance(x.data() + row * length, y.data(), length, options))
              .epsilon(1e-10));
  }
  for (const Var loss : losses) {
    CHECK(loss.shape() == Shape{rows, 1});
    Tensor seed(Shape{rows, 1});
    seed.as<double>()[1] = 1.0;  // only the second row's loss
    tape.rewind(loss, seed);
    for (std::int64_t n = 0; n < length; ++n) {
      CHECK(tape.gradient(a).at(n) == 0.0);
      CHECK(tape.gradient(a).at(2 * length + n) == 0.0);
    }
  }
}

TEST_CASE("silence in output, target or both gives finite values and gradients") {
  for (const ElementType type : {ElementType::f32, ElementType::f64})
    for (const int silent : {0, 1, 2}) {
      constexpr std::int64_t length = 3000;
      Tape tape({.type = type});
      const auto sound = noise(length, 3);
      const std::vector<double> silence(length, 0.0);
      const Var y = tape.parameter("y", Tensor(std::span<const double>(silent != 1 ? silence : sound)));
      const Var target =
          tape.parameter("target", Tensor(std::span<const double>(silent != 0 ? silence : sound)));
      for (const Var loss :
           {mean_squared_loss(y, target), l1_loss(y, target), multi_resolution_stft_loss(y, target)}) {
        tape.play({loss});
        tape.rewind(loss);
        CHECK(std::isfinite(tape.value(loss).item()));
        for (const Var var : {y, target})
          for (std::int64_t n = 0; n < length; ++n) REQUIRE(std::isfinite(tape.gradient(var).at(n)));
        if (silent == 2) CHECK(tape.value(loss).item() == 0.0);
      }
    }
}

TEST_CASE("the target's spectra follow the target when it is set again") {
  constexpr std::int64_t length = 2048;
  Tape tape({.type = ElementType::f64});
  const Var y = tape.input("y", Tensor(noise(length, 4), Shape{length}));
  const Var target = tape.input("target", Tensor(noise(length, 5), Shape{length}));
  const Var loss = multi_resolution_stft_loss(y, target);
  tape.play({loss});
  const double before = tape.value(loss).item();
  tape.set(target, tape.value(y));
  tape.play({loss});
  CHECK(before > 0.1);
  CHECK(tape.value(loss).item() == 0.0);
}

TEST_CASE("signals of different lengths, and windows that are no power of two, are refused while recording") {
  Tape tape;
  const Var a = tape.input("a", Tensor(Shape{100})), b = tape.input("b", Tensor(Shape{101}));
  CHECK_THROWS_AS(multi_resolution_stft_loss(a, b), LengthMismatchError);
  CHECK_THROWS_AS(mean_squared_loss(a, b), ShapeError);
  SpectralLossOptions options;
  options.windows = {100};
  CHECK_THROWS_AS(multi_resolution_stft_loss(a, a, options), ShapeError);
}
