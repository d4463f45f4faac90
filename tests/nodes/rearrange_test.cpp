// concat, stack, slice, reshape, broadcast_to and matmul against index arithmetic written out, their
// gradients included.
#include <doctest/doctest.h>

#include <retrograd/nodes/all.hpp>

#include <cmath>
#include <functional>
#include <random>
#include <span>
#include <string>
#include <vector>

using namespace retrograd;
using doctest::Contains;

namespace {

using Index = std::vector<std::int64_t>;

Index index_of(std::int64_t element, const Shape& shape) {
  Index index(static_cast<std::size_t>(shape.axes()));
  for (int axis = shape.axes(); axis-- > 0;) {
    index[static_cast<std::size_t>(axis)] = element % shape[axis];
    element /= shape[axis];
  }
  return index;
}
std::int64_t element_at(const Index& index, const Shape& shape) {
  std::int64_t element = 0;
  for (int axis = 0; axis < shape.axes(); ++axis)
    element = element * shape[axis] + index[static_cast<std::size_t>(axis)];
  return element;
}

Tensor random_tensor(std::mt19937& random, const Shape& shape) {
  std::normal_distribution<double> normal;
  Tensor values(shape);
  for (double& v : values.as<double>()) v = static_cast<double>(static_cast<float>(normal(random)));
  return values;
}

Shape random_shape(std::mt19937& random, std::size_t axes) {
  Index extents(axes);
  for (std::int64_t& extent : extents) extent = 1 + static_cast<std::int64_t>(random() % 5);
  return Shape(std::span<const std::int64_t>(extents));
}

Shape with_extent(const Shape& shape, int axis, std::int64_t extent) {
  Index extents;
  for (int a = 0; a < shape.axes(); ++a) extents.push_back(a == axis ? extent : shape[a]);
  return Shape(std::span<const std::int64_t>(extents));
}

// Where element `i` of the output comes from: which input, and which of its elements.
struct Source {
  std::size_t input;
  std::int64_t element;
};

// The output is its sources, and the gradient of an input element the sum of the seeds of what came from it.
void check(ElementType type, std::mt19937& random, const std::vector<Shape>& shapes,
           const Shape& expected_shape, const std::function<Var(const std::vector<Var>&)>& record,
           const std::function<Source(std::int64_t)>& source) {
  Tape tape({.type = type});
  std::vector<Var> inputs;
  for (const Shape& shape : shapes)
    inputs.push_back(tape.parameter("x" + std::to_string(inputs.size()), random_tensor(random, shape)));
  const Var y = record(inputs);
  REQUIRE(y.shape() == expected_shape);
  CHECK(y.is_signal() == (expected_shape.length() > 1));
  const Tensor seed = random_tensor(random, expected_shape);
  tape.play({y});
  for (int round = 0; round < 2; ++round) tape.rewind(y, seed);
  std::vector<Tensor> gradients;
  for (const Shape& shape : shapes) gradients.emplace_back(shape);
  int wrong = 0;
  for (std::int64_t i = 0; i < expected_shape.elements(); ++i) {
    const Source from = source(i);
    wrong += tape.value(y).at(i) != tape.value(inputs[from.input]).at(from.element);
    gradients[from.input].as<double>()[static_cast<std::size_t>(from.element)] += seed.view().at(i);
  }
  CHECK(wrong == 0);
  double worst = 0.0;
  for (std::size_t i = 0; i < inputs.size(); ++i)
    for (std::int64_t e = 0; e < shapes[i].elements(); ++e)
      worst = std::max(worst, std::abs(tape.gradient(inputs[i]).at(e) - gradients[i].view().at(e)));
  CHECK(worst <= (type == ElementType::f32 ? 1e-5 : 1e-13));
}

constexpr ElementType types[] = {ElementType::f32, ElementType::f64};

}  // namespace

