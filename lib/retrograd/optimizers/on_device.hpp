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
    double rate;                                              ///< of the optimiser's
    bool is_frozen;                                           ///< it is left alone
    std::int64_t first_group, group_length;                   ///< what is clipped together: see ClipGroups
    std::vector<double>*free, *first_memory, *second_memory;  ///< memories that the method has not are null
  };

  virtual ~OptimizerOnDevice() = default;
  /// Moves every parameter once. `moves`: one for all, or one for each. `are_set`: values may have been set since the last
  /// step, and are where this one begins.
  virtual void step(std::span<const Move> moves, double learning_rate, double clip, bool are_set) = 0;
  /// Brings the free coordinates and the memories to the host, into the vectors of the parameters.
  virtual void fetch() = 0;
  /// Takes them from there, and the rates.
  virtual void update(std::span<const Parameter> parameters) = 0;
};

/// The optimiser of a tape with these options; `groups`: how many there are of what is clipped together.
std::unique_ptr<OptimizerOnDevice> optimizer_on_device(
    const TapeOptions& options, std::span<const OptimizerOnDevice::Parameter> parameters,
    std::int64_t groups);

}  // namespace retrograd
