// A tile program with its memory: operands bound to values, steps to kernels. Whoever runs it owns a
// workspace.
#pragma once

#include <retrograd/backends/cpu/buffer.hpp>
#include <retrograd/backends/cpu/kernels.hpp>
#include <retrograd/backends/cpu/storage.hpp>
#include <retrograd/backends/row_map.hpp>
#include <retrograd/tape/plan.hpp>

#include <optional>
#include <vector>

namespace retrograd::cpu {

/// What a stage's programs share: where each causal node's state lies in the block of all states, and each
/// reduction.
struct StageStates {
  std::vector<std::ptrdiff_t> offset;   ///< by plan node; -1 where it keeps none
  std::vector<std::ptrdiff_t> latched;  ///< by plan node, in a stream: what it has latched; -1
  std::size_t bytes = 0;
  std::vector<int> reductions;    ///< the stage's reduction nodes
  std::vector<int> reduction_of;  ///< by plan node; -1

  /// `is_live`: of a stream, whose constants change.
  StageStates(const Plan& plan, int stage, ElementType type, bool is_live = false);
  /// Every causal node's state before the first sample.
  void start(const Plan& plan, int stage, ElementType type, std::byte* states) const;
};

/// The rings of earlier samples that a stage keeps for each row.
struct StageHistories {
  /// Of the samples that one node's output is read back to.
  struct Ring {
    std::size_t at = 0;        ///< in a row's block of all rings
    std::int64_t samples = 0;  ///< a power of two; 0: none, the signal is there
  };
  std::vector<Ring> rings;     ///< by plan node
  std::vector<Ring> adjoints;  ///< by the plan node that reads: its samples alone
  std::size_t bytes = 0;       ///< of a row's rings

  StageHistories(const Plan& plan, int stage, ElementType type, int tile);
};

/// Which sample the stored signals' buffers begin with, and those of row adjoints; and before which sample there is no
/// history.
struct BufferStarts {
  std::int64_t signals = 0;
  std::int64_t row_adjoints = 0;
  std::int64_t history = 0;
};

template <class Real>
class BoundProgram {
 public:
  /// `has_ramps`: constants may be placed as ramps.
  BoundProgram(TileProgram program, const Plan& plan, int stage, Storage& storage, const StageStates& states,
               const StageHistories& histories, int tile, Real* const* row_adjoints = nullptr,
               std::int64_t chunk = 0, bool has_ramps = false);

  /// Scratch for running the program, for one row at a time.
  class Workspace {
   public:
    Workspace() = default;
    std::byte* states() const { return states_; }
    /// The rings of the row that is run next: the program's StageHistories::bytes.
    void keep_history_at(std::byte* rings) { rings_ = rings; }
    ReductionRow<Real>& reduction(std::size_t i) const { return reductions_[i]; }
    math::SumOverTime<Real>& row_sum(std::size_t i) const { return sums_[i]; }

   private:
    friend class BoundProgram;
    Buffer memory_;
    Operand* operands_ = nullptr;
    std::byte* states_ = nullptr;
    std::byte* carries_ = nullptr;
    std::byte* rings_ = nullptr;
    std::byte *group_ = nullptr, *later_groups_ = nullptr;
    math::SumOverTime<Real>* sums_ = nullptr;
    ReductionRow<Real>* reductions_ = nullptr;
  };
  Workspace make_workspace() const;
  std::size_t workspace_bytes() const { return layout_.bytes(); }

  /// Places the operands of `row`.
  void begin_row(Workspace& workspace, std::int64_t row) const;
  /// The values constant over time that the program reads: how many, and those of `row`.
  std::size_t constants() const { return constants_; }
  void read_constants(std::int64_t row, double* values) const;
  /// In place of begin_row: constants that go from `from` to `to` in `period` samples, as they are in the
  /// `count` samples from `offset` on. One that rests is placed as a constant.
  void place_constants(Workspace& workspace, const double* from, const double* to, std::int64_t offset,
                       std::int64_t period, int count) const;
  /// Before the last tile of a row's way back: carries and row sums at their beginning.
  void begin_adjoint(Workspace& workspace) const;
  /// The same before the last tile of a group in the middle of a row whose sums are those of `row`.
  void begin_group(Workspace& workspace, Workspace& row) const;
  /// After the first tile of a group: what it leaves goes to `group`, or is joined to what later groups left.
  void take_group(Workspace& workspace, std::byte* group) const;
  void join_group(Workspace& workspace, const std::byte* group) const;
  void join_group(Workspace& workspace) const {
    take_group(workspace, workspace.group_);
    join_group(workspace, workspace.group_);
  }
  std::size_t group_bytes() const { return group_bytes_; }
  /// Whether groups can be computed in any order and joined.
  bool groups_are_independent() const { return groups_are_independent_; }
  /// Runs all steps on one tile. `states` are those at the tile's start; workspace.states() must hold a copy,
  /// which the forward steps move to the tile's end.
  void run_tile(Workspace& workspace, std::int64_t row, std::int64_t start, int count,
                const std::byte* states, const BufferStarts& buffers = {}) const;

