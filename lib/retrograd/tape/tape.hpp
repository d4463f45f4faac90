// The tape: records nodes, plays them forwards to compute values and backwards to compute gradients.
//
//     Tape tape({.sample_rate = 44100, .length = 44100});
//     Var pitch = tape.parameter("pitch", 300.0, positive);
//     Var audio = sinusoid(pitch);
//     Var loss = mean(square(audio - tape.input("target", recording)));
//     tape.play({loss});
//     tape.rewind(loss);
//     double slope = tape.gradient(pitch).item();
//
// Recording checks shapes and throws at once. The first play plans the memory; later ones allocate nothing.
#pragma once

#include <retrograd/tape/domain.hpp>
#include <retrograd/tape/executor.hpp>
#include <retrograd/tape/node.hpp>
#include <retrograd/tape/var.hpp>
#include <retrograd/tensor/tensor.hpp>

#include <initializer_list>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace retrograd {

namespace cuda {
class Gpu;
}

/// How a tape computes, and its time.
struct TapeOptions {
  ElementType type = ElementType::f32;  ///< of signals; values constant over time are f64
  Device device = Device::cpu;          ///< where it computes
  /// Hz. Without one, frequencies are in radians per sample and times in samples.
  std::optional<double> sample_rate = std::nullopt;
  /// Samples of a signal that is made from constants. Without one, a length is an argument where it is
  /// needed.
  std::optional<std::int64_t> length = std::nullopt;
  /// Samples per execution tile: 128, 256, 512 or 1024; 0: chosen per stage so that its scratch fits the L1
  /// cache. The results do not depend on it.
  int tile = 0;
  /// Runs the rows; it must outlive the tape. Null: the calling thread alone.
  Executor* executor = nullptr;
  /// The GPU of a tape on `Device::cuda`; it must outlive the tape. Null: the machine's first.
  cuda::Gpu* gpu = nullptr;
};

/// A value that is read before it is computed: through delays, which read it as it was. See Tape::feedback.
struct Feedback {
  Var value;  ///< the first argument of delays, and of nothing else
};

/// One thread at a time uses a tape; two tapes share nothing.
class Tape {
 public:
  /// Throws DeviceError where the device is not there, DomainError for a rate, length or tile that cannot be, or where
  /// RETROGRAD_SIMD in the environment is no SIMD level.
  explicit Tape(const TapeOptions& options = {});
  ~Tape();
  /// Moving a tape keeps its Vars valid.
  Tape(Tape&&) noexcept;
  Tape& operator=(Tape&&) noexcept;

  /// As the tape was made with.
  const TapeOptions& options() const;

  /// A value set from outside that gradients do not flow to (until `unfreeze`). A tensor of length 1 is
  /// constant over time and kept in f64; a signal is converted to the tape's type. Names are unique;
  /// TapeError otherwise.
  Var input(const std::string& name, const TensorView& value);
  /// A value set from outside that has a gradient: a number, one value per row (rows, 1), or a signal. Throws
  /// DomainError where `value` lies outside `domain`.
  Var parameter(const std::string& name, const Tensor& value, const Domain& domain = real);
  /// A value that needs no name: numbers mixed in with operators.
  Var constant(const Tensor& value);

  /// A loop: a signal of `shape` that delays read before it is computed, each of them `least_samples` or longer
  /// (a cubic one by a sample more). An echo:
  ///
  ///     Feedback loop = tape.feedback(x.shape(), 441);
  ///     Var y = x + 0.5 * delay(loop.value, 0.25, {.longest = 1.0});
  ///     tape.close(loop, y);
  ///
  /// Loops of 128 samples and more run as fast as what they are made of; shorter ones run in parts of a tile, of blocks of
  /// 16 or, below that, of the loop's length. DomainError where `least_samples` is less than 1, ShapeError where `shape` is
  /// no signal's. What reads loop.value and is no delay is a TapeError; so is a play of a loop that was not closed, and of
  /// one through a node that is neither pointwise nor causal, or that has a state and goes more samples at a time.
  Feedback feedback(const Shape& shape, std::int64_t least_samples);
  /// Says what the loop's value is. Once; `y` has the loop's shape.
  void close(const Feedback& loop, Var y);

