// The mix point: a sum over rows that keeps time. What feeds it runs once per row, what it feeds runs once.
//
// Every sample is the sum of its rows' samples in the fixed order of sums (math/ordered_sum.hpp), in double, rounded once
// to the tape's type. It is never -0. So a row that is all zeros changes no bit, whether it is computed or left out.
#pragma once

#include <retrograd/nodes/node.hpp>

namespace retrograd {

/// A sum over rows that the tiles of all rows feed. Its shape broadcasts to the input's: that says which rows are added.
struct OverRows : NodeDefaults {
  static constexpr NodeKind kind = NodeKind::over_rows;
  static constexpr int inputs = 1;
};

struct Mix : OverRows {
  static constexpr const char* name = "mix";
  static constexpr bool adjoint_reads_inputs = false;
  static constexpr unsigned passes_through = 0b1;  // every row's adjoint is the sum's
  static Check check();
};

/// The sum of all rows, sample by sample: (rows, T), or (rows, voices, T), to (T). Of values that are constant over
/// time: sum(x), of shape (1). A gradient goes to every row as it is.
Var mix(Var x);
/// The sum along one axis before time (negative: counted from the last, which is time), which stays with one element:
/// (8, 6, T) along axis 1 to (8, 1, T). ShapeError where there is no such axis, or it is time.
Var mix(Var x, int axis);

inline Check Mix::check() {
  return {.inputs = {anything},
          .cases = {{{{7, 130}}, [](std::span<const Var> x) { return mix(x[0]); }},
                    {{{2, 3, 20}}, [](std::span<const Var> x) { return mix(x[0]); }},
                    {{{2, 5, 3, 20}}, [](std::span<const Var> x) { return mix(x[0], 1); }},
                    {{{3, 4, 1}}, [](std::span<const Var> x) { return mix(x[0], 0); }}}};
}

}  // namespace retrograd
