// What runs a plan. The tape knows this interface; backends/ implement it.
#pragma once

#include <retrograd/tape/executor.hpp>
#include <retrograd/tape/graph.hpp>
#include <retrograd/tape/plan.hpp>
#include <retrograd/tape/tape.hpp>

#include <memory>
#include <string>

namespace retrograd {

/// A plan with its memory, ready to play. The graph's leaves hold the inputs, and receive the gradients.
class CompiledPlan {
 public:
  virtual ~CompiledPlan() = default;
  virtual void play() = 0;
  /// `node` is a position in the plan. A null seed is one everywhere.
  virtual void rewind(int node, const TensorView* seed) = 0;
  /// The stored value of a node.
  virtual TensorView value(int node) const = 0;
  /// Where it is on the plan's device; null on the CPU.
  virtual const void* value_on_device(int) const { return nullptr; }
  virtual const Plan& plan() const = 0;
  /// Stages, the nodes in each, scratch and stored bytes, for people.
  virtual std::string describe() const = 0;
};

/// `graph` and the options' executor outlive what is returned. Throws DeviceError where the device is not
/// there.
std::unique_ptr<CompiledPlan> compile(Graph& graph, Plan plan, const TapeOptions& options);

/// Throws DeviceError where this build or this machine does not have the options' device.
void check_device(const TapeOptions& options);

/// The GPU of a tape with these options; null on the CPU.
cuda::Gpu* gpu_of(const TapeOptions& options);
/// A leaf's value and gradient there.
std::unique_ptr<LeafOnDevice> leaf_on_device(const TapeOptions& options, const Leaf& leaf);

/// What each row of some leaves had where a value of the row was the least so far, on a device.
class LeastRowsOnDevice {
 public:
  virtual ~LeastRowsOnDevice() = default;
  /// The next values, one for each row, which are there.
  virtual void keep(const void* values) = 0;
  virtual void fetch_least(std::span<double> least) = 0;                    ///< [row]
  virtual void fetch_leaves(std::span<std::vector<double>> of_leaves) = 0;  ///< [leaf][row]
};

/// `least`, `of_leaves`: where it begins; `leaves` have one value per row, constant over time.
std::unique_ptr<LeastRowsOnDevice> least_rows_on_device(const TapeOptions& options,
                                                        std::span<Leaf* const> leaves,
                                                        std::span<const double> least,
                                                        std::span<const std::vector<double>> of_leaves);

/// The constants of a live plan, as its stream moves them.
class LiveConstants {
 public:
  virtual ~LiveConstants() = default;
  /// Writes every leaf that is constant over time, as it is at sample `at`. Allocates nothing.
  virtual void write(std::int64_t at) = 0;
};

/// A plan of tiled stages whose states live on from block to block: what a stream runs. Signals are buffers of
/// `history` samples and a block; constants may change and glide. After it is made nothing here allocates or
/// throws.
class LivePlan {
 public:
  /// Samples before a block that stay in the buffers.
  static constexpr int history = 16;

  virtual ~LivePlan() = default;
  /// The samples of a leaf or an output, rows x (history + block).
  virtual float* signal(int id) = 0;
  /// All states are as before the first sample, which is `at`.
  virtual void start(std::int64_t at) = 0;
  /// The next block begins at sample `at`, where the last ended.
  virtual void begin_block(std::int64_t at) = 0;
  /// Row `row` of leaf `id` changes at the sample that `play` goes on from, until sample `until`.
  virtual void change(int id, std::int64_t row, std::int64_t until) = 0;
  /// Rows of the widest signals that no mix comes before: the voices.
  virtual std::int64_t voices() const = 0;
  /// How many samples a voice may be silent for and sound again: what its delays reach back, all together.
  virtual std::int64_t memory_of_voices() const = 0;
  /// Voice `row` (-1: all, and all that is not a voice) is awake, and its states are as before the first sample.
  virtual void restart(std::int64_t row) = 0;
  /// Voice `row` (-1: all) is not computed until it is restarted: its samples are zeros.
  virtual void sleep(std::int64_t row) = 0;
  /// Plays on up to sample `to`.
  virtual void play(std::int64_t to) = 0;
  /// Whether this row of an output is zeros in this block, as that of a voice that sleeps: nobody need look at it.
  virtual bool is_silent(int id, std::int64_t row) const = 0;
  /// Looks at all that was computed since the block began. A row that has a sample that is NaN or infinite has its states
  /// as before the first sample, in all stages that are voices as it is, or are not, and have as many rows, and its samples in this block become 0.
  virtual void restart_not_finite() = 0;
  /// Whether the last restart_not_finite did so with this row of an output.
  virtual bool was_not_finite(int id, std::int64_t row) const = 0;

  /// The adjoint of an output, to be filled like signal(); then the gradients of all parameters over the
  /// block, in the graph's leaves.
  virtual float* adjoint(int id) = 0;
  virtual void rewind() = 0;
};

/// `graph` (recorded at a `length` of `history` + a block, f32) and `constants` outlive what is returned. Throws
/// TapeError where a node of the plan cannot run block by block. `outputs`: ids; `has_gradients`: rewind will
/// be called.
std::unique_ptr<LivePlan> compile_live(Graph& graph, Plan plan, std::span<const int> outputs,
                                       std::int64_t length, LiveConstants& constants, bool has_gradients);

}  // namespace retrograd
