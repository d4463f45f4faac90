// The order of sums, written once more from its definition in the plainest way there is, and compared bit for
// bit.
#include <doctest/doctest.h>

#include <retrograd/nodes/arithmetic.hpp>
#include <retrograd/nodes/cumulative_sum.hpp>
#include <retrograd/nodes/sum_over_rows.hpp>
#include <retrograd/nodes/sum_over_time.hpp>

#include <array>
#include <bit>
#include <cmath>
#include <optional>
#include <random>
#include <span>
#include <vector>

using namespace retrograd;

namespace {

// What is absent takes no part.
template <class Real>
std::optional<Real> add(std::optional<Real> a, std::optional<Real> b) {
  if (!a) return b;
  if (!b) return a;
  return *a + *b;
}

// Up to 512 terms: 128 lanes from last to first, an xor tree inside each 32, four groups left to right.
template <class Real>
Real sum_of_tile(std::span<const Real> x) {
  std::optional<Real> lane[128];
  for (std::size_t w = 0; w < 128; ++w)
    for (const std::size_t n : {w + 384, w + 256, w + 128, w})
      if (n < x.size()) lane[w] = add(lane[w], std::optional(x[n]));
  std::optional<Real> sum;
  for (std::size_t group = 0; group < 128; group += 32) {
    for (const std::size_t distance : {16u, 8u, 4u, 2u, 1u}) {
      std::optional<Real> next[32];
      for (std::size_t l = 0; l < 32; ++l) next[l] = add(lane[group + l], lane[group + (l ^ distance)]);
      for (std::size_t l = 0; l < 32; ++l) lane[group + l] = next[l];
    }
    sum = add(sum, lane[group]);
  }
  return *sum;
}

template <class Real>
double sum_by_definition(std::span<const Real> x) {
  std::vector<double> tile_sums;
  for (std::size_t start = 0; start < x.size(); start += 512)
    tile_sums.push_back(
        static_cast<double>(sum_of_tile(x.subspan(start, std::min<std::size_t>(512, x.size() - start)))));
  if (tile_sums.size() == 1) return tile_sums[0];
  return sum_by_definition(std::span<const double>(tile_sums));
}

// y[n] = the sum of x from n to the end: within a tile of 512 from zero, by blocks of 16 from last to first,
// each by Kogge and Stone's scan; then what later tiles gave, in double.
template <class Real>
std::vector<Real> running_sum_by_definition(const std::vector<Real>& x) {
  std::vector<Real> y(x.size());
  double later_tiles = 0.0;
  for (std::size_t tile = (x.size() + 511) / 512; tile-- > 0;) {
    Real later_blocks = 0;
    for (std::size_t block = 32; block-- > 0;) {
      const std::size_t start = tile * 512 + block * 16;
      if (start >= x.size()) continue;
      std::array<Real, 16> s{};
      for (std::size_t l = 0; l < 16 && start + l < x.size(); ++l) s[l] = x[start + l];
      for (std::size_t distance = 1; distance < 16; distance *= 2) {
        const std::array<Real, 16> before = s;
        for (std::size_t l = 0; l + distance < 16; ++l) s[l] = before[l] + before[l + distance];
      }
      for (std::size_t l = 0; l < 16 && start + l < x.size(); ++l)
        y[start + l] = static_cast<Real>(later_tiles + static_cast<double>(s[l] + later_blocks));
      later_blocks = s[0] + later_blocks;
    }
    later_tiles += static_cast<double>(later_blocks);
  }
  return y;
}

// Terms of very different sizes, so that every other order of adding gives other bits.
template <class Real>
std::vector<Real> random_terms(std::mt19937& random, std::size_t count) {
  std::normal_distribution<double> normal;
  std::vector<Real> x(count);
  for (Real& term : x) term = static_cast<Real>(normal(random) * std::exp(2.0 * normal(random)));
  return x;
}

template <class Real>
double played_sum(const std::vector<Real>& x, int tile) {
  Tape tape({.type = element_type_of<Real>, .tile = tile});
  const Var y = sum_over_time(tape.input("x", Tensor(std::span<const Real>(x))));
  tape.play({y});
  return tape.value(y).item();
}

bool same_bits(double a, double b) {
  return std::bit_cast<std::uint64_t>(a) == std::bit_cast<std::uint64_t>(b);
}

template <class Real>
void check_sums_over_time() {
  std::mt19937 random(7);
  for (int round = 0; round < 150; ++round) {
    const std::size_t count = 2 + random() % 1999;
    const std::vector<Real> x = random_terms<Real>(random, count);
    const double expected = sum_by_definition(std::span<const Real>(x));
    INFO(count << " samples");
    CHECK(same_bits(played_sum(x, std::array{0, 128, 256, 512, 1024}[random() % 5]), expected));
  }
  // More than 512 tiles, so that the tiles' sums fill a tile of their own.
  for (const std::size_t count : {512u * 512u, 512u * 512u + 1u, 300001u}) {
    const std::vector<Real> x = random_terms<Real>(random, count);
    const double expected = sum_by_definition(std::span<const Real>(x));
    for (const int tile : {128, 1024}) CHECK(same_bits(played_sum(x, tile), expected));
  }
}

template <class Real>
void check_running_sums() {
  std::mt19937 random(8);
  for (int round = 0; round < 100; ++round) {
    const std::size_t count = 2 + random() % 1999;
    const std::vector<Real> seed = random_terms<Real>(random, count);
    Tape tape({.type = element_type_of<Real>, .tile = std::array{0, 128, 256, 512, 1024}[random() % 5]});
    const Var x = tape.parameter("x", Tensor(Shape{static_cast<std::int64_t>(count)}));
    const Var y = cumulative_sum(x);
    tape.play({y});
    tape.rewind(y, Tensor(std::span<const Real>(seed)));
    const auto gradient = tape.gradient(x).as<Real>();
    const std::vector<Real> expected = running_sum_by_definition(seed);
    int wrong = 0;
    for (std::size_t n = 0; n < count; ++n) wrong += gradient[n] != expected[n];
    INFO(count << " samples");
    CHECK(wrong == 0);
  }
}

}  // namespace

