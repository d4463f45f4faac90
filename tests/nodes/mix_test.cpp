// The mix point: a sum over rows that keeps time, compared bit for bit with the order of sums written out once more.
#include <doctest/doctest.h>

#include <retrograd/nodes/all.hpp>
#include <retrograd/nodes/oscillator.hpp>
#include <retrograd/tensor/errors.hpp>

#include <bit>
#include <cmath>
#include <optional>
#include <random>
#include <span>
#include <vector>

using namespace retrograd;

namespace {

std::optional<double> add(std::optional<double> a, std::optional<double> b) {
  if (!a) return b;
  if (!b) return a;
  return *a + *b;
}

// DESIGN's order of sums over rows, of up to 512 terms and then of tiles of them.
double sum_by_definition(std::vector<double> x) {
  while (x.size() > 1) {
    std::vector<double> sums;
    for (std::size_t start = 0; start < x.size(); start += 512) {
      std::optional<double> lane[128], sum;
      for (std::size_t w = 0; w < 128; ++w)
        for (const std::size_t n : {w + 384, w + 256, w + 128, w})
          if (start + n < x.size()) lane[w] = add(lane[w], x[start + n]);
      for (std::size_t group = 0; group < 128; group += 32) {
        for (const std::size_t distance : {16u, 8u, 4u, 2u, 1u})
          for (std::size_t l = 0; l < distance; ++l)
            lane[group + l] = add(lane[group + l], lane[group + l + distance]);
        sum = add(sum, lane[group]);
      }
      sums.push_back(*sum);
    }
    x = sums;
  }
  return x[0] + 0.0;
}

// Terms of very different sizes, so that every other order of adding gives other bits.
template <class Real>
std::vector<Real> random_terms(std::mt19937& random, std::int64_t count) {
  std::normal_distribution<double> normal;
  std::vector<Real> x(static_cast<std::size_t>(count));
  for (Real& term : x) term = static_cast<Real>(normal(random) * std::exp(2.0 * normal(random)));
  return x;
}

template <class Real>
std::vector<Real> values_of(const TensorView& view) {
  const auto* values = static_cast<const Real*>(view.data);
  return {values, values + view.shape.elements()};
}

// Of elements `row(i) * length + n` for i below `count`.
template <class Real, class Row>
Real wanted(const std::vector<Real>& x, std::int64_t count, std::int64_t length, std::int64_t n,
            const Row& row) {
  std::vector<double> terms;
  for (std::int64_t i = 0; i < count; ++i)
    terms.push_back(static_cast<double>(x[static_cast<std::size_t>(row(i) * length + n)]));
  return static_cast<Real>(sum_by_definition(terms));
}

template <class Real>
void check_rows(std::int64_t rows, std::int64_t length, int threads) {
  std::mt19937 random(static_cast<unsigned>(rows));
  const std::vector<Real> x = random_terms<Real>(random, rows * length);
  ThreadPool pool(threads);
  Tape tape({.type = element_type_of<Real>, .executor = &pool});
  const Var y = mix(tape.input("x", Tensor(std::span<const Real>(x), Shape{rows, length})));
  REQUIRE(y.shape() == Shape{length});
  tape.play({y});
  const std::vector<Real> sums = values_of<Real>(tape.value(y));
  int wrong = 0;
  for (std::int64_t n = 0; n < length; ++n) {
    const Real sum = wanted(x, rows, length, n, [](std::int64_t row) { return row; });
    wrong += std::memcmp(&sums[static_cast<std::size_t>(n)], &sum, sizeof(Real)) == 0 ? 0 : 1;
  }
  INFO(rows << " rows, " << threads << " threads");
  CHECK(wrong == 0);
}

}  // namespace

TEST_CASE("a mix adds its rows in the order of sums over rows, in double, and rounds once") {
  for (const std::int64_t rows :
       {1, 2, 3, 5, 7, 16, 17, 31, 32, 33, 64, 100, 127, 128, 129, 300, 511, 512, 513, 1100}) {
    check_rows<float>(rows, 37, 1);
    check_rows<double>(rows, 19, 2);
  }
  check_rows<float>(16, 5003, 1);
  check_rows<float>(16, 5003, 3);
  check_rows<float>(300000, 2, 1);
}

