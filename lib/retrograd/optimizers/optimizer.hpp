// Optimisers: after a rewind, `step` moves the tape's parameters against their gradients.
//
// Each parameter moves in the free space of its domain (parameter_space.hpp), so that no step leaves it. One
// that begins on a bound is put a little inside by the first step, so that it can learn.
// State is in double and kept for each element; a row whose gradient is not finite stays where it is.
#pragma once

#include <retrograd/tape/tape.hpp>

#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace retrograd {

/// What an optimiser remembers, by parameter name and quantity ("pitch/first_moment"), and its step count
/// ("/steps").
using OptimizerState = std::map<std::string, std::vector<double>>;

/// A method in the form that a GPU knows, and the one that steps there: optimizers/on_device.hpp.
struct Move;
class OptimizerOnDevice;

/// What the methods share: free space, clipping, state. A host writes its own method by overriding `move`.
class Optimizer {
 public:
  virtual ~Optimizer();

  /// Moves every parameter once; on a tape on a GPU there. Throws TapeError before the first rewind, and DomainError where a parameter
  /// comes to a value that its domain allows and a node that reads it does not (a negative attack that was
  /// recorded as `real`). Allocates nothing.
  void step();

  /// This parameter's learning rate is `factor` times the optimiser's. 1 at first.
  void scale_rate(Var parameter, double factor);
  /// Of parameters whose rate is not scaled.
  double learning_rate() const { return learning_rate_; }
  /// From the next step on.
  void set_learning_rate(double rate) { learning_rate_ = rate; }

  /// What a later optimiser of the same parameters needs to go on.
  OptimizerState save() const;
  /// Throws TapeError where a parameter of the tape is missing or has another number of elements.
  void load(const OptimizerState& state);

 protected:
  /// One parameter's elements in free space.
  struct Moving {
    /// Where it is at first: `x`.
    Moving(Var v, const Domain& d, std::string n, Tensor x)
        : var(v), domain(d), name(std::move(n)), value(std::move(x)) {}
    Var var;                        ///< on the tape
    Domain domain;                  ///< where its values lie
    std::string name;               ///< on the tape
    double rate = 1.0;              ///< as scale_rate set it
    std::int64_t row_length = 1;    ///< elements per row
    Tensor value;                   ///< scratch for tape.set
    std::vector<double> free;       ///< its coordinates in free space
    std::vector<double> gradient;   ///< in free space, clipped
    std::vector<double> memory[2];  ///< what the method keeps: velocity, or first and second moment
  };

  /// `tape` must outlive the optimiser; `parameters`: all of the tape's that are not frozen, where none are
  /// given. `clip`: the largest norm of a row's gradient over all parameters, in free space; infinite: none.
  Optimizer(Tape& tape, std::span<const Var> parameters, double learning_rate, double clip,
            std::vector<std::string> memory_names);

  /// Moves `parameter.free[i]` against `parameter.gradient[i]`.
  virtual void move(Moving& parameter, std::size_t i) = 0;
  /// The same for a GPU; none where the method knows only `move`, and is done on the host.
  virtual std::optional<Move> move_on_device() const;

  std::int64_t steps_ = 0;  ///< done so far

 private:
  void gather_gradients();
  void clip_rows();
  void set_value(Moving& parameter);
  bool steps_on_device();
  void go_on_here();
  void take_from_device() const;

  Tape& tape_;
  double learning_rate_;
  double clip_;
  std::vector<std::string> memory_names_;
  std::vector<Moving> parameters_;
  std::size_t rows_ = 1;
  std::vector<double> row_norm_;  // squared; the last is that of parameters all rows share
  std::unique_ptr<OptimizerOnDevice> on_device_;
  bool is_changed_ = false;  // here, and not yet on the device
};

/// Gradient descent with momentum: v = momentum * v + gradient, u -= learning_rate * v.
struct SgdOptions {
  double learning_rate = 1e-2;                            ///< in free space
  double momentum = 0.9;                                  ///< of the velocity, kept from step to step
  double clip = std::numeric_limits<double>::infinity();  ///< the largest norm of a row's gradient
};
/// The optimiser of SgdOptions.
class Sgd final : public Optimizer {
 public:
  /// `tape` must outlive it. `parameters`: all that are not frozen, where none are given.
  explicit Sgd(Tape& tape, const SgdOptions& options = {}, std::span<const Var> parameters = {})
      : Optimizer(tape, parameters, options.learning_rate, options.clip, {"velocity"}),
        momentum_(options.momentum) {}

 private:
  void move(Moving& parameter, std::size_t i) override;
  std::optional<Move> move_on_device() const override;
  double momentum_;
};

/// Adam (Kingma and Ba, 2015), with each row's gradient clipped to a norm first.
struct AdamOptions {
  double learning_rate = 1e-2;                            ///< in free space
  double beta1 = 0.9;                                     ///< of the first moment, kept from step to step
  double beta2 = 0.999;                                   ///< of the second moment
  double epsilon = 1e-8;                                  ///< added to the second moment's root
  double clip = std::numeric_limits<double>::infinity();  ///< the largest norm of a row's gradient
};
/// The optimiser of AdamOptions.
class Adam final : public Optimizer {
 public:
  /// `tape` must outlive it. `parameters`: all that are not frozen, where none are given.
  explicit Adam(Tape& tape, const AdamOptions& options = {}, std::span<const Var> parameters = {})
      : Optimizer(tape, parameters, options.learning_rate, options.clip, {"first_moment", "second_moment"}),
        options_(options) {}

 private:
  void move(Moving& parameter, std::size_t i) override;
  std::optional<Move> move_on_device() const override;
  AdamOptions options_;
};

}  // namespace retrograd
