// Matrix product over the last two axes: y = a b, by Eigen, which allocates room of its own for large
// matrices at each play. Batch axes before them broadcast.
#pragma once

#include <retrograd/nodes/whole.hpp>

namespace retrograd {

struct Matmul : Whole {
  static constexpr const char* name = "matmul";
  static constexpr unsigned matrix_inputs = 0b10;
  void forward(const WholeCall& call) const;
  void adjoint(const WholeCall& call) const;  ///< ga += gy b', gb += a' gy
  void tangent(const WholeCall& call) const;  ///< da b + a db
  static Check check();
};

/// (..., m, k) times (..., k, n) is (..., m, n). ShapeError where an operand has one axis or the inner
/// extents differ.
Var matmul(Var a, Var b);

inline Check Matmul::check() {
  return {.inputs = {anything, anything},
          .cases = {{{{2, 3}, {3, 4}}, [](std::span<const Var> x) { return matmul(x[0], x[1]); }},
                    {{{4, 3}, {3, 1}}, [](std::span<const Var> x) { return matmul(x[0], x[1]); }},
                    {{{3, 1}, {1, 4}}, [](std::span<const Var> x) { return matmul(x[0], x[1]); }},
                    {{{2, 1, 3, 4}, {5, 4, 2}}, [](std::span<const Var> x) { return matmul(x[0], x[1]); }}}};
}

}  // namespace retrograd
