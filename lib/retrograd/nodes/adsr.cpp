#include <retrograd/nodes/adsr.hpp>
#include <retrograd/tape/length.hpp>

namespace retrograd {

namespace {

void check_parameter(Var var, const char* name) {
  if (var.is_signal())
    raise<ShapeError>(
        std::string("[adsr] ") + name + " varies over time, with shape " + to_string(var.shape()) +
        "; envelope parameters are constant over time: a number, or one value per row (rows, 1)");
}

}  // namespace

Var adsr(Var gate, const EnvelopeParameters& parameters) {
  const std::array inputs{gate, parameters.attack, parameters.decay, parameters.sustain, parameters.release};
  TapeState* tape = common_tape(inputs, Adsr::name);
  for (const InputDomain& parameter : Adsr::input_domains)
    check_parameter(inputs[parameter.input], parameter.name);
  Shape shape = gate.shape();
  for (const Var input : inputs) shape = broadcast(shape, input.shape(), Adsr::name);
  Adsr node;
  node.samples_per_unit = options_of(tape).sample_rate.value_or(1.0);
  return causal(
      node, inputs,
      shape.with_length(signal_length(tape, gate.shape(), gate.is_signal(), std::nullopt, Adsr::name)));
}

}  // namespace retrograd
