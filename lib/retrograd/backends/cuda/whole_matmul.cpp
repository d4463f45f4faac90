// Products of matrices on a GPU, computed in the type of what they are added to.
#include <retrograd/backends/cuda/kernels.hpp>
#include <retrograd/backends/cuda/whole_node.hpp>

#include <numeric>

namespace retrograd::cuda {

namespace {

// The batch axes; (1) where there are none.
Shape batch(const Shape& shape) {
  std::array<std::int64_t, Shape::max_axes> axes{1};
  for (int axis = 0; axis + 2 < shape.axes(); ++axis) axes[static_cast<std::size_t>(axis)] = shape[axis];
  return Shape(std::span(axes.data(), static_cast<std::size_t>(std::max(1, shape.axes() - 2))));
}

std::vector<std::int64_t> numbered(std::int64_t count) {
  std::vector<std::int64_t> numbers(static_cast<std::size_t>(count));
  std::iota(numbers.begin(), numbers.end(), 0);
  return numbers;
}

class MatmulOnDevice final : public DeviceNode {
 public:
  MatmulOnDevice(Gpu& gpu, const Shape& a, const Shape& b, const Shape& y)
      : gpu_(gpu),
        m_(a[a.axes() - 2]),
        k_(a[a.axes() - 1]),
        n_(b[b.axes() - 1]),
        a_of_(on_device(gpu, repeated_elements(batch(a), batch(y)))),
        b_of_(on_device(gpu, repeated_elements(batch(b), batch(y)))),
        y_of_(on_device(gpu, numbered(batch(y).elements()))),
        of_a_(gpu, repeated_elements(batch(a), batch(y)), batch(a).elements()),
        of_b_(gpu, repeated_elements(batch(b), batch(y)), batch(b).elements()),
        of_y_(gpu, numbered(batch(y).elements()), batch(y).elements()) {}

  void forward(const DeviceCall& call) override {
    multiply(as_it_is(call.x[0], a_of_, m_, k_), as_it_is(call.x[1], b_of_, k_, n_), of_y_, m_, k_, n_,
             call.y, false);
  }
  // ga += gy b', gb += a' gy
  void adjoint(const DeviceCall& call) override {
    if (call.gx[0].data != nullptr)
      multiply(as_it_is(call.gy, y_of_, m_, n_), transposed(call.x[1], b_of_, k_, n_), of_a_, m_, n_, k_,
               call.gx[0], true);
    if (call.gx[1].data != nullptr)
      multiply(transposed(call.x[0], a_of_, m_, k_), as_it_is(call.gy, y_of_, m_, n_), of_b_, k_, m_, n_,
               call.gx[1], true);
  }
  std::size_t bytes() const override {
    return a_of_.bytes() + b_of_.bytes() + y_of_.bytes() + of_a_.bytes() + of_b_.bytes() + of_y_.bytes();
  }

 private:
  static MatrixFactor as_it_is(const DeviceValue& x, const DeviceMemory& of_product, std::int64_t rows,
                               std::int64_t columns) {
    return {x.data, x.type == ElementType::f64, of_product.as<std::int64_t>(), rows * columns, columns, 1};
  }
  static MatrixFactor transposed(const DeviceValue& x, const DeviceMemory& of_product, std::int64_t rows,
                                 std::int64_t columns) {
    return {x.data, x.type == ElementType::f64, of_product.as<std::int64_t>(), rows * columns, 1, columns};
  }
  void multiply(const MatrixFactor& a, const MatrixFactor& b, const SharedRowsTable& products, std::int64_t m,
                std::int64_t k, std::int64_t n, const DeviceValue& out, bool adds) {
    with_type(out.type, [&]<class Real>() {
      using Body = MultiplyMatrices<Real>;
      launch<Body>(gpu_, Body::blocks(batch(out.shape).elements(), m, n), sizeof(typename Body::Shared),
                   {a, b, products.rows(), m, k, n, out.as<Real>(), adds});
    });
  }

  Gpu& gpu_;
  std::int64_t m_, k_, n_;
  DeviceMemory a_of_, b_of_, y_of_;     // which matrix each product takes
  SharedRowsTable of_a_, of_b_, of_y_;  // which products each matrix is in
};

}  // namespace

std::unique_ptr<DeviceNode> make_device_node(const Matmul&, Gpu& gpu, const DeviceCall& call) {
  return std::make_unique<MatmulOnDevice>(gpu, call.x[0].shape, call.x[1].shape, call.y.shape);
}

}  // namespace retrograd::cuda