TEST_CASE("concat joins values along any axis") {
  std::mt19937 random(51);
  for (int round = 0; round < 60; ++round) {
    const Shape base = random_shape(random, 1 + random() % 4);
    const int axis = static_cast<int>(random() % static_cast<unsigned>(base.axes()));
    const int given_axis = random() % 2 == 0 ? axis : axis - base.axes();
    std::vector<Shape> shapes;
    std::int64_t extent = 0;
    for (std::size_t i = 0; i < 1 + random() % 4; ++i) {
      shapes.push_back(with_extent(base, axis, 1 + static_cast<std::int64_t>(random() % 4)));
      extent += shapes.back()[axis];
    }
    const Shape joined = with_extent(base, axis, extent);
    check(
        types[round % 2], random, shapes, joined,
        [&](const std::vector<Var>& x) { return concat(std::span<const Var>(x), given_axis); },
        [&](std::int64_t i) {
          Index index = index_of(i, joined);
          std::size_t part = 0;
          std::int64_t& along = index[static_cast<std::size_t>(axis)];
          while (along >= shapes[part][axis]) along -= shapes[part++][axis];
          return Source{part, element_at(index, shapes[part])};
        });
  }
}

TEST_CASE("stack joins values along a new axis") {
  std::mt19937 random(52);
  for (int round = 0; round < 60; ++round) {
    const Shape part = random_shape(random, 1 + random() % 3);
    const int axis = static_cast<int>(random() % static_cast<unsigned>(part.axes() + 1));
    const std::size_t count = 1 + random() % 4;
    Index extents;
    for (int a = 0; a <= part.axes(); ++a)
      extents.push_back(a == axis ? static_cast<std::int64_t>(count) : part[a < axis ? a : a - 1]);
    const Shape stacked{std::span<const std::int64_t>(extents)};
    check(
        types[round % 2], random, std::vector<Shape>(count, part), stacked,
        [&](const std::vector<Var>& x) {
          return stack(std::span<const Var>(x), random() % 2 == 0 ? axis : axis - part.axes() - 1);
        },
        [&](std::int64_t i) {
          Index index = index_of(i, stacked);
          const auto which = static_cast<std::size_t>(index[static_cast<std::size_t>(axis)]);
          index.erase(index.begin() + axis);
          return Source{which, element_at(index, part)};
        });
  }
}

TEST_CASE("slice takes a part along any axis") {
  std::mt19937 random(53);
  for (int round = 0; round < 60; ++round) {
    const Shape shape = random_shape(random, 1 + random() % 4);
    const int axis = static_cast<int>(random() % static_cast<unsigned>(shape.axes()));
    const auto begin = static_cast<std::int64_t>(random()) % shape[axis];
    const std::int64_t end = begin + 1 + static_cast<std::int64_t>(random()) % (shape[axis] - begin);
    const Shape part = with_extent(shape, axis, end - begin);
    check(
        types[round % 2], random, {shape}, part,
        [&](const std::vector<Var>& x) {
          return slice(x[0], random() % 2 == 0 ? axis : axis - shape.axes(), begin, end);
        },
        [&](std::int64_t i) {
          Index index = index_of(i, part);
          index[static_cast<std::size_t>(axis)] += begin;
          return Source{0, element_at(index, shape)};
        });
  }
}