TEST_CASE("the order of rows matters, or the test above would prove nothing") {
  std::mt19937 random(3);
  int different = 0;
  for (int round = 0; round < 20; ++round) {
    const std::vector<double> x = random_terms<double>(random, 16);
    double plain = 0.0;
    for (const double term : x) plain += term;
    different += plain != sum_by_definition(x);
  }
  CHECK(different > 10);
}

TEST_CASE("a mix along one axis adds what differs along it alone, and that axis stays with one element") {
  std::mt19937 random(4);
  constexpr std::int64_t a = 3, b = 6, c = 2, length = 50;
  const std::vector<float> x = random_terms<float>(random, a * b * c * length);
  Tape tape;
  const Var input = tape.input("x", Tensor(std::span<const float>(x), Shape{a, b, c, length}));
  const Var middle = mix(input, 1), first = mix(input, -4), all = mix(input);
  CHECK(middle.shape() == Shape{a, 1, c, length});
  CHECK(first.shape() == Shape{1, b, c, length});
  CHECK(all.shape() == Shape{length});
  tape.play({middle, first, all});
  const auto of_middle = values_of<float>(tape.value(middle)), of_first = values_of<float>(tape.value(first)),
             of_all = values_of<float>(tape.value(all));
  int wrong = 0;
  for (std::int64_t n = 0; n < length; ++n) {
    for (std::int64_t i = 0; i < a; ++i)
      for (std::int64_t k = 0; k < c; ++k)
        wrong += of_middle[static_cast<std::size_t>((i * c + k) * length + n)] !=
                 wanted(x, b, length, n, [&](std::int64_t j) { return (i * b + j) * c + k; });
    for (std::int64_t j = 0; j < b * c; ++j)
      wrong += of_first[static_cast<std::size_t>(j * length + n)] !=
               wanted(x, a, length, n, [&](std::int64_t i) { return i * b * c + j; });
    wrong += of_all[static_cast<std::size_t>(n)] !=
             wanted(x, a * b * c, length, n, [](std::int64_t i) { return i; });
  }
  CHECK(wrong == 0);
}

TEST_CASE("numbers are mixed as signals are") {
  std::mt19937 random(5);
  const std::vector<double> x = random_terms<double>(random, 40 * 3);
  Tape tape;
  const Var numbers = tape.parameter("x", Tensor(std::span<const double>(x), Shape{40, 3, 1}));
  const Var all = mix(numbers), rows = mix(numbers, 0);
  CHECK(all.shape() == Shape{1});
  CHECK(rows.shape() == Shape{1, 3, 1});
  tape.play({all, rows});
  CHECK(tape.value(all).item() == sum_by_definition(x));
  for (std::int64_t k = 0; k < 3; ++k)
    CHECK(tape.value(rows).at(k) == wanted(x, 40, 1, 0, [&](std::int64_t i) { return i * 3 + k; }));
}

TEST_CASE("rows that are all zeros, of any sign, change no bit of a mix, and a mix is never -0") {
  std::mt19937 random(6);
  constexpr std::int64_t rows = 16, length = 40;
  const auto mixed = [&](const std::vector<float>& x, std::int64_t of) {
    Tape tape;
    const Var y = mix(tape.input("x", Tensor(std::span<const float>(x), Shape{of, length})));
    tape.play({y});
    return values_of<float>(tape.value(y));
  };
  std::vector<float> sounding = random_terms<float>(random, length), x(rows * length, 0.0f);
  sounding[3] = 0.0f;
  sounding[5] = -0.0f;
  for (std::size_t n = 0; n < 5 * length; ++n) x[n] = -0.0f;
  std::copy(sounding.begin(), sounding.end(), x.begin() + 9 * length);
  const std::vector<float> of_many = mixed(x, rows), of_one = mixed(sounding, 1);
  CHECK(std::memcmp(of_many.data(), of_one.data(), length * sizeof(float)) == 0);
  CHECK(!std::signbit(of_one[5]));
  CHECK(!std::signbit(mixed(std::vector<float>(rows * length, -0.0f), rows)[0]));
}

