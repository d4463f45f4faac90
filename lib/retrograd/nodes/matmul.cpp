#include <retrograd/nodes/matmul.hpp>

#include <Eigen/Core>

#include <algorithm>
#include <type_traits>
#include <vector>

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

// The matrices of one operand, each `rows` x `columns` as it is stored, as products take them: in their type, and
// transposed where asked for. A matrix that is not stored like that is copied.
template <class T>
class Factor {
 public:
  Factor(const TensorView& view, std::int64_t rows, std::int64_t columns, bool transposed)
      : view_(view), rows_(rows), columns_(columns), transposed_(transposed) {}

  const T* operator[](std::int64_t index) {
    const T* stored = nullptr;
    visit(view_, [&](const auto* data) {
      using Stored = std::remove_cvref_t<decltype(*data)>;
      const Stored* const from = data + index * rows_ * columns_;
      if constexpr (std::is_same_v<Stored, T>)
        if (!transposed_) {
          stored = from;
          return;
        }
      if (index != copied_) copy(from);
      copied_ = index;
      stored = copy_.data();
    });
    return stored;
  }

 private:
  template <class Stored>
  void copy(const Stored* from) {
    copy_.resize(static_cast<std::size_t>(rows_ * columns_));
    const std::int64_t to_row = transposed_ ? 1 : columns_, to_column = transposed_ ? rows_ : 1;
    for (std::int64_t r = 0; r < rows_; ++r)
      for (std::int64_t c = 0; c < columns_; ++c)
        copy_[static_cast<std::size_t>(r * to_row + c * to_column)] = static_cast<T>(from[r * columns_ + c]);
  }

  const TensorView& view_;
  std::int64_t rows_, columns_;
  bool transposed_;
  std::int64_t copied_ = -1;
  std::vector<T> copy_;
};

// y += a b, y being m x n and a m x k. Eigen's product is large: it is compiled once for each type and for no other
// layout.
template <class T>
void add_product(const T* a, const T* b, T* y, std::int64_t m, std::int64_t k, std::int64_t n) {
  Eigen::Map<Matrix<T>>(y, m, n).noalias() +=
      Eigen::Map<const Matrix<T>>(a, m, k) * Eigen::Map<const Matrix<T>>(b, k, n);
}

// out (+)= a b for each product, computed in the type of `out`.
void multiply(const TensorView& a, const TensorView& b, const MutableView& out, bool add) {
  const Products p(a.shape, b.shape, out.shape);
  visit(out, [&](auto* y) {
    using Y = std::remove_pointer_t<decltype(y)>;
    if (!add) std::fill_n(y, p.count * p.m * p.n, Y(0.0));
    Factor<Y> left(a, p.m, p.k, false), right(b, p.k, p.n, false);
    for (std::int64_t i = 0; i < p.count; ++i)
      add_product(left[p.a(i)], right[p.b(i)], y + i * p.m * p.n, p.m, p.k, p.n);
  });
}

}  // namespace

void Matmul::forward(const WholeCall& call) const { multiply(call.x[0], call.x[1], call.y, false); }

void Matmul::adjoint(const WholeCall& call) const {
  const Products p(call.x[0].shape, call.x[1].shape, call.gy.shape);
  if (call.gx[0].data != nullptr)
    visit(call.gx[0], [&](auto* ga) {
      using A = std::remove_pointer_t<decltype(ga)>;
      Factor<A> gy(call.gy, p.m, p.n, false), b(call.x[1], p.k, p.n, true);
      for (std::int64_t i = 0; i < p.count; ++i)
        add_product(gy[i], b[p.b(i)], ga + p.a(i) * p.m * p.k, p.m, p.n, p.k);
    });
  if (call.gx[1].data != nullptr)
    visit(call.gx[1], [&](auto* gb) {
      using B = std::remove_pointer_t<decltype(gb)>;
      Factor<B> a(call.x[0], p.m, p.k, true), gy(call.gy, p.m, p.n, false);
      for (std::int64_t i = 0; i < p.count; ++i)
        add_product(a[p.a(i)], gy[i], gb + p.b(i) * p.k * p.n, p.k, p.m, p.n);
    });
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
