#include <retrograd/nodes/matmul.hpp>

#include <Eigen/Core>

namespace retrograd {

namespace {

template <class T>
using Matrix = Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

// The extents of one product, and which matrices of a and b (counted along their batch axes) it takes.
struct Products {
  std::int64_t m, k, n, count;
  BroadcastIndex a, b;

  static Shape batch(const Shape& shape) {
    std::array<std::int64_t, Shape::max_axes> axes{};
    for (int axis = 0; axis + 2 < shape.axes(); ++axis) axes[static_cast<std::size_t>(axis)] = shape[axis];
    const auto count = static_cast<std::size_t>(shape.axes() - 2);
    return count == 0 ? Shape{1} : Shape(std::span(axes.data(), count));
  }
  Products(const Shape& x, const Shape& y, const Shape& out)
      : m(x[x.axes() - 2]),
        k(x[x.axes() - 1]),
        n(y[y.axes() - 1]),
        count(batch(out).elements()),
        a(batch(x), batch(out)),
        b(batch(y), batch(out)) {}
};

template <class T>
Eigen::Map<Matrix<T>> matrix(T* data, std::int64_t index, std::int64_t rows, std::int64_t columns) {
  return {data + index * rows * columns, rows, columns};
}
template <class T>
Eigen::Map<const Matrix<T>> matrix(const T* data, std::int64_t index, std::int64_t rows,
                                   std::int64_t columns) {
  return {data + index * rows * columns, rows, columns};
}

// out (+)= a b for each product, computed in the type of `out`.
void multiply(const TensorView& a, const TensorView& b, const MutableView& out, bool add) {
  const Products p(a.shape, b.shape, out.shape);
  visit(out, [&](auto* y) {
    using Y = std::remove_pointer_t<decltype(y)>;
    visit(a, [&](const auto* left) {
      visit(b, [&](const auto* right) {
        for (std::int64_t i = 0; i < p.count; ++i) {
          const auto x = matrix(left, p.a(i), p.m, p.k).template cast<Y>();
          const auto z = matrix(right, p.b(i), p.k, p.n).template cast<Y>();
          auto result = matrix(y, i, p.m, p.n);
          if (add)
            result.noalias() += x * z;
          else
            result.noalias() = x * z;
        }
      });
    });
  });
}

}  // namespace

void Matmul::forward(const WholeCall& call) const { multiply(call.x[0], call.x[1], call.y, false); }

void Matmul::adjoint(const WholeCall& call) const {
  const Products p(call.x[0].shape, call.x[1].shape, call.gy.shape);
  const auto add = [&](const MutableView& target, bool is_left) {
    if (target.data == nullptr) return;
    visit(target, [&](auto* gx) {
      using X = std::remove_pointer_t<decltype(gx)>;
      visit(call.gy, [&](const auto* gy) {
        visit(call.x[is_left ? 1 : 0], [&](const auto* other) {
          for (std::int64_t i = 0; i < p.count; ++i) {
            const auto g = matrix(gy, i, p.m, p.n).template cast<X>();
            if (is_left)
              matrix(gx, p.a(i), p.m, p.k).noalias() +=
                  g * matrix(other, p.b(i), p.k, p.n).template cast<X>().transpose();
            else
              matrix(gx, p.b(i), p.k, p.n).noalias() +=
                  matrix(other, p.a(i), p.m, p.k).template cast<X>().transpose() * g;
          }
        });
      });
    });
  };
  add(call.gx[0], true);
  add(call.gx[1], false);
}

void Matmul::tangent(const WholeCall& call) const {
  multiply(call.dx[0], call.x[1], call.y, false);
  multiply(call.x[0], call.dx[1], call.y, true);
}

Var matmul(Var a, Var b) {
  const std::array inputs{a, b};
  common_tape(inputs, Matmul::name);
  const Shape &x = a.shape(), &y = b.shape();
  const auto fail = [&](const char* why) {
    raise<ShapeError>("[matmul] shapes " + to_string(x) + " and " + to_string(y) + ": " + why);
  };
  if (x.axes() < 2 || y.axes() < 2) fail("each needs two axes, rows and columns");
  if (x[x.axes() - 1] != y[y.axes() - 2])
    fail("the columns of the first must be as many as the rows of the second");
  const Shape batch = broadcast(Products::batch(x), Products::batch(y), Matmul::name);
  std::array<std::int64_t, Shape::max_axes> axes{};
  std::size_t count = 0;
  if (x.axes() > 2 || y.axes() > 2)
    for (int axis = 0; axis < batch.axes(); ++axis) axes[count++] = batch[axis];
  if (count + 2 > Shape::max_axes) fail("too many axes");
  axes[count++] = x[x.axes() - 2];
  axes[count++] = y[y.axes() - 1];
  return whole(Matmul{}, inputs, Shape(std::span(axes.data(), count)));
}

}  // namespace retrograd
