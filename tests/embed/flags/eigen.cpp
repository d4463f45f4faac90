// A host with another Eigen than the library's; its product of matrices aborts. With an argument the host's own product is asked for.
#include <retrograd/eigen.hpp>
#include <retrograd/retrograd.hpp>

#include <cmath>

namespace rg = retrograd;

static_assert(EIGEN_MINOR_VERSION == 99);

int main(int count, char**) {
  rg::Tensor a(rg::Shape{64, 64}), b(rg::Shape{64, 64}), product(rg::Shape{64, 64});
  for (int i = 0; i < 64 * 64; ++i) {
    a.as<double>()[i] = std::sin(i);
    b.as<double>()[i] = std::cos(i);
  }
  auto own = rg::as_matrix<double>(product);
  if (count > 1) {
    own.noalias() = rg::as_matrix<double>(a.view()) * rg::as_matrix<double>(b.view());
    return 0;
  }
  own.noalias() = rg::as_matrix<double>(a.view()).lazyProduct(rg::as_matrix<double>(b.view()));

  rg::Tape tape({.type = rg::ElementType::f64});
  const rg::Var y = rg::matmul(tape.input("a", a), tape.input("b", b));
  tape.play({y});
  return (rg::as_matrix<double>(tape.value(y)) - own).norm() < 1e-9 * own.norm() ? 0 : 1;
}
