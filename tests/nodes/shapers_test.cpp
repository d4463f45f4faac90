// Curves that bend a signal: against plain loops in long double, and for the aliases that they leave out.
#include <doctest/doctest.h>

#include <retrograd/nodes/all.hpp>

#include <algorithm>
#include <cmath>
#include <complex>
#include <functional>
#include <numbers>
#include <random>
#include <string>
#include <vector>

using namespace retrograd;

namespace {

using Row = std::vector<double>;
using Exact = long double;

struct Curve {
  const char* name;
  Var (*shaper)(Var);
  Exact (*f)(Exact);
  Exact (*antiderivative)(Exact);
};

constexpr Exact half_pi = std::numbers::pi_v<Exact> / 2;
const Curve curves[] = {
    {"tanh", tanh_shaper, [](Exact x) { return std::tanh(x); },
     [](Exact x) { return std::abs(x) + std::log1p(std::exp(-2 * std::abs(x))); }},
    {"arctangent", arctangent_shaper, [](Exact x) { return std::atan(x * half_pi) / half_pi; },
     [](Exact x) {
       const Exact u = x * half_pi;
       return (u * std::atan(u) - std::log1p(u * u) / 2) / (half_pi * half_pi);
     }},
    {"fold", fold_shaper, [](Exact x) { return std::sin(x); }, [](Exact x) { return -std::cos(x); }},
    {"clip", clip_shaper, [](Exact x) { return std::clamp<Exact>(x, -1, 1); },
     [](Exact x) { return std::abs(x) < 1 ? x * x / 2 : std::abs(x) - Exact(0.5); }},
    {"cubic", cubic_shaper,
     [](Exact x) {
       const Exact c = std::clamp<Exact>(x, -1, 1);
       return (3 * c - c * c * c) / 2;
     },
     [](Exact x) { return std::abs(x) < 1 ? (6 * x * x - x * x * x * x) / 8 : std::abs(x) - Exact(3) / 8; }},
};

Row noise(std::size_t count, double size, unsigned seed) {
  std::mt19937 random(seed);
  std::uniform_real_distribution<double> draw(-size, size);
  Row row(count);
  for (double& x : row) x = draw(random);
  return row;
}
// From one sample to the next by steps of all sizes, down to none at all.
Row steps(std::size_t count, double size, unsigned seed) {
  std::mt19937 random(seed);
  std::uniform_real_distribution<double> draw(-1.0, 1.0), octave(-30.0, 0.0);
  Row row(count);
  double x = 0.3 * size;
  for (double& sample : row) {
    if (random() % 8 != 0) x += draw(random) * std::exp2(octave(random));
    if (std::abs(x) > size) x = draw(random) * size;
    sample = x;
  }
  return row;
}

struct Played {
  Row y, gx;
};
Played played(const Curve& curve, const Row& x, const TapeOptions& options) {
  Tape tape(options);
  const Var in = tape.parameter("x", Tensor(std::span<const double>(x))), y = curve.shaper(in);
  tape.play({y});
  Tensor seed(y.shape(), options.type);
  for (std::int64_t n = 0; n < seed.shape().elements(); ++n) {
    const double g = std::cos(0.7 * static_cast<double>(n));
    if (options.type == ElementType::f32)
      seed.as<float>()[static_cast<std::size_t>(n)] = static_cast<float>(g);
    else
      seed.as<double>()[static_cast<std::size_t>(n)] = g;
  }
  tape.rewind(y, seed);
  Played all;
  for (std::int64_t n = 0; n < y.shape().elements(); ++n) {
    all.y.push_back(tape.value(y).at(n));
    all.gx.push_back(tape.gradient(in).at(n));
  }
  return all;
}

// The mean of f between two samples; where the difference of F has few digits, by eight points of Simpson's rule twice over.
Exact mean(const Curve& curve, Exact a, Exact b) {
  if (std::abs(a - b) > Exact(1e-3)) return (curve.antiderivative(a) - curve.antiderivative(b)) / (a - b);
  Exact sum = curve.f(a) + curve.f(b);
  for (int i = 1; i < 16; ++i) sum += (i % 2 != 0 ? 4 : 2) * curve.f(b + (a - b) * i / 16);
  return sum / 48;
}
Row expected(const Curve& curve, const Row& x) {
  Row y;
  for (std::size_t n = 0; n < x.size(); ++n)
    y.push_back(static_cast<double>(mean(curve, Exact(x[n]), n == 0 ? Exact(0) : Exact(x[n - 1]))));
  return y;
}
double worst(const Row& a, const Row& b) {
  REQUIRE(a.size() == b.size());
  double most = 0.0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const double off = std::abs(a[i] - b[i]);
    most = off <= most ? most : off;
  }
  return most;
}