TEST_CASE("a sum over time is added in the order that is defined, in f32 and f64, whatever the tile") {
  check_sums_over_time<float>();
  check_sums_over_time<double>();
}

TEST_CASE("the order of sums matters, or the tests above would prove nothing") {
  std::mt19937 random(9);
  int different = 0;
  for (int round = 0; round < 20; ++round) {
    const std::vector<float> x = random_terms<float>(random, 1500);
    float plain = 0;
    for (const float term : x) plain += term;
    different += static_cast<double>(plain) != sum_by_definition(std::span<const float>(x));
  }
  CHECK(different == 20);
}

TEST_CASE("rows are summed in the same order as samples") {
  std::mt19937 random(10);
  for (const std::int64_t rows : {1, 2, 7, 127, 128, 129, 511, 512, 513, 2000, 300000}) {
    const std::vector<double> x = random_terms<double>(random, static_cast<std::size_t>(rows));
    Tape tape;
    const Var values = tape.parameter("x", Tensor(std::span<const double>(x), Shape{rows, 1}));
    const Var y = sum(values);
    tape.play({y});
    INFO(rows << " rows");
    CHECK(same_bits(tape.value(y).item(), sum_by_definition(std::span<const double>(x))));
  }
}

TEST_CASE("the gradient of a number shared by rows is the rows' sum in the same order") {
  std::mt19937 random(11);
  for (const std::int64_t rows : {3, 130, 700}) {
    const std::vector<double> seed = random_terms<double>(random, static_cast<std::size_t>(rows));
    Tape tape;
    const Var x = tape.parameter("x", 1.0);
    Tensor ones(Shape{rows, 1});
    ones.fill(1.0);
    const Var y = x * tape.input("ones", ones);
    tape.play({y});
    tape.rewind(y, Tensor(std::span<const double>(seed), Shape{rows, 1}));
    CHECK(same_bits(tape.gradient(x).item(), sum_by_definition(std::span<const double>(seed))));
  }
}

TEST_CASE("the gradient of a number is the sum of its samples' terms in the same order") {
  std::mt19937 random(12);
  for (int round = 0; round < 40; ++round) {
    const std::size_t count = 2 + random() % 3000;
    const std::vector<float> seed = random_terms<float>(random, count);
    Tape tape({.tile = std::array{0, 128, 256, 512, 1024}[random() % 5]});
    const Var x = tape.parameter("x", 1.0);
    Tensor ones(Shape{static_cast<std::int64_t>(count)});
    ones.fill(1.0);
    const Var y = x * tape.input("ones", ones);
    tape.play({y});
    tape.rewind(y, Tensor(std::span<const float>(seed)));
    INFO(count << " samples");
    CHECK(same_bits(tape.gradient(x).item(), sum_by_definition(std::span<const float>(seed))));
  }
}

TEST_CASE("the gradient of a signal that rows share adds their samples in row order") {
  std::mt19937 random(14);
  constexpr std::int64_t rows = 7, length = 9001;
  const std::vector<float> seed = random_terms<float>(random, rows * length);
  Tensor ones(Shape{rows, 1});
  ones.fill(1.0);
  for (const int threads : {1, 3}) {
    ThreadPool pool(threads);
    Tape tape({.executor = &pool});
    const Var x = tape.parameter("x", Tensor(Shape{1, length})), y = x * tape.input("ones", ones);
    tape.play({y});
    tape.rewind(y, Tensor(std::span<const float>(seed), Shape{rows, length}));
    int wrong = 0;
    for (std::size_t n = 0; n < static_cast<std::size_t>(length); ++n) {
      float sum = seed[n];
      for (std::size_t row = 1; row < static_cast<std::size_t>(rows); ++row)
        sum += seed[row * static_cast<std::size_t>(length) + n];
      wrong += tape.gradient(x).as<float>()[n] != sum;
    }
    CHECK(wrong == 0);
  }
}

TEST_CASE("a backward running sum is added in the order that is defined, in f32 and f64, whatever the tile") {
  check_running_sums<float>();
  check_running_sums<double>();
}

TEST_CASE("a running sum is added sample by sample in double") {
  std::mt19937 random(13);
  const std::vector<float> x = random_terms<float>(random, 3001);
  for (const int tile : {128, 512}) {
    Tape tape({.tile = tile});
    const Var y = cumulative_sum(tape.input("x", Tensor(std::span<const float>(x))));
    tape.play({y});
    double running = 0.0;
    int wrong = 0;
    for (std::size_t n = 0; n < x.size(); ++n) {
      running += static_cast<double>(x[n]);
      wrong += tape.value(y).as<float>()[n] != static_cast<float>(running);
    }
    CHECK(wrong == 0);
  }
}
