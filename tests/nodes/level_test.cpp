// What follows a level, and what takes bits and samples away: against loops in double, and on bad input.
#include <doctest/doctest.h>

#include <retrograd/nodes/all.hpp>
#include <retrograd/tensor/errors.hpp>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <random>
#include <string>
#include <vector>

using namespace retrograd;

namespace {

using Row = std::vector<double>;
constexpr double rate = 48000.0;

Row noise(std::size_t count, unsigned seed, double low = -1.0, double high = 1.0) {
  std::mt19937 random(seed);
  std::uniform_real_distribution<double> draw(low, high);
  Row row(count);
  for (double& x : row) x = static_cast<float>(draw(random));
  return row;
}
Row played(const std::vector<Row>& inputs, const std::function<Var(std::span<const Var>)>& record,
           ElementType type, int tile = 0) {
  TapeOptions options{.type = type, .sample_rate = rate};
  if (tile != 0) options.tile = tile;
  Tape tape(options);
  std::vector<Var> vars;
  for (const Row& x : inputs) {
    const std::string name = "x" + std::to_string(vars.size());
    vars.push_back(x.size() == 1 ? tape.input(name, Tensor(x[0]))
                                 : tape.input(name, Tensor(std::span<const double>(x))));
  }
  const Var y = record(vars);
  tape.play({y});
  Row row;
  for (std::int64_t n = 0; n < y.shape().elements(); ++n) row.push_back(tape.value(y).at(n));
  return row;
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

const auto following = [](std::span<const Var> x) { return follow(x[0], x[1], x[2]); };

Row followed(const Row& x, double attack, double release) {
  double s = 0.0;
  Row y;
  for (const double sample : x)
    y.push_back(s += -std::expm1(-1.0 / ((sample > s ? attack : release) * rate)) * (sample - s));
  return y;
}

}  // namespace

TEST_CASE("a follower is what a loop sample by sample computes, with any tiles") {
  for (const std::size_t length : {2u, 17u, 129u, 3000u}) {
    const Row x = noise(length, 1);
    for (const auto& [attack, release] :
         {std::pair(0.001, 0.02), std::pair(0.3, 5.0), std::pair(1e-5, 1e-6)}) {
      const Row expected = followed(x, attack, release);
      const std::vector<Row> in{x, {attack}, {release}};
      CHECK(worst(played(in, following, ElementType::f64), expected) <= 1e-14);
      const Row single = played(in, following, ElementType::f32);
      CHECK(worst(single, expected) <= 2e-6);
      for (const int tile : {128, 512}) CHECK(played(in, following, ElementType::f32, tile) == single);
    }
  }
}

TEST_CASE("after the attack 63.2 % of a step is there, after the release 36.8 %, within a sample") {
  const int attack = 480, release = 4800;  // 10 ms and 100 ms
  Row x(12000, 0.0);
  std::fill(x.begin(), x.begin() + 6000, 1.0);
  const Row y = played({x, {0.01}, {0.1}}, following, ElementType::f32);
  const double part = std::exp(-1.0);
  CHECK(std::abs(y[attack - 1] - (1.0 - part)) <= 1e-5);
  CHECK(std::abs(y[6000 + release - 1] / y[5999] - part) <= 1e-5);
}

TEST_CASE("a time of 0 is at once; silence becomes exactly 0, without denormals on the way") {
  const Row x = noise(500, 2);
  CHECK(played({x, {0.0}, {0.0}}, following, ElementType::f32) == x);
  Row burst = noise(20000, 3);
  std::fill(burst.begin() + 100, burst.end(), 0.0);
  const auto level = [](std::span<const Var> in) {
    return envelope_follower(in[0], in[1], in[2], Detection::peak);
  };
  const Row y = played({burst, {0.001}, {0.001}}, level, ElementType::f32);
  for (const double sample : y) REQUIRE((sample == 0.0 || sample >= 0x1p-100));
  CHECK(y.back() == 0.0);
}

TEST_CASE("peak and root mean square of a sine are its amplitude and that over the root of 2") {
  Row x(48000);
  for (std::size_t n = 0; n < x.size(); ++n) x[n] = 0.5 * std::sin(0.1309 * static_cast<double>(n));
  const auto level = [&](Detection detection, double attack, double release) {
    return played(
               {x, {attack}, {release}},
               [&](std::span<const Var> in) { return envelope_follower(in[0], in[1], in[2], detection); },
               ElementType::f32)
        .back();
  };
  CHECK(std::abs(level(Detection::peak, 0.0, 1.0) - 0.5) <= 1e-3);
  CHECK(std::abs(level(Detection::rms, 0.1, 0.1) - 0.5 / std::sqrt(2.0)) <= 1e-3);
}

TEST_CASE("noise at full scale with times that jump at random each sample stays within what came in") {
  const std::size_t length = 48000;
  const Row y = played({noise(length, 4), noise(length, 5, -0.01, 0.1), noise(length, 6, -0.01, 0.1)},
                       following, ElementType::f32);
  for (const double sample : y) REQUIRE(std::abs(sample) <= 1.0);
}

TEST_CASE("fewer bits: the nearest of 2^(bits - 1) levels; fewer samples: every fourth") {
  const Row x = noise(1000, 7);
  const auto crush = [](std::span<const Var> in) { return crushed(in[0], in[1], in[2]); };
  for (const ElementType type : {ElementType::f32, ElementType::f64}) {
    const Row y = played({x, {4.0}, {12000.0}}, crush, type);
    for (std::size_t n = 0; n < x.size(); ++n) REQUIRE(y[n] == std::nearbyint(x[n - n % 4] * 8.0) / 8.0);
    CHECK(played({x, {40.0}, {1e9}}, crush, type) == x);
    // 441 of 480 samples are looked at.
    const Row held = played(
        {x, {40.0}, {44100.0}}, [](std::span<const Var> in) { return hold(in[0], in[2]); }, type);
    int looks = 0;
    for (std::size_t n = 0; n < 960; ++n) looks += held[n] == x[n];
    CHECK(std::abs(looks - 882) <= 1);
  }
}

TEST_CASE(
    "the gradient goes straight through fewer bits and samples to the sound, and not to bits and rate") {
  Tape tape({.type = ElementType::f64, .sample_rate = rate});
  const Row in = noise(300, 8), seed = noise(300, 9);
  const Var x = tape.parameter("x", Tensor(std::span<const double>(in)));
  const Var bits = tape.parameter("bits", 5.0), looks = tape.parameter("rate", 9000.0);
  const Var y = crushed(x, bits, looks);
  tape.play({y});
  tape.rewind(y, Tensor(std::span<const double>(seed)));
  for (std::int64_t n = 0; n < 300; ++n) REQUIRE(tape.gradient(x).at(n) == seed[static_cast<std::size_t>(n)]);
  CHECK(tape.gradient(bits).at(0) == 0.0);
  CHECK(tape.gradient(looks).at(0) == 0.0);
}

TEST_CASE("a time, a number of bits and a rate that are none are told by name and value") {
  Tape tape({.type = ElementType::f32, .sample_rate = rate});
  const Var x = tape.input("x", Tensor(Shape{100})), one = tape.constant(1.0);
  const double not_a_number = std::numeric_limits<double>::quiet_NaN();
  for (const double time : {-0.1, std::numeric_limits<double>::infinity(), not_a_number}) {
    CHECK_THROWS_WITH_AS(follow(x, tape.constant(time), one), doctest::Contains("[smoothing] time is"),
                         DomainError);
    CHECK_THROWS_WITH_AS(envelope_follower(x, one, tape.constant(time)),
                         doctest::Contains("[smoothing] time is"), DomainError);
  }
  for (const double bits : {0.0, -1.0, not_a_number})
    CHECK_THROWS_WITH_AS(crushed(x, tape.constant(bits), one), doctest::Contains("[quantize] bits is"),
                         DomainError);
  for (const double looks : {0.0, -5.0, not_a_number})
    CHECK_THROWS_WITH_AS(hold(x, tape.constant(looks)), doctest::Contains("[hold] rate is"), DomainError);
  CHECK_THROWS_WITH(follow(x, tape.constant(-0.1), one),
                    "[smoothing] time is -0.1, but must be finite and at least 0");
}
