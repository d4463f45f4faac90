// A user's own whole node: it sees whole rows, is checked like any other, and has the same bits on any number of threads.
#include <doctest/doctest.h>

#include "../tape/bits.hpp"

#include <retrograd/backends/cpu/own_node.hpp>
#include <retrograd/backends/cpu/own_whole.hpp>
#include <retrograd/gradcheck/own_node_check.hpp>
#include <retrograd/nodes/all.hpp>
#include <retrograd/stream/stream.hpp>

#include <algorithm>
#include <cmath>

using namespace retrograd;

namespace {

struct Reverse : OwnWhole<Reverse, 1> {
  static constexpr const char* name = "reverse";
  template <class T>
  void forward(std::span<T> y, std::span<const T> x) const {
    std::reverse_copy(x.begin(), x.end(), y.begin());
  }
  template <class T>
  void adjoint(std::span<const T> gy, std::span<const T>, std::span<const T>, std::span<T> gx) const {
    std::reverse_copy(gy.begin(), gy.end(), gx.begin());
  }
  static Check check() { return {.inputs = {anything}}; }
};

// The full convolution of two signals, so that its output is longer than its inputs. `fault` scales an adjoint.
template <int fault>
struct Convolve : OwnWhole<Convolve<fault>, 2> {
  static constexpr const char* name = "concat";  // as one of the library's: it is another node all the same
  std::vector<double> scale = {1.0};             // fields need not be plain
  std::int64_t length(const std::array<std::int64_t, 2>& of_inputs) const {
    return of_inputs[0] + of_inputs[1] - 1;
  }
  template <class T>
  void forward(std::span<T> y, std::span<const T> a, std::span<const T> b) const {
    std::fill(y.begin(), y.end(), T(0));
    for (std::size_t i = 0; i < a.size(); ++i)
      for (std::size_t j = 0; j < b.size(); ++j) y[i + j] += factor<T>() * a[i] * b[j];
  }
  template <class T>
  void adjoint(std::span<const T> gy, std::span<const T>, std::span<const T> a, std::span<const T> b,
               std::span<T> ga, std::span<T> gb) const {
    for (std::size_t i = 0; i < a.size(); ++i)
      for (std::size_t j = 0; j < b.size(); ++j) {
        ga[i] += factor<T>() * gy[i + j] * b[j];
        gb[j] += factor<T>() * gy[i + j] * a[i];
      }
    if (fault != 0 && gb.size() > 1) gb[gb.size() - 1] = gb[gb.size() - 1] * T(1.0001f);
  }
  static Check check() {
    constexpr auto record = [](std::span<const Var> x) { return whole(Convolve{}, x[0], x[1]); };
    return {
        .inputs = {anything, anything},
        .cases = {{{{2, 40}, {2, 7}}, record}, {{{3, 1, 130}, {2, 5}}, record}, {{{2, 1}, {1, 9}}, record}}};
  }

 private:
  template <class T>
  T factor() const {
    return T(static_cast<float>(scale[0]));
  }
};

// One number of a signal, constant over time.
struct Loudest : OwnWhole<Loudest, 1> {
  static constexpr const char* name = "loudest";
  std::int64_t length(const std::array<std::int64_t, 1>&) const { return 1; }
  template <class T>
  void forward(std::span<T> y, std::span<const T> x) const {
    y[0] = x[at(x)];
  }
  template <class T>
  void adjoint(std::span<const T> gy, std::span<const T>, std::span<const T> x, std::span<T> gx) const {
    gx[at(x)] = gy[0];
  }
  static Check check() { return {.inputs = {anything}, .apart = 1e-3}; }

 private:
  template <class T>
  static std::size_t at(std::span<const T> x) {
    return static_cast<std::size_t>(std::max_element(x.begin(), x.end()) - x.begin());
  }
};

Tensor ramp(const Shape& shape, double step) {
  Tensor values(shape);
  for (std::int64_t i = 0; i < shape.elements(); ++i)
    values.as<double>()[static_cast<std::size_t>(i)] = std::sin(0.3 + step * static_cast<double>(i));
  return values;
}

}  // namespace

TEST_CASE("a whole node of one's own sees each row at its full length") {
  for (const ElementType type : {ElementType::f32, ElementType::f64}) {
    Tape tape({.type = type});
    const Var x = tape.input("x", ramp(Shape{3, 2, 1300}, 0.01)), y = whole(Reverse{}, x);
    REQUIRE(y.shape() == x.shape());
    tape.play({x, y});
    double worst = 0.0;
    for (std::int64_t r = 0; r < 6; ++r)
      for (std::int64_t n = 0; n < 1300; ++n)
        worst =
            std::max(worst, std::abs(tape.value(y).at(r * 1300 + n) - tape.value(x).at(r * 1300 + 1299 - n)));
    CHECK(worst == 0.0);
  }
}

