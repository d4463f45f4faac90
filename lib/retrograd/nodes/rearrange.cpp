#include <retrograd/nodes/broadcast_to.hpp>
#include <retrograd/nodes/concat.hpp>
#include <retrograd/nodes/rearrange.hpp>
#include <retrograd/nodes/reshape.hpp>
#include <retrograd/nodes/slice.hpp>
#include <retrograd/nodes/stack.hpp>

namespace retrograd {

namespace {

std::string tag(const char* operation) { return std::string("[") + operation + "] "; }

// `shape` with the extent of one axis replaced.
Shape with_extent(const Shape& shape, int axis, std::int64_t extent) {
  std::array<std::int64_t, Shape::max_axes> axes{};
  for (int a = 0; a < shape.axes(); ++a) axes[static_cast<std::size_t>(a)] = a == axis ? extent : shape[a];
  return Shape(std::span(axes.data(), static_cast<std::size_t>(shape.axes())));
}

}  // namespace

int checked_axis(int axis, int axes, const char* operation) {
  const int from_first = axis < 0 ? axis + axes : axis;
  if (from_first < 0 || from_first >= axes)
    raise<ShapeError>(tag(operation) + "axis " + std::to_string(axis) + " of a value with " +
                      std::to_string(axes) + (axes == 1 ? " axis" : " axes"));
  return from_first;
}

Var concat(std::span<const Var> parts, int axis) {
  common_tape(parts, Concat::name);
  const Shape& first = parts[0].shape();
  Concat node;
  node.axis = checked_axis(axis, first.axes(), Concat::name);
  std::int64_t extent = 0;
  for (const Var part : parts) {
    const Shape& shape = part.shape();
    if (shape.axes() != first.axes() || with_extent(shape, node.axis, 1) != with_extent(first, node.axis, 1))
      raise<ShapeError>(tag(Concat::name) + "shapes " + to_string(first) + " and " + to_string(shape) +
                        " differ beside axis " + std::to_string(node.axis));
    extent += shape[node.axis];
  }
  return whole(node, parts, with_extent(first, node.axis, extent));
}

Var stack(std::span<const Var> parts, int axis) {
  common_tape(parts, Stack::name);
  const Shape& first = parts[0].shape();
  for (const Var part : parts)
    if (part.shape() != first)
      raise<ShapeError>(tag(Stack::name) + "shapes " + to_string(first) + " and " + to_string(part.shape()) +
                        " differ");
  if (first.axes() == Shape::max_axes)
    raise<ShapeError>(tag(Stack::name) + "no room for another axis in " + to_string(first));
  Stack node;
  node.axis = checked_axis(axis, first.axes() + 1, Stack::name);
  std::array<std::int64_t, Shape::max_axes> axes{};
  for (int a = 0, from = 0; a <= first.axes(); ++a)
    axes[static_cast<std::size_t>(a)] =
        a == node.axis ? static_cast<std::int64_t>(parts.size()) : first[from++];
  return whole(node, parts, Shape(std::span(axes.data(), static_cast<std::size_t>(first.axes() + 1))));
}

Var slice(Var x, int axis, std::int64_t begin, std::int64_t end) {
  const std::array inputs{x};
  common_tape(inputs, Slice::name);
  Slice node;
  node.axis = checked_axis(axis, x.shape().axes(), Slice::name);
  node.begin = begin;
  const std::int64_t extent = x.shape()[node.axis];
  if (begin < 0 || end <= begin || end > extent)
    raise<ShapeError>(tag(Slice::name) + "elements " + std::to_string(begin) + " to " + std::to_string(end) +
                      " along axis " + std::to_string(node.axis) + " of " + to_string(x.shape()) +
                      "; 0 <= begin < end <= " + std::to_string(extent) + " would do");
  return whole(node, inputs, with_extent(x.shape(), node.axis, end - begin));
}

Var reshape(Var x, const Shape& shape) {
  const std::array inputs{x};
  common_tape(inputs, Reshape::name);
  if (shape.elements() != x.shape().elements())
    raise<ShapeError>(tag(Reshape::name) + to_string(x.shape()) + " has " +
                      std::to_string(x.shape().elements()) + " elements and " + to_string(shape) + " has " +
                      std::to_string(shape.elements()));
  return whole(Reshape{}, inputs, shape);
}

Var as_constant(Var signal) { return reshape(signal, signal.shape()); }

Var broadcast_to(Var x, const Shape& shape) {
  const std::array inputs{x};
  common_tape(inputs, BroadcastTo::name);
  if (!broadcasts_to(x.shape(), shape))
    raise<ShapeError>(tag(BroadcastTo::name) + to_string(x.shape()) + " does not broadcast to " +
                      to_string(shape));
  return whole(BroadcastTo{}, inputs, shape);
}

}  // namespace retrograd
