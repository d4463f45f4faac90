// Optimisers: after a rewind, `step` moves the tape's parameters against their gradients.
//
// Each parameter moves in the free space of its domain (parameter_space.hpp), so that no step leaves it. One
// that begins on a bound is put a little inside by the first step, so that it can learn.
//
// A step begins from the values that the parameters have on the tape, and takes the domain's slope there: what
// `Tape::set`, another optimiser or `load` has put there counts, also between the rewind and the step. The gradient is that
// of the last rewind, whatever was set since; a second step without a rewind moves against it once more. What the
// method remembers (moments) stays what it is. An element that nobody has set keeps its free coordinate exactly: in
// double, of which a float on the tape is a rounding.
//
// Which parameters: those that were named, or those that the tape had and that were not frozen. One that is recorded later
// is left alone until `add`. One that is frozen stays where it is, and so does what the method remembers of it; the others
// move. After a freeze or an unfreeze a step needs another play and rewind, and is a TapeError before.
//
// State is in double and kept for each element; where the gradient of what is clipped together (ClipBy) is not finite, all
// of that stays where it is.
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
/// ("/steps"). "pitch/free" is where a parameter is, in free space; "pitch/steps" is its own step count, where it differs.
using OptimizerState = std::map<std::string, std::vector<double>>;

/// A method in the form that a GPU knows, and the one that steps there: optimizers/on_device.hpp.
struct Move;
class OptimizerOnDevice;
struct ClipGroups;

/// Which gradients are clipped together, by the norm of them all in free space.
enum class ClipBy {
  /// Row r of the batch: row r of every parameter that has rows, and, as one more, all parameters of one row, which all
  /// rows share. A parameter that a `matmul` takes is a matrix and no batch of rows, nor is anything that its right
  /// operand is computed from: it is shared by all rows, or, in a batch of matrices, belongs to its own.
  row,
  tensor,  ///< each parameter by itself
  all      ///< all together, as torch.nn.utils.clip_grad_norm_ does
};

/// What the methods share: free space, clipping, state. A host writes its own method by overriding `move`.
class Optimizer {
 public:
  virtual ~Optimizer();

  /// Moves every parameter once, but those that are frozen; on a tape on a GPU there. Throws TapeError where there was no
  /// rewind since the tape was made, or since a freeze or an unfreeze. Throws DomainError where a parameter
  /// comes to a value that its domain allows and a node that reads it does not (a negative attack that was
  /// recorded as `real`): it keeps the value it had, those named before it have moved. Allocates nothing, but in the first step after
  /// something was recorded or frozen.
  void step();

  /// Moves this parameter too from now on, as if it had been named last. Throws TapeError where it is there already.
  void add(Var parameter);
  /// This parameter's learning rate is `factor` times the optimiser's. 1 at first. Throws DomainError for a negative factor or
  /// one that is not finite.
  void scale_rate(Var parameter, double factor);
  /// Of parameters whose rate is not scaled.
  double learning_rate() const { return learning_rate_; }
  /// From the next step on; 0 or more and finite, DomainError otherwise.
  void set_learning_rate(double rate);

  /// What a later optimiser of the same parameters needs to go on: where they are now, and what the method remembers.
  OptimizerState save() const;
  /// Goes on from there: the parameters are set too. Throws TapeError where a parameter of the tape is missing, has
  /// another number of elements or a coordinate that is no number, or where the step count is none; nothing has changed then.
  void load(const OptimizerState& state);

 protected:
  /// One parameter's elements in free space.
  struct Moving {
    /// Where it is at first: `x`.
    Moving(Var v, const Domain& d, std::string n, Tensor x)
        : var(v), domain(d), name(std::move(n)), value(std::move(x)) {}
    Var var;                       ///< on the tape
    Domain domain;                 ///< where its values lie
    std::string name;              ///< on the tape
    double rate = 1.0;             ///< as scale_rate set it
    std::int64_t steps = 0;        ///< done so far: those in which it was not frozen
    Tensor value;                  ///< scratch for tape.set
    std::vector<double> free;      ///< its coordinates in free space
    std::vector<double> gradient;  ///< in free space, clipped
    std::vector<std::vector<double>>
        memory;                 ///< what the method keeps, by quantity: velocity, or first and second moment
    std::uint64_t version = 0;  ///< of the value on the tape that `free` is that of
    bool is_frozen = false;     ///< as the last step found it
  };

