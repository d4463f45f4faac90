// The best that each row of a fit has had so far: its loss, and its parameters then. Of a tape on a GPU both stay there
// until they are asked for.
#pragma once

#include <retrograd/tape/graph.hpp>
#include <retrograd/tape/tape.hpp>

#include <memory>
#include <span>
#include <vector>

namespace retrograd {

/// The part of it that is on a GPU.
class BestRowsOnDevice {
 public:
  virtual ~BestRowsOnDevice() = default;
  /// Of the losses that lie at `losses` there, one for each row.
  virtual void keep(const void* losses) = 0;
  virtual void fetch_losses(std::span<double> losses) = 0;
  /// One value per row of each parameter.
  virtual void fetch_values(std::span<std::vector<double>> values) = 0;
};

/// `losses`, `values`: where it begins; `parameters` have one value per row, constant over time.
std::unique_ptr<BestRowsOnDevice> best_rows_on_device(const TapeOptions& options,
                                                      std::span<Leaf* const> parameters,
                                                      std::span<const double> losses,
                                                      std::span<const std::vector<double>> values);

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
  std::unique_ptr<BestRowsOnDevice> on_device_;  // null: here
};

}  // namespace retrograd
