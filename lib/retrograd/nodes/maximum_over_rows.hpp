// The largest of values constant over time over all their rows. A tie's derivative goes to the first.
#pragma once

#include <retrograd/nodes/sum_over_rows.hpp>
#include <retrograd/nodes/whole.hpp>

namespace retrograd {

struct MaximumOverRows : Whole {
  static constexpr const char* name = "maximum_over_rows";
  void forward(const WholeCall& call) const;
  void adjoint(const WholeCall& call) const;
  void tangent(const WholeCall& call) const;
  static Check check();
};

inline Check MaximumOverRows::check() {
  return {.inputs = {anything},
          .apart = 1e-3,
          .cases = {{{{7, 1}}, [](std::span<const Var> x) { return maximum(x[0]); }},
                    {{{3, 20}}, [](std::span<const Var> x) { return maximum(x[0]); }}}};
}

}  // namespace retrograd