TEST_CASE("reshape keeps the elements in order, broadcast_to repeats them") {
  std::mt19937 random(54);
  for (const ElementType type : types) {
    check(
        type, random, {Shape{2, 3, 4}}, Shape{6, 4},
        [](const std::vector<Var>& x) {
          return reshape(x[0], Shape{6, 4});
        },
        [](std::int64_t i) {
          return Source{0, i};
        });
    check(
        type, random, {Shape{12}}, Shape{12, 1},
        [](const std::vector<Var>& x) {
          return reshape(x[0], Shape{12, 1});
        },
        [](std::int64_t i) {
          return Source{0, i};
        });
    check(
        type, random, {Shape{12, 1}}, Shape{3, 4},
        [](const std::vector<Var>& x) {
          return reshape(x[0], Shape{3, 4});
        },
        [](std::int64_t i) {
          return Source{0, i};
        });
    for (const Shape& shape :
         {Shape{1}, Shape{5}, Shape{3, 1}, Shape{3, 5}, Shape{2, 1, 5}, Shape{2, 1, 1}, Shape{1, 3, 1}}) {
      const Shape target{2, 3, 5};
      check(
          type, random, {shape}, target,
          [&](const std::vector<Var>& x) { return broadcast_to(x[0], target); },
          [&](std::int64_t i) {
            const Index index = index_of(i, target);
            Index from(index.end() - shape.axes(), index.end());
            for (int axis = 0; axis < shape.axes(); ++axis)
              if (shape[axis] == 1) from[static_cast<std::size_t>(axis)] = 0;
            return Source{0, element_at(from, shape)};
          });
    }
  }
}

TEST_CASE("what cannot be joined, cut or reshaped names the operation and the shapes") {
  Tape tape;
  const Var x = tape.input("x", Tensor(Shape{2, 3, 4})), y = tape.input("y", Tensor(Shape{2, 5, 4}));
  CHECK_THROWS_WITH_AS(concat({x, y}, 0), Contains("[concat] shapes (2, 3, 4) and (2, 5, 4)"), ShapeError);
  CHECK(concat({x, y}, 1).shape() == Shape{2, 8, 4});
  CHECK_THROWS_WITH_AS(concat({x, y}, 3), Contains("[concat] axis 3"), ShapeError);
  CHECK_THROWS_AS(concat({x, y}, -4), ShapeError);
  CHECK_THROWS_WITH_AS(stack({x, y}, 0), Contains("[stack] shapes (2, 3, 4) and (2, 5, 4) differ"),
                       ShapeError);
  CHECK_THROWS_AS(stack({x, x}, 4), ShapeError);
  for (const auto& [begin, end] :
       std::vector<std::pair<std::int64_t, std::int64_t>>{{-1, 2}, {2, 2}, {2, 1}, {0, 4}})
    CHECK_THROWS_WITH_AS(slice(x, 1, begin, end), Contains("[slice] elements"), ShapeError);
  CHECK_THROWS_WITH_AS(reshape(x, Shape{5, 5}), Contains("[reshape] (2, 3, 4) has 24 elements"), ShapeError);
  CHECK_THROWS_WITH_AS(broadcast_to(x, Shape{2, 3, 5}), Contains("[broadcast_to] (2, 3, 4)"), ShapeError);
  CHECK_THROWS_AS(broadcast_to(x, Shape{3, 4}), ShapeError);
  CHECK_THROWS_AS(concat(std::span<const Var>(), 0), TapeError);
  CHECK_THROWS_AS(stack(std::span<const Var>(), 0), TapeError);
}

