#include <retrograd/tensor/errors.hpp>
#include <retrograd/tensor/shape.hpp>

#include <algorithm>

namespace retrograd {

Shape::Shape(std::span<const std::int64_t> axes) : axes_(static_cast<int>(axes.size())) {
  if (axes.empty()) raise<ShapeError>("a shape needs at least one axis, the last being time");
  if (axes.size() > max_axes)
    raise<ShapeError>("a shape has at most 8 axes; this one has " + std::to_string(axes.size()));
  std::copy(axes.begin(), axes.end(), extent_.begin());
  check_extents();
}

void Shape::check_extents() const {
  std::int64_t elements = 1;
  for (int axis = 0; axis < axes_; ++axis) {
    const std::int64_t extent = (*this)[axis];
    if (extent < 1) raise<ShapeError>("an empty tensor: shape " + to_string(*this) + " has an axis under 1");
    if (extent > max_elements / elements)
      raise<ShapeError>("a tensor of shape " + to_string(*this) +
                        " has more elements than a tensor can have, " + std::to_string(max_elements));
    elements *= extent;
  }
}

std::int64_t Shape::rows() const {
  std::int64_t rows = 1;
  for (int axis = 0; axis + 1 < axes_; ++axis) rows *= (*this)[axis];
  return rows;
}

Shape Shape::with_length(std::int64_t length) const {
  Shape shape = *this;
  shape.extent_[static_cast<std::size_t>(axes_ - 1)] = length;
  shape.check_extents();
  return shape;
}

std::string to_string(const Shape& shape) {
  std::string text = "(";
  for (int axis = 0; axis < shape.axes(); ++axis) {
    if (axis > 0) text += ", ";
    text += std::to_string(shape[axis]);
  }
  return text + ")";
}

namespace {

// The extent of `shape` along an axis counted from the last; 1 beyond its first axis.
std::int64_t extent_from_last(const Shape& shape, int from_last) {
  return from_last < shape.axes() ? shape[shape.axes() - 1 - from_last] : 1;
}

}  // namespace

Shape broadcast(const Shape& a, const Shape& b, const char* operation) {
  if (a == b || b == Shape()) return a;  // nearly always
  std::array<std::int64_t, Shape::max_axes> extent{};
  const int axes = std::max(a.axes(), b.axes());
  for (int from_last = 0; from_last < axes; ++from_last) {
    const std::int64_t m = extent_from_last(a, from_last), n = extent_from_last(b, from_last);
    if (m != n && m != 1 && n != 1)
      raise<ShapeError>(std::string("[") + operation + "] shapes " + to_string(a) + " and " + to_string(b) +
                        " do not broadcast: along axis " + std::to_string(-1 - from_last) + " they have " +
                        std::to_string(m) + " and " + std::to_string(n) +
                        " (equal, or one of them 1, would do)");
    extent[static_cast<std::size_t>(axes - 1 - from_last)] = std::max(m, n);
  }
  return Shape(std::span(extent.data(), static_cast<std::size_t>(axes)));
}

bool broadcasts_to(const Shape& shape, const Shape& target) {
  if (shape.axes() > target.axes()) return false;
  for (int from_last = 0; from_last < shape.axes(); ++from_last) {
    const std::int64_t extent = extent_from_last(shape, from_last);
    if (extent != 1 && extent != extent_from_last(target, from_last)) return false;
  }
  return true;
}

BroadcastIndex::BroadcastIndex(const Shape& shape, const Shape& target) : axes_(target.axes()) {
  std::int64_t stride = 1;
  for (int from_last = 0; from_last < axes_; ++from_last) {
    const auto axis = static_cast<std::size_t>(axes_ - 1 - from_last);
    const std::int64_t extent = extent_from_last(shape, from_last);
    extent_[axis] = extent_from_last(target, from_last);
    stride_[axis] = extent == 1 ? 0 : stride;
    stride *= extent;
  }
}

std::int64_t BroadcastIndex::operator()(std::int64_t i) const {
  std::int64_t index = 0;
  for (auto axis = static_cast<std::size_t>(axes_); axis-- > 0;) {
    index += i % extent_[axis] * stride_[axis];
    i /= extent_[axis];
  }
  return index;
}

}  // namespace retrograd
