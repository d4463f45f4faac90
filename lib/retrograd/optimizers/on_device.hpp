// An optimiser whose parameters are on a GPU steps there: no gradient comes to the host, and no value goes back.
#pragma once

#include <retrograd/optimizers/moves.hpp>
#include <retrograd/tape/graph.hpp>
#include <retrograd/tape/tape.hpp>

#include <memory>
#include <span>
#include <variant>
#include <vector>

namespace retrograd {

struct Move {
  std::variant<moves::SgdMove, moves::AdamMove> method;
};

class OptimizerOnDevice {
 public:
  /// One parameter, as the optimiser has it on the host.
  struct Parameter {
    Leaf* leaf;
    Domain domain;
    double rate;              ///< of the optimiser's
    std::int64_t row_length;  ///< elements in a row
    std::vector<double>*free, *first_memory, *second_memory;
  };

  virtual ~OptimizerOnDevice() = default;
  /// Moves every parameter once.
  virtual void step(const Move& move, double learning_rate, double clip) = 0;
  /// Brings the free coordinates and the memories to the host, into the vectors of the parameters.
  virtual void fetch() = 0;
  /// Takes them from there, and the rates.
  virtual void update(std::span<const Parameter> parameters) = 0;
};

/// The optimiser of a tape with these options; `rows`: the most of any parameter.
std::unique_ptr<OptimizerOnDevice> optimizer_on_device(
    const TapeOptions& options, std::span<const OptimizerOnDevice::Parameter> parameters, std::int64_t rows);

}  // namespace retrograd
