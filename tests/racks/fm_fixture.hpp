// FM patches as plain numbers, and the recording of one with every number a parameter of the tape: what tests
// of bits, precision, memory and reference data share.
#pragma once

#include <retrograd/racks/gate.hpp>
#include <retrograd/racks/fm.hpp>

#include <string>
#include <vector>

struct FmNumbers {
  struct Operator {
    double ratio, gain, attack, decay, sustain, release;
  };
  double frequency = 300.0;
  std::vector<retrograd::Route> routing;
  std::vector<Operator> operators;

  static FmNumbers two_operators() {
    return {300.0, {{1, 0}}, {{1.0, 1.0, 0.2013, 0.4, 0.1, 0.4}, {2.0, 0.7, 0.1017, 0.5, 0.3, 0.7}}};
  }
  static FmNumbers six_operators() {
    return {220.0,
            {{1, 0}, {2, 1}, {4, 3}, {5, 4}},
            {{1.0, 0.8, 0.0113, 0.2, 0.6, 0.3},
             {2.01, 1.1, 0.0207, 0.3, 0.4, 0.2},
             {3.5, 0.6, 0.0051, 0.05, 0.2, 0.2},
             {0.5, 0.5, 0.0301, 0.3, 0.8, 0.1},
             {1.99, 0.9, 0.0177, 0.1, 0.5, 0.4},
             {7.03, 0.4, 0.0023, 0.02, 0.1, 0.05}}};
  }
};

struct RecordedFm {
  std::vector<retrograd::FMOperatorParameters> operators;
  retrograd::Var audio;
};

/// Records the patch on `tape` with parameters named by path. With `rows` over 1 each has one value per row,
/// a little different in each. `first_row` shifts the rows: row r of a batch is what one row with first_row =
/// r holds.
inline RecordedFm record_fm(retrograd::Tape& tape, const FmNumbers& fm, retrograd::Var gate,
                            retrograd::Var pitch, int rows = 1, int first_row = 0) {
  using namespace retrograd;
  RecordedFm recorded;
  const auto parameter = [&](const std::string& name, double value) {
    if (rows == 1 && first_row == 0) return tape.parameter(name, value);
    std::vector<double> values;
    for (int row = first_row; row < first_row + rows; ++row) values.push_back(value * (1.0 + 0.013 * row));
    return tape.parameter(name, Tensor(std::span<const double>(values), Shape{rows, 1}));
  };
  for (std::size_t i = 0; i < fm.operators.size(); ++i) {
    const FmNumbers::Operator& op = fm.operators[i];
    const std::string path = "fm.operator." + std::to_string(i) + ".";
    FMOperatorParameters parameters;
    parameters.ratio = parameter(path + "ratio", op.ratio);
    parameters.gain = parameter(path + "gain", op.gain);
    parameters.envelope.attack = parameter(path + "envelope.attack", op.attack);
    parameters.envelope.decay = parameter(path + "envelope.decay", op.decay);
    parameters.envelope.sustain = parameter(path + "envelope.sustain", op.sustain);
    parameters.envelope.release = parameter(path + "envelope.release", op.release);
    recorded.operators.push_back(parameters);
  }
  const FMSynth synth(static_cast<int>(fm.operators.size()), fm.routing);
  recorded.audio = synth(gate, pitch, recorded.operators);
  return recorded;
}
