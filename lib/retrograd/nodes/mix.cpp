#include <retrograd/math/ordered_sum.hpp>
#include <retrograd/nodes/arithmetic.hpp>
#include <retrograd/nodes/mix.hpp>
#include <retrograd/nodes/rearrange.hpp>
#include <retrograd/nodes/slice.hpp>
#include <retrograd/nodes/sum_over_rows.hpp>

#include <numeric>

namespace retrograd {

namespace {

Var record_mix(Var x, const Shape& shape) {
  const std::array inputs{x};
  return record_node(x.tape(), node_type<Mix>, NodeData::of(Mix{}), inputs, shape, true);
}

// Of numbers: one addition after the other, in the order of sums.
Var add_slices(Var x, int axis) {
  std::vector<Var> terms;
  for (std::int64_t i = 0; i < x.shape()[axis]; ++i) terms.push_back(slice(x, axis, i, i + 1));
  std::vector<std::int32_t> order(terms.size());
  std::iota(order.begin(), order.end(), 0);
  const std::int32_t all = math::for_each_addition(
      order.data(), static_cast<std::int64_t>(order.size()), [&](std::int32_t a, std::int32_t b) {
        terms[static_cast<std::size_t>(a)] =
            terms[static_cast<std::size_t>(a)] + terms[static_cast<std::size_t>(b)];
      });
  return terms[static_cast<std::size_t>(all)] + 0.0;
}

}  // namespace

Var mix(Var x) {
  const std::array inputs{x};
  common_tape(inputs, Mix::name);
  return x.is_signal() ? record_mix(x, Shape{x.shape().length()}) : sum(x);
}

Var mix(Var x, int axis) {
  const std::array inputs{x};
  common_tape(inputs, Mix::name);
  const Shape& shape = x.shape();
  const int along = checked_axis(axis, shape.axes(), Mix::name);
  if (along == shape.axes() - 1)
    raise<ShapeError>("[mix] axis " + std::to_string(axis) + " of " + to_string(shape) +
                      " is time, which a mix keeps; sum_over_time() adds along it");
  if (!x.is_signal()) return add_slices(x, along);
  std::array<std::int64_t, Shape::max_axes> axes{};
  for (int a = 0; a < shape.axes(); ++a) axes[static_cast<std::size_t>(a)] = a == along ? 1 : shape[a];
  return record_mix(x, Shape(std::span(axes.data(), static_cast<std::size_t>(shape.axes()))));
}

}  // namespace retrograd