TEST_CASE("matmul is the matrix product, its batch axes broadcasting") {
  std::mt19937 random(55);
  const std::vector<std::pair<Shape, Shape>> cases{
      {Shape{1, 1}, Shape{1, 1}},          {Shape{3, 4}, Shape{4, 5}},    {Shape{3, 4}, Shape{4, 1}},
      {Shape{1, 4}, Shape{4, 5}},          {Shape{2, 3, 4}, Shape{4, 5}}, {Shape{3, 4}, Shape{2, 4, 5}},
      {Shape{2, 1, 3, 4}, Shape{5, 4, 2}}, {Shape{4, 1}, Shape{1, 4}},    {Shape{40, 50}, Shape{50, 60}}};
  for (const ElementType type : types)
    for (const auto& shapes : cases) {
      const Shape &left = shapes.first, &right = shapes.second;
      Tape tape({.type = type});
      const Var a = tape.parameter("a", random_tensor(random, left)),
                b = tape.parameter("b", random_tensor(random, right));
      const Var y = matmul(a, b);
      const std::int64_t m = left[left.axes() - 2], k = left.length(), n = right.length();
      REQUIRE(y.shape().length() == n);
      REQUIRE(y.shape()[y.shape().axes() - 2] == m);
      const Tensor seed = random_tensor(random, y.shape());
      tape.play({y});
      for (int round = 0; round < 2; ++round) tape.rewind(y, seed);
      Tensor value(y.shape()), ga(left), gb(right);
      for (std::int64_t i = 0; i < y.shape().elements(); ++i) {
        const Index index = index_of(i, y.shape());
        const auto element = [&](const Shape& shape, std::int64_t row, std::int64_t column) {
          Index at(index.end() - shape.axes(), index.end());
          for (int axis = 0; axis < shape.axes(); ++axis)
            if (shape[axis] == 1) at[static_cast<std::size_t>(axis)] = 0;
          at[at.size() - 2] = row;
          at[at.size() - 1] = column;
          return static_cast<std::size_t>(element_at(at, shape));
        };
        const std::int64_t row = index[index.size() - 2], column = index[index.size() - 1];
        const double g = seed.view().at(i);
        for (std::int64_t j = 0; j < k; ++j) {
          const std::size_t of_a = element(left, row, j), of_b = element(right, j, column);
          const double x = tape.value(a).at(static_cast<std::int64_t>(of_a)),
                       z = tape.value(b).at(static_cast<std::int64_t>(of_b));
          value.as<double>()[static_cast<std::size_t>(i)] += x * z;
          ga.as<double>()[of_a] += g * z;
          gb.as<double>()[of_b] += g * x;
        }
      }
      const auto worst = [](const TensorView& x, const Tensor& expected) {
        double error = 0.0;
        for (std::int64_t i = 0; i < expected.shape().elements(); ++i)
          error = std::max(error, std::abs(x.at(i) - expected.view().at(i)));
        return error;
      };
      const double tolerance = type == ElementType::f32 ? 3e-5 : 1e-12;
      INFO(to_string(left) << " times " << to_string(right) << " in " << std::string(name(type)));
      CHECK(worst(tape.value(y), value) <= tolerance);
      CHECK(worst(tape.gradient(a), ga) <= tolerance);
      CHECK(worst(tape.gradient(b), gb) <= tolerance);
    }
  Tape tape;
  const Var a = tape.input("a", Tensor(Shape{2, 3})), b = tape.input("b", Tensor(Shape{4, 2}));
  CHECK_THROWS_WITH_AS(matmul(a, b), Contains("[matmul] shapes (2, 3) and (4, 2)"), ShapeError);
  CHECK_THROWS_AS(matmul(a, tape.input("c", Tensor(Shape{3}))), ShapeError);
  CHECK_THROWS_AS(matmul(tape.input("d", Tensor(Shape{2, 4, 2})), tape.input("e", Tensor(Shape{3, 2, 4}))),
                  ShapeError);
}

