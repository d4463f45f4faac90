// Shapes and tensors that fit no memory are errors of the library's own.
#include <doctest/doctest.h>

#include <retrograd/nodes/all.hpp>
#include <retrograd/nodes/oscillator.hpp>
#include <retrograd/tape/tape.hpp>
#include <retrograd/tensor/tensor.hpp>

#include <cstdint>
#include <limits>
#include <type_traits>

using namespace retrograd;
using doctest::Contains;

namespace {
constexpr std::int64_t most = Shape::max_elements, largest = std::numeric_limits<std::int64_t>::max();
}

TEST_CASE("a shape has no more elements than can be counted") {
  CHECK(Shape{most}.elements() == most);
  CHECK(Shape{1 << 24, 1 << 24}.elements() == most);
  CHECK_THROWS_WITH_AS(Shape({most + 1}), Contains("more elements than a tensor can have, 281474976710656"),
                       ShapeError);
  CHECK_THROWS_AS(Shape({1 << 24, 1 << 24, 2}), ShapeError);
  CHECK_THROWS_AS(Shape({largest}), ShapeError);
  CHECK_THROWS_AS(Shape({largest, largest}), ShapeError);
  CHECK_THROWS_AS(Shape({std::int64_t{1} << 32, std::int64_t{1} << 32}),
                  ShapeError);  // 2^64: 0 where it overflows
  CHECK_THROWS_AS(Shape({3, 5}).with_length(most), ShapeError);
  CHECK_THROWS_AS(Shape({3, 5}).with_length(0), ShapeError);
  CHECK_THROWS_AS(broadcast(Shape{1 << 30, 1}, Shape{1 << 30}, "add"), ShapeError);
}

TEST_CASE("a tensor that fits no memory says how many bytes it would have") {
  CHECK_THROWS_AS(Tensor(Shape{1'000'000'000'000'000'000}), ShapeError);
  CHECK_THROWS_WITH_AS(Tensor(Shape{most}), Contains("no memory for 2251799813685248 bytes"),
                       OutOfMemoryError);
  CHECK_THROWS_AS(Tensor(Shape{1 << 20, 1 << 28}, ElementType::f32), OutOfMemoryError);
  CHECK_THROWS_AS(Tensor(2.0).reshaped(Shape{most}), ShapeError);
}

TEST_CASE("a tape of a length that fits no memory says so when it records or plays") {
  CHECK_THROWS_AS(sinusoid(Tape({.length = largest}).constant(0.1)), ShapeError);
  Tape tape({.length = most});
  const Var y = sinusoid(tape.constant(0.1));
  CHECK_THROWS_AS(tape.play({y}), OutOfMemoryError);
  const Var column = tape.constant(Tensor(Shape{1 << 16, 1})),
            row = tape.constant(Tensor(Shape{1 << 16, 1, 1}));
  CHECK_THROWS_WITH_AS(column + row, Contains("rows; what is computed has 2147483647 at most"), ShapeError);
  CHECK_THROWS_AS(broadcast_to(column, Shape{1 << 16, most}), ShapeError);
}

TEST_CASE("whole numbers in braces are neither taken for a shape nor for samples") {
  static_assert(!std::is_constructible_v<Tensor, std::initializer_list<int>>);
  static_assert(!std::is_constructible_v<Tensor, std::initializer_list<std::int64_t>>);
  static_assert(std::is_constructible_v<Tensor, std::initializer_list<double>>);
  CHECK(Tensor(Shape{64, 8}).shape() == Shape{64, 8});
  CHECK(Tensor::signal({64, 8}).shape() == Shape{2});
  CHECK(Tensor::signal({64, 8}).view().at(0) == 64.0);
  CHECK(Tensor{64.0, 8.0}.shape() == Shape{2});
}
