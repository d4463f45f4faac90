#include <retrograd/nodes/cumulative_sum.hpp>
#include <retrograd/nodes/length.hpp>
#include <retrograd/nodes/phase.hpp>

namespace retrograd {

std::int64_t signal_length(TapeState* tape, const Shape& shape, bool varies,
                           std::optional<std::int64_t> length, const char* operation) {
  const auto prefix = [&] { return std::string("[") + operation + "] "; };
  if (varies) {
    if (length)
      raise<LengthMismatchError>(prefix() + "a length of " + std::to_string(*length) +
                                 " was given, but an input varies over time already, with shape " +
                                 to_string(shape) + "; leave the length out");
    return shape.length();
  }
  if (length && *length < 1)
    raise<LengthMismatchError>(prefix() + "a length of " + std::to_string(*length) +
                               "; it must be at least 1");
  if (!length) length = options_of(tape).length;
  if (!length)
    raise<LengthMismatchError>(prefix() + "the inputs are constant over time (shape " + to_string(shape) +
                               "), so a length is needed: as an argument, or for the whole tape");
  return *length;
}

Var phase(Var frequency, std::optional<Var> phase_mod, std::optional<std::int64_t> length) {
  return record_oscillator(Phase{}, frequency, phase_mod, length);
}

Var detail::phase_signal(Var frequency, std::optional<Var> phase_mod, std::optional<std::int64_t> length,
                         const char* operation) {
  const Var modulation = phase_mod ? *phase_mod : zero(frequency.tape());
  const std::array inputs{frequency, modulation};
  TapeState* tape = common_tape(inputs, operation);
  const Shape shape = broadcast(frequency.shape(), modulation.shape(), operation);
  const bool varies = frequency.is_signal() || modulation.is_signal();
  Phase node;
  node.period = options_of(tape).sample_rate.value_or(6.283185307179586);
  return record(tape, node_type<Phase>, NodeData::of(node), inputs,
                shape.with_length(signal_length(tape, shape, varies, length, operation)), true);
}

Var cumulative_sum(Var x, std::optional<std::int64_t> length) {
  const std::array inputs{x};
  TapeState* tape = common_tape(inputs, CumulativeSum::name);
  return causal(
      CumulativeSum{}, inputs,
      x.shape().with_length(signal_length(tape, x.shape(), x.is_signal(), length, CumulativeSum::name)));
}

}  // namespace retrograd