TEST_CASE("what a mix feeds runs once, and every row's gradient is the mix's") {
  constexpr std::int64_t rows = 5, length = 9001;
  for (const int threads : {1, 3}) {
    ThreadPool pool(threads);
    Tape tape({.sample_rate = 44100.0, .length = length, .executor = &pool});
    Tensor pitches(Shape{rows, 1});
    for (std::int64_t row = 0; row < rows; ++row)
      pitches.as<double>()[static_cast<std::size_t>(row)] = 200.0 + 31.0 * static_cast<double>(row);
    const Var pitch = tape.parameter("pitch", pitches), gain = tape.parameter("gain", 0.7);
    const Var vibrato = tape.parameter("vibrato", Tensor(Shape{length}));
    const Var voices = sinusoid(pitch, vibrato) * 0.2;
    const Var bus = tanh(mix(voices) * gain);
    // The same by what there was before: the rows one by one.
    Var sum;
    std::vector<Var> of_rows;
    for (std::int64_t row = 0; row < rows; ++row)
      of_rows.push_back(reshape(slice(voices, 0, row, row + 1), {length}));
    sum = (((of_rows[0] + of_rows[4]) + of_rows[2]) + (of_rows[1] + of_rows[3]));
    const Var other = tanh(sum * gain);
    const auto gradients = [&](Var loss) {
      tape.rewind(loss);
      return std::vector{Tensor(tape.gradient(pitch)), Tensor(tape.gradient(gain)),
                         Tensor(tape.gradient(vibrato))};
    };
    const Var loss = mean(square(bus)), other_loss = mean(square(other));
    tape.play({loss, other_loss, bus, other});
    CHECK(bus.shape() == Shape{length});
    CHECK(tape.value(bus).at(4711) == doctest::Approx(tape.value(other).at(4711)).epsilon(1e-5));
    const auto a = gradients(loss), b = gradients(other_loss);
    for (std::size_t i = 0; i < a.size(); ++i) {
      double most = 0.0, error = 0.0;
      for (std::int64_t e = 0; e < a[i].shape().elements(); ++e) {
        most = std::max(most, std::abs(b[i].view().at(e)));
        error = std::max(error, std::abs(a[i].view().at(e) - b[i].view().at(e)));
      }
      CHECK(most > 0.0);
      CHECK(error <= 1e-5 * most);
    }
  }
}

TEST_CASE(
    "rows that are kept for a chunk of time have the bits of rows that are stored, whatever the threads") {
  constexpr std::int64_t rows = 3, length = 13001;  // more than three chunks, the last one cut
  const auto played = [&](bool stores, int threads, int tile) {
    ThreadPool pool(threads);
    Tape tape({.sample_rate = 44100.0, .length = length, .tile = tile, .executor = &pool});
    const Var pitch = tape.parameter("pitch", Tensor{200.0, 310.0, 470.0}.reshaped(Shape{rows, 1}));
    const Var bend = tape.parameter("bend", Tensor(Shape{length}));
    const Var voices = sinusoid(pitch, bend) + cumulative_sum(sinusoid(pitch * 3.0, bend)) * 1e-3;
    if (stores) tape.keep(voices);
    const Var bus = mix(voices), loud = mean(square(voices)) + maximum(voices);
    const Var loss = mean(square(tanh(bus) + mix(voices * bend + voices))) + loud;
    tape.play({bus, loss});
    tape.rewind(loss);
    std::vector<float> all = values_of<float>(tape.value(bus));
    for (const float x : values_of<float>(tape.gradient(bend))) all.push_back(x);
    std::vector<double> numbers = values_of<double>(tape.gradient(pitch));
    numbers.push_back(tape.value(loss).item());
    return std::pair(all, numbers);
  };
  const auto expected = played(true, 1, 512);
  CHECK(std::abs(expected.second.back()) > 0.1);
  for (const int threads : {1, 2, 5})
    for (const int tile : {0, 128, 1024}) {
      CAPTURE(threads);
      CAPTURE(tile);
      CHECK(played(false, threads, tile) == expected);
      if (tile == 0) CHECK(played(true, threads, tile) == expected);
    }
}

TEST_CASE("a mix along time, or along an axis that is not there, is an error that says what there is") {
  Tape tape;
  const Var x = tape.input("x", Tensor(Shape{3, 20}));
  CHECK_THROWS_WITH_AS(mix(x, 1),
                       "[mix] axis 1 of (3, 20) is time, which a mix keeps; sum_over_time() adds along it",
                       ShapeError);
  CHECK_THROWS_WITH_AS(mix(x, 2), "[mix] axis 2 of a value with 2 axes", ShapeError);
  CHECK_THROWS_AS(mix(Var()), TapeError);
}