  const TileProgram& program() const { return program_; }

 private:
  struct Binding {
    TileOperand::Place place = TileOperand::Place::none;
    std::size_t scratch = 0;  ///< slot, 16 equal lanes, row sum, or where an incomplete block is copied to
    Real* samples = nullptr;  ///< a stored signal's value
    void* const* adjoint = nullptr;   ///< where a stored signal's adjoint is
    const double* numbers = nullptr;  ///< a stored value constant over time
    Real* const* row_adjoint = nullptr;
    std::int64_t ring = 0;  ///< samples; of a history that is a stored signal or number: 0
    bool is_written = false;
    bool is_history() const {
      return place == TileOperand::Place::history || place == TileOperand::Place::history_adjoint;
    }
    /// A number that is read as a constant over time.
    bool is_constant() const {
      return numbers != nullptr && !is_history() && place != TileOperand::Place::spread;
    }
    bool is_stored_signal() const { return !is_history() && (samples != nullptr || adjoint != nullptr); }
    std::size_t rows = 0;  ///< which of the row maps says where a row of the stage is
  };
  struct Step {
    TileKernel kernel;
    OperatorKernel operator_kernel;  ///< runs this step and the next two; null where it runs alone
    const void* node;
    const int* index;
    const AdjointMode* modes;
    std::ptrdiff_t state, latched, carry;
    int reduction;
    bool is_forward;
    std::size_t state_bytes = 0;
    int loop = -1;  ///< it runs in parts of the tile with the steps beside it of the same
  };
  // Steps first to last - 1, which run for some samples of the tile and then for the next.
  struct Parts {
    std::size_t first = 0, last = 0;
    int samples = 0;
    std::vector<std::size_t> moved;  ///< operands that are elsewhere in each part
    std::vector<std::size_t> loaded,
        stored;  ///< of parts that are no whole blocks: what is copied in and out again
  };
  // An adjoint whose carry is joined from group to group.
  struct Join {
    std::size_t step, carry, group;
    void (*start)(void*);
    void (*take)(void*, void*);
    TileKernel join;
  };

  std::int64_t row_of(const Binding& binding, std::int64_t row) const {
    return row_maps_[binding.rows].second.source(row);
  }
  Binding bind_stored(int n, TileOperand::Place place, const Plan& plan, int stage, Storage& storage,
                      bool has_ramps, std::size_t tile_bytes);
  Binding bind_history(const TileOperand& operand, const Plan& plan, int stage, Storage& storage,
                       const StageHistories& histories);
  void place_histories(Workspace& workspace, std::int64_t row) const;
  TileCall call_of(const Workspace& workspace, const Step& step, std::int64_t start, int count,
                   const std::byte* states, std::int64_t history_begin) const;
  Parts find_parts(std::size_t first) const;
  void run_parts(Workspace& workspace, const Parts& parts, std::int64_t start, int count,
                 const std::byte* states, std::int64_t history_begin) const;
  Real* signal_at(const Binding& binding, std::int64_t row, std::int64_t start,
                  const BufferStarts& buffers) const;

  TileProgram program_;
  bool is_backwards_ = false;
  std::int64_t length_, chunk_;
  std::vector<Binding> bindings_;
  std::vector<std::pair<Shape, RowMap>> row_maps_;     // of the few shapes that stored values have
  std::vector<std::size_t> signals_, stored_signals_;  // bindings that lie elsewhere in each tile
  std::vector<std::size_t> histories_;                 // bindings of earlier samples
  std::size_t asked_by_operators_ = 0;  // of the stored signals, in the tile before the one that needs them
  std::vector<Step> steps_;
  std::vector<Parts> parts_;
  TileKernel copy_;
  std::vector<void (*)(void*)> start_carry_;
  std::vector<std::size_t> carry_offset_;
  std::vector<Join> joins_;
  std::size_t group_bytes_ = 0, group_at_, later_groups_at_;
  bool groups_are_independent_ = true;
  Layout layout_;
  std::size_t constants_ = 0;
  int tile_;
  std::size_t parts_at_ = 0, lanes_at_ = 0, part_states_at_ = 0, states_bytes_ = 0;
  std::size_t operands_at_, zeros_at_, states_at_, sums_at_, reductions_at_, reduction_sums_at_, sum_tiles_,
      reductions_;
  std::vector<std::optional<std::size_t>> tile_sums_at_;  // of the row sums that have them
};

}  // namespace retrograd::cpu
