// FM patches as plain numbers, and the recording of one with every number a parameter of the tape: what tests
// of bits, precision, memory and reference data share.
#pragma once

#include <retrograd/racks/fm.hpp>
#include <retrograd/racks/record.hpp>

#include <span>
#include <string>
#include <utility>
#include <vector>

struct FmNumbers {
  struct Operator {
    double ratio, gain, attack, decay, sustain, release;
  };
  double frequency = 300.0;
  std::vector<retrograd::Route> routing;
  std::vector<Operator> operators;

  /// The rack of these numbers; `audible` as in fm_rack.
  retrograd::Rack rack(std::span<const int> audible = {}) const {
    std::vector<retrograd::FMOperator> all;
    for (const auto& [ratio, gain, attack, decay, sustain, release] : operators)
      all.push_back({ratio, gain, {attack, decay, sustain, release}});
    retrograd::Rack rack = retrograd::fm_rack(all, routing, audible);
    rack.note.frequency = frequency;
    return rack;
  }

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
  struct Operator {
    retrograd::Var ratio, gain, attack, decay, sustain, release;
  };
  std::vector<Operator> operators;
  retrograd::Var audio;
};

/// Records the patch on `tape` with parameters named by path. With `rows` over 1 each has one value per row,
/// a little different in each. `first_row` shifts the rows: row r of a batch is what one row with first_row =
/// r holds.
inline RecordedFm record_fm(retrograd::Tape& tape, const FmNumbers& fm, retrograd::Var gate,
                            retrograd::Var pitch, int rows = 1, int first_row = 0,
                            std::span<const int> audible = {}) {
  using namespace retrograd;
  RecordedFm recorded;
  RecordOptions options{.given = {{"note.frequency", pitch}}, .gate = gate};
  const auto parameter = [&](const std::string& name, double value) {
    Tensor values(value);
    if (rows > 1 || first_row > 0) {
      std::vector<double> of_rows;
      for (int row = first_row; row < first_row + rows; ++row) of_rows.push_back(value * (1.0 + 0.013 * row));
      values = Tensor(std::span<const double>(of_rows), Shape{rows, 1});
    }
    return options.given.emplace_back(name, tape.parameter(name, values)).second;
  };
  for (std::size_t i = 0; i < fm.operators.size(); ++i) {
    const auto& [ratio, gain, attack, decay, sustain, release] = fm.operators[i];
    const std::string path = "fm.operator." + std::to_string(i) + ".";
    RecordedFm::Operator one;
    one.ratio = parameter(path + "ratio", ratio);
    one.gain = parameter(path + "gain", gain);
    one.attack = parameter(path + "envelope.attack", attack);
    one.decay = parameter(path + "envelope.decay", decay);
    one.sustain = parameter(path + "envelope.sustain", sustain);
    one.release = parameter(path + "envelope.release", release);
    recorded.operators.push_back(one);
  }
  recorded.audio = record(tape, fm.rack(audible), options).audio;
  return recorded;
}
