#include <retrograd/nodes/adsr.hpp>
#include <retrograd/nodes/length.hpp>

#include <limits>

namespace retrograd {

namespace {

// A value the tape holds already is checked now; one that is computed is checked by whoever computes it.
void check_parameter(TapeState* tape, Var var, const char* name, const Domain& domain) {
  if (var.is_signal())
    raise<ShapeError>(
        std::string("[adsr] ") + name + " varies over time, with shape " + to_string(var.shape()) +
        "; envelope parameters are constant over time: a number, or one value per row (rows, 1)");
  if (const Tensor* value = leaf_value(tape, var))
    check_domain(domain, *value, std::string("[adsr] ") + name);
}

}  // namespace

Var adsr(Var gate, const EnvelopeParameters& parameters) {
  const std::array inputs{gate, parameters.attack, parameters.decay, parameters.sustain, parameters.release};
  TapeState* tape = common_tape(inputs, Adsr::name);
  constexpr Domain time{0.0, std::numeric_limits<double>::infinity(), false};
  check_parameter(tape, parameters.attack, "attack", time);
  check_parameter(tape, parameters.decay, "decay", time);
  check_parameter(tape, parameters.sustain, "sustain", unit_interval);
  check_parameter(tape, parameters.release, "release", time);
  Shape shape = gate.shape();
  for (const Var input : inputs) shape = broadcast(shape, input.shape(), Adsr::name);
  Adsr node;
  node.samples_per_unit = options_of(tape).sample_rate.value_or(1.0);
  return causal(
      node, inputs,
      shape.with_length(signal_length(tape, gate.shape(), gate.is_signal(), std::nullopt, Adsr::name)));
}

}  // namespace retrograd
