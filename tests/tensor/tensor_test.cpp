// Shapes, tensors, and the views of them that Eigen has.
#include <doctest/doctest.h>

#include <retrograd/nodes/arithmetic.hpp>
#include <retrograd/tensor/eigen.hpp>
#include <retrograd/tensor/tensor.hpp>

#include <cstdint>
#include <utility>
#include <vector>

using namespace retrograd;
using doctest::Contains;

TEST_CASE("the last axis is time, and those before it count the rows") {
  const Shape shape{2, 3, 100};
  CHECK(shape.length() == 100);
  CHECK(shape.rows() == 6);
  CHECK(shape.elements() == 600);
  CHECK(shape.with_length(1) == Shape{2, 3, 1});
  CHECK(to_string(shape) == "(2, 3, 100)");
  CHECK(Shape() == Shape{1});
  CHECK(Shape{5}.rows() == 1);
  CHECK(Shape{5} != Shape{1, 5});
}

TEST_CASE("shapes broadcast as in NumPy") {
  CHECK(broadcast(Shape{64, 1}, Shape{1000}, "x") == Shape{64, 1000});
  CHECK(broadcast(Shape{1}, Shape{3, 1, 2}, "x") == Shape{3, 1, 2});
  CHECK(broadcast(Shape{4, 1, 2}, Shape{3, 1}, "x") == Shape{4, 3, 2});
  CHECK_THROWS_WITH_AS(broadcast(Shape{3, 2}, Shape{2, 2}, "mix"),
                       Contains("[mix] shapes (3, 2) and (2, 2) do not broadcast"), ShapeError);
  CHECK(broadcasts_to(Shape{3, 1}, Shape{2, 3, 5}));
  CHECK_FALSE(broadcasts_to(Shape{2, 3, 5}, Shape{3, 5}));
  CHECK_FALSE(broadcasts_to(Shape{2, 1}, Shape{3, 5}));
  const BroadcastIndex index(Shape{3, 1}, Shape{2, 3, 2});
  const std::vector<std::int64_t> expected{0, 0, 1, 1, 2, 2, 0, 0, 1, 1, 2, 2};
  for (std::int64_t i = 0; i < 12; ++i) CHECK(index(i) == expected[static_cast<std::size_t>(i)]);
}

TEST_CASE("an empty tensor, or one of too many axes, is a ShapeError") {
  CHECK_THROWS_WITH_AS((Shape{0}), Contains("empty tensor"), ShapeError);
  CHECK_THROWS_WITH_AS((Shape{3, 0, 2}), Contains("(3, 0, 2)"), ShapeError);
  CHECK_THROWS_AS((Shape{-1}), ShapeError);
  CHECK_THROWS_AS(Shape(std::span<const std::int64_t>()), ShapeError);
  CHECK_THROWS_AS((Shape{1, 1, 1, 1, 1, 1, 1, 1, 1}), ShapeError);
  CHECK_THROWS_AS(Tensor(std::span<const double>()), ShapeError);
  CHECK_THROWS_AS(Tensor({}), ShapeError);
}

TEST_CASE("a tensor is zeros, a number, a signal, or a copy of values that fill its shape") {
  const Tensor zeros(Shape{2, 3}, ElementType::f32);
  for (const float v : zeros.as<float>()) CHECK(v == 0.0f);
  CHECK(Tensor(2.5).item() == 2.5);
  CHECK(Tensor{1.0, 2.0}.shape() == Shape{2});
  const std::vector<double> values{1.0, 2.0, 3.0};
  CHECK(Tensor(std::span<const double>(values), Shape{3, 1}).view().at(2) == 3.0);
  CHECK_THROWS_WITH_AS(Tensor(std::span<const double>(values), Shape{2, 2}), Contains("3 values do not fill"),
                       ShapeError);
  CHECK_THROWS_AS(Tensor(std::span<const double>(values)).item(), ShapeError);
  const auto address = [](const Tensor& tensor) { return reinterpret_cast<std::uintptr_t>(tensor.data()); };
  CHECK(address(zeros) % alignof(std::max_align_t) == 0);
  CHECK(address(Tensor(Shape{16}, ElementType::f32)) % 64 == 0);
}

TEST_CASE("elements are read as the type they have, or not at all") {
  const Tensor in_f32(Shape{3}, ElementType::f32);
  CHECK(in_f32.as<float>().size() == 3);
  CHECK_THROWS_WITH_AS(in_f32.as<double>(), Contains("a tensor of f32 was read as f64"), TapeError);
  CHECK(Tensor(0.1).to(ElementType::f32).view().at(0) == static_cast<double>(0.1f));
}

TEST_CASE("a copy of a tensor is its own, a moved one keeps its memory") {
  Tensor a{1.0, 2.0};
  Tensor b = a;
  b.as<double>()[0] = 9.0;
  CHECK(a.view().at(0) == 1.0);
  const void* memory = a.data();
  const Tensor c = std::move(a);
  CHECK(c.data() == memory);
  b = c;
  CHECK(b.data() != memory);
  CHECK(b.view().at(1) == 2.0);
  CHECK_THROWS_AS(b.assign(Tensor{1.0, 2.0, 3.0}), ShapeError);
  CHECK(c.reshaped(Shape{2, 1}).shape() == Shape{2, 1});
  CHECK_THROWS_AS(c.reshaped(Shape{3}), ShapeError);
}

TEST_CASE("Eigen sees a tensor's rows and samples without a copy") {
  Tensor tensor(Shape{2, 3, 4}, ElementType::f32);
  for (std::size_t i = 0; i < 24; ++i) tensor.as<float>()[i] = static_cast<float>(i);
  auto matrix = as_matrix<float>(tensor);
  CHECK(matrix.data() == tensor.data());
  CHECK(matrix.rows() == 6);
  CHECK(matrix.cols() == 4);
  CHECK(matrix(5, 1) == 21.0f);
  matrix(5, 1) = -1.0f;
  CHECK(tensor.as<float>()[21] == -1.0f);
  const auto read_only = as_matrix<float>(tensor.view());
  CHECK(read_only.data() == tensor.data());
  CHECK(read_only(5, 1) == -1.0f);
  CHECK_THROWS_AS(as_matrix<double>(tensor), TapeError);
}

TEST_CASE("a tape reads an Eigen matrix, and Eigen a tape's values, without a copy between") {
  RowMajorMatrix<double> matrix(2, 3);
  matrix << 1, 2, 3, 4, 5, 6;
  const TensorView view = as_view(matrix);
  CHECK(view.data == matrix.data());
  CHECK(view.shape == Shape{2, 3});
  CHECK(view.type == ElementType::f64);
  CHECK(view.row<double>(1)[2] == 6.0);
  Eigen::VectorXf vector(5);
  CHECK(as_view(vector).data == vector.data());
  CHECK(as_view(vector).shape == Shape{5});
  CHECK(as_view(vector).type == ElementType::f32);

  Tape tape({.type = ElementType::f64});
  const Var y = tape.input("x", view) * 2.0;
  tape.play({y});
  const TensorView value = tape.value(y);
  CHECK(as_matrix<double>(value).data() == value.data);
  CHECK(as_matrix<double>(value) == 2.0 * matrix);
}