TEST_CASE("sum, mean and maximum, over time and over everything, and their gradients") {
  std::mt19937 random(56);
  for (const ElementType type : types)
    for (const Shape& shape :
         {Shape{1}, Shape{4, 1}, Shape{7}, Shape{3, 1000}, Shape{2, 3, 129}, Shape{1, 2000}}) {
      Tape tape({.type = type});
      const Var x = tape.parameter("x", random_tensor(random, shape));
      const std::int64_t rows = shape.rows(), length = shape.length();
      const Var sums = sum_over_time(x), means = mean_over_time(x), maxima = maximum_over_time(x);
      const Var all = sum(x), middle = mean(x), largest = maximum(x);
      for (const Var y : {sums, means, maxima}) REQUIRE(y.shape() == shape.with_length(1));
      for (const Var y : {all, middle, largest}) REQUIRE(y.shape() == Shape{1});
      tape.play({sums, means, maxima, all, middle, largest});
      INFO(to_string(shape) << " in " << std::string(name(type)));
      const TensorView v = tape.value(x);
      double total = 0.0, top = v.at(0);
      std::int64_t top_at = 0;
      const double tolerance = type == ElementType::f32 ? 1e-5 : 1e-12;
      for (std::int64_t row = 0; row < rows; ++row) {
        double row_sum = 0.0, row_top = v.at(row * length);
        for (std::int64_t n = row * length; n < (row + 1) * length; ++n) {
          row_sum += v.at(n);
          row_top = std::max(row_top, v.at(n));
          if (v.at(n) > top) {
            top = v.at(n);
            top_at = n;
          }
        }
        total += row_sum;
        CHECK(std::abs(tape.value(sums).at(row) - row_sum) <= tolerance * 10);
        CHECK(std::abs(tape.value(means).at(row) - row_sum / static_cast<double>(length)) <= tolerance);
        CHECK(tape.value(maxima).at(row) == row_top);
      }
      CHECK(std::abs(tape.value(all).item() - total) <= tolerance * 30);
      CHECK(std::abs(tape.value(middle).item() - total / static_cast<double>(shape.elements())) <= tolerance);
      CHECK(tape.value(largest).item() == top);

      const auto gradient_is = [&](Var y, const std::function<double(std::int64_t)>& expected) {
        tape.rewind(y);
        int wrong = 0;
        for (std::int64_t n = 0; n < shape.elements(); ++n)
          wrong += std::abs(tape.gradient(x).at(n) - expected(n)) > 1e-7 * std::abs(expected(n));
        return wrong == 0;
      };
      CHECK(gradient_is(sums, [](std::int64_t) { return 1.0; }));
      CHECK(gradient_is(all, [](std::int64_t) { return 1.0; }));
      CHECK(gradient_is(means, [&](std::int64_t) { return 1.0 / static_cast<double>(length); }));
      CHECK(gradient_is(middle, [&](std::int64_t) { return 1.0 / static_cast<double>(shape.elements()); }));
      CHECK(gradient_is(largest, [&](std::int64_t n) { return n == top_at ? 1.0 : 0.0; }));
    }
}

TEST_CASE("a tie for the maximum gives its derivative to the first, and a NaN is not passed over") {
  for (const int tile : {128, 512}) {
    Tape tape({.type = ElementType::f64, .tile = tile});
    Tensor values(Shape{2, 1000});
    for (const std::size_t n : {130u, 500u, 999u, 1000u, 1700u}) values.as<double>()[n] = 2.0;
    const Var x = tape.parameter("x", values), over_time = maximum_over_time(x), over_all = maximum(x);
    tape.play({over_time, over_all});
    tape.rewind(over_time);
    for (std::int64_t n = 0; n < 2000; ++n)
      if (tape.gradient(x).at(n) != (n == 130 || n == 1000 ? 1.0 : 0.0)) FAIL_CHECK("sample " << n);
    tape.rewind(over_all);
    for (std::int64_t n = 0; n < 2000; ++n)
      if (tape.gradient(x).at(n) != (n == 130 ? 1.0 : 0.0)) FAIL_CHECK("sample " << n);
    const Var broken = tape.input("broken", Tensor(Shape{3, 1000}));
    Tensor poisoned(Shape{3, 1000});
    poisoned.as<double>()[1400] = std::nan("");
    tape.set(broken, poisoned);
    const Var maxima = maximum_over_time(broken), sums = sum_over_time(broken), top = maximum(broken);
    tape.play({maxima, sums, top});
    CHECK(tape.value(maxima).at(0) == 0.0);
    CHECK(std::isnan(tape.value(maxima).at(1)));
    CHECK(tape.value(maxima).at(2) == 0.0);
    CHECK(std::isnan(tape.value(sums).at(1)));
    CHECK(tape.value(sums).at(2) == 0.0);
    CHECK(std::isnan(tape.value(top).item()));
  }
}
