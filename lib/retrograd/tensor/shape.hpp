// The extent of a tensor along each axis. The last axis is time; a length of 1 there means constant over
// time. The axes before it are batch axes; taken together they count the rows.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>

namespace retrograd {

/// One to eight axes, each at least 1. A number has the shape (1).
class Shape {
 public:
  static constexpr int max_axes = 8;  ///< the most it can have
  /// The most elements it can have. More would fill no memory, and their bytes could not be counted.
  static constexpr std::int64_t max_elements = std::int64_t{1} << 48;

  /// That of a number, (1).
  Shape() : Shape({1}) {}
  /// Throws ShapeError for no axis, more than `max_axes`, an axis under 1, or more than `max_elements`.
  Shape(std::initializer_list<std::int64_t> axes) : Shape(std::span(axes.begin(), axes.size())) {}
  /// The same for extents in an array.
  explicit Shape(std::span<const std::int64_t> axes);

  /// How many there are, time among them.
  int axes() const { return axes_; }
  /// The extent of an axis, counted from 0.
  std::int64_t operator[](int axis) const { return extent_[static_cast<std::size_t>(axis)]; }
  /// The extent of the last axis, time.
  std::int64_t length() const { return (*this)[axes_ - 1]; }
  /// The product of the batch axes.
  std::int64_t rows() const;
  /// The product of all axes.
  std::int64_t elements() const { return rows() * length(); }
  /// The same batch axes with another length; ShapeError as above.
  Shape with_length(std::int64_t length) const;

  bool operator==(const Shape&) const = default;
  /// Some order, for maps.
  auto operator<=>(const Shape&) const = default;

 private:
  void check_extents() const;

  int axes_;
  std::array<std::int64_t, max_axes> extent_{};
};

/// "(16, 44100)".
std::string to_string(const Shape& shape);

/// NumPy's rule: axes are aligned at the last, and each pair is equal or one of them is 1. `operation` names
/// the operation in the ShapeError thrown where the shapes do not broadcast.
Shape broadcast(const Shape& a, const Shape& b, const char* operation);

/// Whether `shape` broadcasts to exactly `target`.
bool broadcasts_to(const Shape& shape, const Shape& target);

/// Where the elements of `shape` lie when it is seen as `target`: for element (or row) `i` of the target, in
/// order, the index of the element of `shape` it repeats. Both are taken over all their axes.
class BroadcastIndex {
 public:
  /// `shape` must broadcast to `target`.
  BroadcastIndex(const Shape& shape, const Shape& target);
  /// The element of `shape` that is element `i` of the target.
  std::int64_t operator()(std::int64_t i) const;

 private:
  int axes_;
  std::array<std::int64_t, Shape::max_axes> extent_{};
  std::array<std::int64_t, Shape::max_axes> stride_{};
};

}  // namespace retrograd
