#include <retrograd/nodes/cumulative_sum.hpp>
#include <retrograd/tape/length.hpp>

namespace retrograd {

Var cumulative_sum(Var x, std::optional<std::int64_t> length) {
  const std::array inputs{x};
  TapeState* tape = common_tape(inputs, CumulativeSum::name);
  return causal(
      CumulativeSum{}, inputs,
      x.shape().with_length(signal_length(tape, x.shape(), x.is_signal(), length, CumulativeSum::name)));
}

}  // namespace retrograd
