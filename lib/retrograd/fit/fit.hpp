// Fitting a rack to a recording: restarts are the rows of one batch, each row descends the multi-resolution
// spectral loss on its own, and the best row wins.
#pragma once

#include <retrograd/fit/fit_loss.hpp>
#include <retrograd/fit/random_rack.hpp>
#include <retrograd/fit/target.hpp>
#include <retrograd/losses/losses.hpp>
#include <retrograd/optimizers/optimizer.hpp>
#include <retrograd/racks/rack.hpp>
#include <retrograd/tape/tape.hpp>
#include <retrograd/tensor/not_finite_error.hpp>

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

namespace retrograd {

/// How to fit.
struct FitOptions {
  int steps = 300;              ///< of gradient descent, 0 or more
  int restarts = 8;             ///< rows, 1 or more
  std::uint64_t seed = 0;       ///< draws the rows but the first
  double learning_rate = 0.15;  ///< Adam's, at first; it falls with the steps
  SpectralLossOptions loss{};   ///< the windows that are compared; fit_loss adds what belongs to the target
  double loss_floor = default_loss_floor;  ///< dB under the target's loudest; see fit_loss
  std::vector<std::string> frozen =
      {};                        ///< patterns of parameters that keep the initial rack's values: "env.*"
  Executor* executor = nullptr;  ///< null: the calling thread
  Device device = Device::cpu;   ///< where the rows are computed
  cuda::Gpu* gpu = nullptr;      ///< on `Device::cuda`; null: the machine's first
};

/// Told after every step, and before the first one (step 0), also while the first rows are drawn; returning
/// false ends the fit with the best so far.
struct FitProgress {
  int step = 0;            ///< steps done
  int steps = 0;           ///< steps asked for
  double best_loss = 0.0;  ///< of all rows and steps so far
};
/// Returns whether to go on.
using FitWatcher = std::function<bool(const FitProgress&)>;

/// All that a later fit needs to go on where this one stopped. A fit that ended while its first rows were
/// drawn has none of it: there is nothing to go on from, and the same fit is begun again.
struct FitState {
  int steps_done = 0;             ///< of all fits together
  std::vector<Rack> best;         ///< of each row
  std::vector<double> best_loss;  ///< of each row
  OptimizerState optimizer;       ///< of all rows
};

/// What a fit reached.
struct FitResult {
  Rack rack;                 ///< the best of all rows and steps; one that the loader accepts
  double loss_before = 0.0;  ///< of the initial rack, tuned to the recording's pitch and gate
  double loss_after = 0.0;   ///< of `rack`
  int steps_done = 0;        ///< with those of the fit that was resumed
  int rows_not_finite =
      0;           ///< that ended with a loss that is NaN or infinite; the others went on without them
  FitState state;  ///< to go on from
};

/// `initial`, at the target's pitch, gate and duration: the first row. The other rows are drawn by
/// random_rack. Deterministic for a seed, whatever the executor. Throws DomainError where `resume` does not
/// belong to this rack and these options, NotFiniteError where the loss of `initial` or of every row to begin with is
/// NaN or infinite; of rows that are so, some or later, only the others count.
FitResult fit(const FitTarget& target, const Rack& initial, const FitOptions& options = {},
              const FitWatcher& watcher = {}, const FitState* resume = nullptr);

/// The loss of each rack (all of the same modules and cables) against the target, as fit_loss has it. `go_on` is told
/// the losses so far before each batch of some racks; where it returns false those are all. A loss may be NaN or
/// infinite.
std::vector<double> losses_of(const FitTarget& target, std::span<const Rack> racks,
                              const FitOptions& options = {},
                              const std::function<bool(std::span<const double>)>& go_on = {});

}  // namespace retrograd
