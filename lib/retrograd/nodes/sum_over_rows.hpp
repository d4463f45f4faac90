// The sum of values constant over time over all their rows, in the fixed order of sums.
#pragma once

#include <retrograd/nodes/whole.hpp>

namespace retrograd {

struct SumOverRows : Whole {
  static constexpr const char* name = "sum_over_rows";
  static constexpr bool adjoint_reads_inputs = false;
  std::unique_ptr<WholeMemory> make_memory(const WholeCall& call) const;
  void forward(const WholeCall& call) const;
  void adjoint(const WholeCall& call) const;
  void tangent(const WholeCall& call) const;
  static Check check();
};

/// The sum over everything, as a number of shape (1).
Var sum(Var x);
/// The mean over everything, as a number of shape (1).
Var mean(Var x);
/// The largest value of all, as a number of shape (1).
Var maximum(Var x);
/// The mean over time: (..., T) to (..., 1).
Var mean_over_time(Var x);

inline Check SumOverRows::check() {
  return {.inputs = {anything},
          .cases = {{{{7, 1}}, [](std::span<const Var> x) { return sum(x[0]); }},
                    {{{2, 300, 1}}, [](std::span<const Var> x) { return sum(x[0]); }},
                    {{{3, 20}}, [](std::span<const Var> x) { return mean(x[0]); }}}};
}

}  // namespace retrograd