TEST_CASE("whole nodes of one's own pass the gradient check, and a wrong adjoint fails it") {
  for (const NodeReport& report :
       {check_own_node<Reverse>(8), check_own_node<Convolve<0>>(8), check_own_node<Loudest>(8)}) {
    INFO(report.node << ": " << report.failure);
    CHECK(report.passed);
    CHECK(report.dot_product_cases > 0);
    CHECK(report.difference_cases > 0);
  }
  const NodeReport wrong = check_own_node<Convolve<1>>(8);
  CHECK(!wrong.passed);
  CHECK(wrong.worst_dot_product > 1e-7);
}

TEST_CASE("rows that share an input add to its gradient; values of either type meet") {
  for (const ElementType type : {ElementType::f32, ElementType::f64}) {
    Tape tape({.type = type});
    const Var kernel = tape.parameter("kernel", ramp(Shape{1, 3}, 0.7)),
              gain = tape.parameter("gain", Tensor{0.5, 2.0, -1.0}.reshaped(Shape{3, 1}));
    const Var signal = tape.parameter("signal", ramp(Shape{3, 600}, 0.05));
    const Var y = whole(Convolve<0>{}, whole(Convolve<0>{}, signal, kernel), gain);
    const Var loudest = whole(Loudest{}, y);
    REQUIRE(y.shape() == Shape{3, 602});
    CHECK(!loudest.is_signal());
    const Var loss = sum(square(y)) + sum(loudest);
    tape.play({loss});
    tape.rewind(loss);
    // By hand: y = gain * (signal * kernel).
    double worst = 0.0;
    for (std::int64_t j = 0; j < 3; ++j) {
      double expected = 0.0;
      for (std::int64_t r = 0; r < 3; ++r) {
        const double g = tape.value(gain).at(r);
        std::vector<double> row(602, 0.0);
        for (std::int64_t n = 0; n < 602; ++n)
          for (std::int64_t k = 0; k < 3; ++k)
            if (n - k >= 0 && n - k < 600)
              row[static_cast<std::size_t>(n)] +=
                  g * tape.value(signal).at(r * 600 + n - k) * tape.value(kernel).at(k);
        const auto top = std::max_element(row.begin(), row.end()) - row.begin();
        for (std::int64_t n = 0; n < 602; ++n)
          if (n - j >= 0 && n - j < 600)
            expected += (2.0 * row[static_cast<std::size_t>(n)] + (n == top ? 1.0 : 0.0)) * g *
                        tape.value(signal).at(r * 600 + n - j);
      }
      worst = std::max(worst, std::abs(tape.gradient(kernel).at(j) - expected) / std::abs(expected));
    }
    CHECK(worst < (type == ElementType::f32 ? 1e-5 : 1e-12));
  }
}

TEST_CASE("whole nodes of one's own have the same bits on any number of threads") {
  for (const ElementType type : {ElementType::f32, ElementType::f64}) {
    const auto run = [&](int threads) {
      ThreadPool pool(threads);
      Tape tape({.type = type, .executor = &pool});
      const Var a = tape.parameter("a", ramp(Shape{16, 300}, 0.11)),
                b = tape.parameter("b", ramp(Shape{1, 9}, 0.5));
      const Var y = whole(Convolve<0>{}, tanh(a), b), loss = sum(square(y));
      std::vector<Bits> bits;
      for (int play = 0; play < 2; ++play) {
        tape.play({y, loss});
        tape.rewind(loss);
        for (const Var p : tape.parameters()) bits.push_back(bits_of(tape.name(p), tape.gradient(p)));
      }
      bits.push_back(bits_of("y", tape.value(y)));
      return bits;
    };
    const std::vector<Bits> expected = run(1);
    for (const int threads : {2, 3}) CHECK(first_difference(run(threads), expected) == "");
  }
}

TEST_CASE("a whole node of one's own cannot stream, and the stream says which") {
  CHECK_THROWS_WITH_AS(Stream([](Tape& tape) -> std::vector<Var> {
                         return {whole(Reverse{}, tape.input("x", Tensor(Shape{*tape.options().length})))};
                       }).prepare(48000.0, 64),
                       doctest::Contains("'reverse'"), TapeError);
}
