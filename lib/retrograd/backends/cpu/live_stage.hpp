// A tiled stage of a stream: its rows' states live on from block to block.
//
// A row works on blocks of 16 samples, counted from where its states or constants last changed by an event or
// came to rest, so that what it computes does not depend on the host's blocks. Where a call ends inside a block
// of 16, that part is computed from the states at the block's beginning, and again with the rest.
//
// Constants that glide are, from one control point to the next, straight lines: what is computed from
// parameters is evaluated at the control points and goes evenly in between. Where a glide ends is one.
#pragma once

#include <retrograd/backends/cpu/row_mix.hpp>
#include <retrograd/backends/cpu/stage.hpp>
#include <retrograd/backends/cpu/tile_program.hpp>

#include <limits>
#include <optional>
#include <vector>

namespace retrograd::cpu {

/// Evaluates what is constant over time as it is at one sample.
class ConstantsAt {
 public:
  virtual ~ConstantsAt() = default;
  virtual void evaluate(std::int64_t at) = 0;
};

class LiveStage {
 public:
  /// A plan's stage, and what evaluates the constants that it reads.
  LiveStage(const StageContext& context, int stage, ConstantsAt& constants, bool has_gradients);

  std::int64_t rows() const { return rows_; }

  void start();
  void restart(std::int64_t row);
  /// The row is not computed from the sample that is played next on, until it wakes: what it stores is zeros, its states
  /// stay. It adds to no gradient of a block at whose end it sleeps.
  void sleep(std::int64_t row);
  void wake(std::int64_t row);
  /// Whether all that the row stores in this block and in what is kept before it is zeros: it has slept for so long.
  bool is_silent(std::int64_t row) const {
    const Row& sleeper = row_[static_cast<std::size_t>(row)];
    return sleeper.sleeps && sleeper.zeros_from == 0;
  }
  /// Row `row` of leaf `n` of the plan changes: so do the rows that depend on it.
  void change(int n, std::int64_t row, std::int64_t until);

  /// The buffers moved on by `passed` samples.
  void begin_block(std::int64_t at, std::int64_t passed);
  /// Plays [from, to); `buffer_start` is the sample that the buffers begin with.
  void play(std::int64_t from, std::int64_t to, std::int64_t buffer_start);

  /// Updates `has_adjoint` as StageRunner::prepare_rewind does.
  void prepare_rewind(std::vector<bool>& has_adjoint);
  /// The way back from sample `to` to the block's beginning, or to where an event changed a row.
  void rewind(std::int64_t to, std::int64_t buffer_start);

 private:
  LiveStage(const StageContext& context, int stage, ConstantsAt& constants, bool has_gradients,
            TileProgram forward);
  using Real = float;
  using Workspace = BoundProgram<Real>::Workspace;
  static constexpr std::int64_t control_period = 64;  // samples between control points
  static constexpr std::int64_t never = std::numeric_limits<std::int64_t>::max();

  struct Row {
    std::int64_t aligned = 0;     // blocks of 16 are counted from here
    std::int64_t line_start = 0;  // where its constants' lines begin
    std::int64_t line_end = never;
    std::int64_t rewind_from = 0;
    std::int64_t history_begin = 0;  // samples before are zeros to those who read them
    bool has_changed = true;         // constants or states, at the sample that is played next
    bool restarts = true;            // its states did
    bool sleeps = false;
    std::int64_t zeros_from = never;  // of a row that sleeps: the buffers' samples from here on are zeros
  };
  struct Rewind {
    Rewind(const LiveStage& stage, TileProgram program);
    std::vector<Real*> row_adjoint_data;
    std::int64_t row_adjoint_length;  // of a row: a whole block may begin at the buffer's last sample
    BoundProgram<Real> bound;
    std::vector<Buffer> row_adjoints;  // rows x row_adjoint_length each
    std::vector<RowMap> adjoint_rows, sum_rows;
    std::vector<double> row_totals, work, constants;
    Workspace workspace;
  };
  // A leaf that the stage's constants are computed from, and which of its rows each row uses.
  struct Source {
    int leaf;
    bool has_rows;  // else every row uses all of the leaf's: a whole node is between
    RowMap rows;
    std::vector<std::int64_t> glides_until;  // by the leaf's row
    bool uses(std::int64_t row, std::int64_t leaf_row) const {
      return !has_rows || rows.source(row) == leaf_row;
    }
  };

  const Shape& shape() const { return context_.plan.stages[static_cast<std::size_t>(stage_)].shape; }
  std::byte* states(const Buffer& of_rows, std::int64_t row) const {
    return of_rows.data() + static_cast<std::size_t>(row) * states_.bytes;
  }
  double* constants(std::vector<double>& of_rows, std::int64_t row) const {
    return of_rows.data() + static_cast<std::size_t>(row) * forward_.constants();
  }
  void find_sources();
  void take_changes(std::int64_t at);
  void align(std::int64_t row, std::int64_t at);
  std::int64_t next_control_point(std::int64_t row, std::int64_t at) const;
  void begin_line(std::int64_t row, std::int64_t at);
  void play_blocks(std::int64_t row, std::int64_t to, std::int64_t buffer_start);
  void find_mixes();
  void silence(std::int64_t row, std::int64_t from);
  void rewind_row(std::int64_t row, std::int64_t to, std::int64_t buffer_start);

  StageContext context_;
  int stage_;
  ConstantsAt& constants_at_;
  std::int64_t rows_, length_;
  StageStates states_;
  int tile_;
  StageHistories histories_;
  BoundProgram<Real> forward_;
  Workspace workspace_;
  std::vector<Source> sources_;
  std::vector<Row> row_;
  Buffer first_states_, states_aligned_, states_now_;  // [row]
  Buffer states_rewind_, states_of_tile_;              // [row]; [tile]
  Buffer rings_;                                       // [row]
  std::vector<double> from_, to_;                      // [row][constant]
  std::optional<Rewind> rewind_;

  // A node that is a sum over the stage's rows, and whose samples it adds.
  struct MixOfRows {
    int node, source;
    RowMix rows;
  };
  std::vector<MixOfRows> mixes_;
  std::vector<double> mix_work_;
  std::vector<int> stored_;       // nodes, the sums over rows apart
  std::vector<char> is_awake_;    // [row]
  bool wakes_or_sleeps_ = false;  // some row, since the last play
};

}  // namespace retrograd::cpu