  /// `tape` must outlive the optimiser; `parameters`: all of the tape's that are not frozen, where none are
  /// given. `clip`: the largest norm of the gradients that are clipped together, in free space; infinite: none.
  /// `memory_names`: of what the method keeps for each element, any number of quantities. Throws DomainError for a learning rate or a clip
  /// that is not positive, and TapeError where a parameter is given twice or has no name, where there is none, and for names
  /// that are not apart.
  Optimizer(Tape& tape, std::span<const Var> parameters, double learning_rate, double clip,
            std::vector<std::string> memory_names, ClipBy clip_by = ClipBy::row);

  /// Moves `parameter.free[i]` against `parameter.gradient[i]`.
  virtual void move(Moving& parameter, std::size_t i) = 0;
  /// The same for a GPU, in a parameter's step of that number; none where the method knows only `move`, and is done on the host.
  virtual std::optional<Move> move_on_device(std::int64_t steps) const;

  std::int64_t steps_ = 0;  ///< done so far

 private:
  void prepare();
  void group_elements();
  void gather_gradients();
  void clip_gradients();
  void look_at_value(Moving& parameter) const;
  void set_value(Moving& parameter);
  bool steps_on_device();
  void step_on_device();
  void go_on_here();
  void take_from_device() const;

  Tape& tape_;
  double learning_rate_;
  double clip_;
  ClipBy clip_by_;
  std::vector<std::string> memory_names_;
  std::vector<Moving> parameters_;
  std::size_t nodes_grouped_ = 0;   // of the tape, when groups_ were found
  std::vector<ClipGroups> groups_;  // of each parameter
  std::vector<double> group_norm_;  // squared, by group
  std::unique_ptr<OptimizerOnDevice> on_device_;
  bool is_changed_ = false;  // here, and not yet on the device
  std::vector<Move> moves_;  // on the device: one, or one for each parameter
};

/// Gradient descent with momentum: v = momentum * v + gradient, u -= learning_rate * v.
struct SgdOptions {
  double learning_rate = 1e-2;                            ///< in free space
  double momentum = 0.9;                                  ///< of the velocity, kept from step to step
  double clip = std::numeric_limits<double>::infinity();  ///< the largest norm of what is clipped together
  ClipBy clip_by = ClipBy::row;                           ///< what that is
};
/// The optimiser of SgdOptions.
class Sgd final : public Optimizer {
 public:
  /// `tape` must outlive it. `parameters`: all that are not frozen, where none are given.
  explicit Sgd(Tape& tape, const SgdOptions& options = {}, std::span<const Var> parameters = {})
      : Optimizer(tape, parameters, options.learning_rate, options.clip, {"velocity"}, options.clip_by),
        momentum_(options.momentum) {}

 private:
  void move(Moving& parameter, std::size_t i) override;
  std::optional<Move> move_on_device(std::int64_t steps) const override;
  double momentum_;
};

/// Adam (Kingma and Ba, 2015), with each row's gradient clipped to a norm first.
struct AdamOptions {
  double learning_rate = 1e-2;                            ///< in free space
  double beta1 = 0.9;                                     ///< of the first moment, kept from step to step
  double beta2 = 0.999;                                   ///< of the second moment
  double epsilon = 1e-8;                                  ///< added to the second moment's root
  double clip = std::numeric_limits<double>::infinity();  ///< the largest norm of what is clipped together
  ClipBy clip_by = ClipBy::row;                           ///< what that is
};
/// The optimiser of AdamOptions.
class Adam final : public Optimizer {
 public:
  /// `tape` must outlive it. `parameters`: all that are not frozen, where none are given.
  explicit Adam(Tape& tape, const AdamOptions& options = {}, std::span<const Var> parameters = {})
      : Optimizer(tape, parameters, options.learning_rate, options.clip, {"first_moment", "second_moment"},
                  options.clip_by),
        options_(options) {}

 private:
  void move(Moving& parameter, std::size_t i) override;
  std::optional<Move> move_on_device(std::int64_t steps) const override;
  AdamOptions options_;
};

}  // namespace retrograd
