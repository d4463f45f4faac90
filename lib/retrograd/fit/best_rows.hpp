// The best that each row of a fit has had so far: its loss, and its parameters then. Of a tape on a GPU both stay there
// until they are asked for.
#pragma once

#include <retrograd/tape/backend.hpp>
#include <retrograd/tape/tape.hpp>

#include <memory>
#include <span>
#include <vector>

namespace retrograd {

class BestRows {
 public:
  /// `loss`: one value per row, to be played before keep(); `losses`, `values`: those so far, by row, and by parameter
  /// and row.
  BestRows(Tape& tape, Var loss, std::span<const Var> parameters, std::vector<double> losses,
           std::vector<std::vector<double>> values);

  /// After a play: takes the rows that are better than what they had.
  void keep();
  /// The best loss of each row.
  const std::vector<double>& losses();
  /// Of each parameter, the value that each row had then.
  const std::vector<std::vector<double>>& values();

 private:
  Tape& tape_;
  Var loss_;
  std::vector<Var> parameters_;
  std::vector<double> losses_;
  std::vector<std::vector<double>> values_;
  std::unique_ptr<LeastRowsOnDevice> on_device_;  // null: here
};

}  // namespace retrograd