// The largest line of a spectrum up to 20 kHz beside those of the sine and its harmonics.
double largest_alias(const Row& y, int cycles) {
  const auto length = static_cast<int>(y.size());
  double largest = 0.0;
  for (int k = 1; k < length * 20 / 48; ++k) {
    if (k % cycles == 0) continue;
    std::complex<double> sum = 0.0;
    for (int n = 0; n < length; ++n)
      sum += y[static_cast<std::size_t>(n)] *
             std::polar(1.0, -2.0 * std::numbers::pi * std::fmod(static_cast<double>(k) * n / length, 1.0));
    largest = std::max(largest, 2.0 * std::abs(sum) / length);
  }
  return largest;
}

}  // namespace

TEST_CASE("a shaper is the mean of its curve from sample to sample, however far apart they are") {
  for (const Curve& curve : curves)
    for (const double size : {0.01, 1.5, 5.0, 40.0, 1000.0})
      for (const bool is_slow : {false, true}) {
        CAPTURE(std::string(curve.name));
        CAPTURE(size);
        CAPTURE(is_slow);
        Row x = is_slow ? steps(3000, size, 1) : noise(3000, size, 2);
        CHECK(worst(played(curve, x, {.type = ElementType::f64}).y, expected(curve, x)) <= 1e-13);
        for (double& sample : x) sample = static_cast<float>(sample);
        CHECK(worst(played(curve, x, {.type = ElementType::f32}).y, expected(curve, x)) <=
              1e-6 + 1e-7 * size);
      }
}

TEST_CASE("the gradient of a shaper in f32 is that in f64, with steps of all sizes") {
  for (const Curve& curve : curves)
    for (const double size : {0.01, 1.5, 5.0, 40.0})
      for (const bool is_slow : {false, true}) {
        CAPTURE(std::string(curve.name));
        CAPTURE(size);
        CAPTURE(is_slow);
        Row x = is_slow ? steps(3000, size, 3) : noise(3000, size, 4);
        for (double& sample : x) sample = static_cast<float>(sample);
        CHECK(worst(played(curve, x, {.type = ElementType::f32}).gx,
                    played(curve, x, {.type = ElementType::f64}).gx) <= 1e-5);
      }
}

TEST_CASE("silence stays silent, and a signal that stands still is the curve of it") {
  for (const Curve& curve : curves) {
    CAPTURE(std::string(curve.name));
    for (const double y : played(curve, Row(300, 0.0), {.type = ElementType::f32}).y) REQUIRE(y == 0.0);
    const Row y = played(curve, Row(300, 0.7), {.type = ElementType::f64}).y;
    CHECK(std::abs(y[1] - static_cast<double>(curve.f(0.7L))) <= 1e-15);
    CHECK(y[299] == y[1]);
    // And one that is far too loud is no worse than that.
    for (const double sample : played(curve, noise(300, 1e6, 1), {.type = ElementType::f32}).y)
      REQUIRE(std::abs(sample) <= 1.0 + 1e-5);
  }
}

TEST_CASE("tiles, threads and halves of a row change no bit of a shaper and its gradient") {
  for (const Curve& curve : curves)
    for (const ElementType type : {ElementType::f32, ElementType::f64}) {
      CAPTURE(std::string(curve.name));
      const Row x = steps(3001, 4.0, 5);
      const Played expected = played(curve, x, {.type = type});
      for (const int tile : {128, 256, 512, 1024}) {
        const Played other = played(curve, x, {.type = type, .tile = tile});
        CHECK(other.y == expected.y);
        CHECK(other.gx == expected.gx);
      }
      ThreadPool threads(3);
      CHECK(played(curve, x, {.type = type, .executor = &threads}).gx == expected.gx);
    }
}

TEST_CASE(
    "a sine of 5 kHz at a drive of 20 dB has aliases below 20 kHz that are 9 dB lower or more than those of "
    "the plain "
    "curve") {
  constexpr int length = 960, cycles = 100;  // 5 kHz at 48 kHz
  Row x(length);
  for (int n = 0; n < length; ++n)
    x[static_cast<std::size_t>(n)] =
        10.0 * std::sin(2.0 * std::numbers::pi * std::fmod(cycles * (n + 0.1) / length, 1.0));
  for (const Curve& curve : curves) {
    CAPTURE(std::string(curve.name));
    // The second time round, so that no silence is before it.
    Row twice = x, plain;
    twice.insert(twice.end(), x.begin(), x.end());
    const Row all = played(curve, twice, {.type = ElementType::f64}).y;
    for (const double sample : x) plain.push_back(static_cast<double>(curve.f(Exact(sample))));
    const double without = largest_alias(plain, cycles),
                 with = largest_alias(Row(all.begin() + length, all.end()), cycles);
    const double lower = 20.0 * std::log10(without / with);
    INFO(20.0 * std::log10(without) << " dB");
    CHECK(lower >= 9.0);
  }
}
