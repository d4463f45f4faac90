// What concat, stack, slice, reshape and broadcast_to share: they move elements and compute nothing.
//
// Each says, for runs of output elements, where in which input they come from; the adjoint adds back along
// the same map. That makes them linear: the tangent is the forward of the tangents.
#pragma once

#include <retrograd/nodes/whole.hpp>

namespace retrograd {

/// `count` elements of input `input`, from element `from` on and `stride` apart (0 repeats one), that land at
/// `to` and after.
struct Run {
  std::size_t input;
  std::int64_t from, stride, to, count;
};

/// N has `template <class Visit> void for_each_run(std::span<const TensorView> x, const Shape& y, const
/// Visit& visit) const`.
template <class N>
struct Rearrange : Whole {
  static constexpr bool adjoint_reads_inputs = false;

  void forward(const WholeCall& call) const {
    node().for_each_run(call.x, call.y.shape, [&](const Run& run) {
      visit(call.y, [&](auto* y) {
        using Y = std::remove_pointer_t<decltype(y)>;
        visit(call.x[run.input], [&](const auto* x) {
          for (std::int64_t i = 0; i < run.count; ++i)
            y[run.to + i] = static_cast<Y>(x[run.from + i * run.stride]);
        });
      });
    });
  }
  void adjoint(const WholeCall& call) const {
    node().for_each_run(call.x, call.gy.shape, [&](const Run& run) {
      const MutableView& target = call.gx[run.input];
      if (target.data == nullptr) return;
      visit(call.gy, [&](const auto* gy) {
        visit(target, [&](auto* gx) {
          using X = std::remove_pointer_t<decltype(gx)>;
          for (std::int64_t i = 0; i < run.count; ++i)
            gx[run.from + i * run.stride] += static_cast<X>(gy[run.to + i]);
        });
      });
    });
  }
  void tangent(const WholeCall& call) const {
    WholeCall along = call;
    along.x = call.dx;
    forward(along);
  }

 private:
  const N& node() const { return *static_cast<const N*>(this); }
};

/// The extents before `axis` multiplied, and those after it.
struct AroundAxis {
  std::int64_t outer = 1, inner = 1;
  AroundAxis(const Shape& shape, int axis) {
    for (int a = 0; a < axis; ++a) outer *= shape[a];
    for (int a = axis + 1; a < shape.axes(); ++a) inner *= shape[a];
  }
};

/// `axis` counted from the first; negative ones count from the last. ShapeError where there is no such axis.
int checked_axis(int axis, int axes, const char* operation);

}  // namespace retrograd
