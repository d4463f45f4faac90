#include <retrograd/nodes/gate.hpp>
#include <retrograd/patches/record.hpp>
#include <retrograd/synths/fm_synth.hpp>

namespace retrograd {

TapeOptions tape_options(const Patch& patch) {
  TapeOptions options;
  options.sample_rate = patch.sample_rate;
  options.length = length_in_samples(patch);
  return options;
}

RecordedPatch record(Tape& tape, const Patch& patch, std::int64_t rows, const DomainOf& domain_of) {
  validate(patch, "the patch");
  return record(tape, patch, tape.input("note.gate", gate(patch.note.gate, tape)), rows, domain_of);
}

RecordedPatch record(Tape& tape, const Patch& patch, Var gate, std::int64_t rows, const DomainOf& domain_of) {
  validate(patch, "the patch");
  Patch source = patch;
  RecordedPatch recorded;
  for (const PatchParameter& parameter : parameters(source)) {
    Tensor value(rows > 1 ? Shape{rows, 1} : Shape{1});
    value.fill(parameter.value);
    recorded.parameters.push_back(
        tape.parameter(parameter.name, value, domain_of ? domain_of(parameter) : parameter.domain()));
  }
  // note.frequency, then for each operator ratio, gain, attack, decay, sustain, release.
  const auto* next = recorded.parameters.data();
  const Var pitch = *next++;
  std::vector<FMOperatorParameters> operators;
  for (std::size_t i = 0; i < patch.fm.operators.size(); ++i, next += 6)
    operators.push_back({next[0], next[1], {next[2], next[3], next[4], next[5]}});
  const FMSynth synth(static_cast<int>(operators.size()), patch.fm.routing, patch.fm.audible);
  recorded.audio = synth(gate, pitch, operators);
  return recorded;
}

void read_parameters(const Tape& tape, const RecordedPatch& recorded, std::int64_t row, Patch& patch) {
  std::size_t i = 0;
  for (const PatchParameter& parameter : parameters(patch)) {
    const TensorView value = tape.value(recorded.parameters[i++]);
    parameter.value = value.at(value.shape.rows() > 1 ? row : 0);
  }
}

}  // namespace retrograd