  /// Replaces the value of an input or parameter in place. Another shape is a ShapeError; a value outside the
  /// parameter's domain, or one that a node which reads it does not allow (a negative time), a DomainError.
  /// After either the leaf has the value it had. On a tape on a GPU the value may be there, in the leaf's type; the CPU
  /// looks at it where not every number is allowed. A value on a GPU that is not the tape's is a DeviceError.
  void set(Var leaf, const TensorView& value);
  /// The same for a leaf of shape (1).
  void set(Var leaf, double value) { set(leaf, TensorView{&value, Shape{1}, ElementType::f64}); }
  /// No gradient flows to this input or parameter until it is unfrozen. A rewind wants a play first, after this and
  /// the two calls below; what the last play computed can still be read.
  void freeze(Var leaf);
  /// A gradient flows to it again, or to an input for the first time.
  void unfreeze(Var leaf);
  /// Inputs are, parameters are not, until they are told otherwise.
  bool is_frozen(Var leaf) const;
  /// The value is stored by every plan that computes it, and readable after a play.
  void keep(Var value);

  /// Computes the outputs. Keeps one plan for each set of outputs. Throws DomainError where a computed value
  /// is one that the node which reads it does not allow; nothing counts as played then.
  void play(std::initializer_list<Var> outputs) { play(std::span(outputs.begin(), outputs.size())); }
  /// The same for outputs in an array.
  void play(std::span<const Var> outputs);
  /// Gradients of sum(seed * y) for all parameters, overwriting the earlier ones; the seed is one everywhere
  /// where none is given. `y` is any played output or kept value. Throws TapeError before a play, or after a
  /// `set`, `freeze`, `unfreeze` or `keep` without one.
  void rewind(Var y);
  /// The same with a seed, of the shape of `y` (ShapeError). It may be a view of anything, a gradient of this tape too,
  /// and is read as it was before the rewind.
  void rewind(Var y, const TensorView& seed);

  /// The value of an input, a parameter, a played output or a kept value; valid until the next play.
  TensorView value(Var var) const;
  /// The same value where the tape computes: on a GPU nothing is copied or waited for. Until the next play it may be
  /// copied, and set on a tape there; other code on the GPU does not wait for the play that computes it.
  TensorView value_on_device(Var var) const;
  /// What the last rewind computed for a parameter, in the parameter's own shape; valid until the next
  /// rewind.
  TensorView gradient(Var leaf) const;
  /// The same gradient where the tape computes (all zeros, of a parameter that no play has used, are on the CPU).
  TensorView gradient_on_device(Var leaf) const;

  /// In order of recording.
  const std::vector<Var>& parameters() const;
  /// Of an input or a parameter.
  const std::string& name(Var leaf) const;
  /// Where a parameter's values may lie.
  const Domain& domain(Var parameter) const;
  /// The input or parameter of that name; TapeError naming the ones there are otherwise.
  Var find(const std::string& name) const;

  /// How the tape will compute `outputs`: stages, the nodes in each, scratch and stored bytes.
  std::string describe_plan(std::span<const Var> outputs);

  /// What records: for those who write nodes.
  TapeState* state() const { return state_.get(); }

 private:
  std::unique_ptr<TapeState> state_;
};

/// Records one operation. `signal`: the output varies over time. What the functions in nodes/ are made of.
Var record_node(TapeState* tape, const NodeType& type, NodeData data, std::span<const Var> inputs,
                const Shape& shape, bool signal);

/// The one tape of `inputs`; TapeError where there are two, or where a Var belongs to none.
TapeState* common_tape(std::span<const Var> inputs, const char* operation);

/// The options of the tape a Var lives on.
const TapeOptions& options_of(const TapeState* tape);

/// A nameless constant on `tape`.
Var constant(TapeState* tape, const Tensor& value);

namespace detail {
/// The number 0: one constant for all nodes of the tape that read it where they were given nothing.
Var zero(TapeState* tape);
}  // namespace detail

}  // namespace retrograd
