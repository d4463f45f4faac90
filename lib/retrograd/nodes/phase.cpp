#include <retrograd/nodes/phase.hpp>
#include <retrograd/tape/length.hpp>

namespace retrograd {

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
  return record_node(tape, node_type<Phase>, NodeData::of(node), inputs,
                     shape.with_length(signal_length(tape, shape, varies, length, operation)), true);
}

}  // namespace retrograd
