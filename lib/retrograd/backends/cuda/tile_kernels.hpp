// The kernels of tiled stages: an interpreter of tile programs, a block to a row or to a part of one. What goes before,
// where time is split over blocks, is in state_kernels.hpp, what comes after in sum_kernels.hpp.
#pragma once

#include <retrograd/backends/cuda/causal_lanes.hpp>
#include <retrograd/backends/cuda/kernel_list.hpp>
#include <retrograd/backends/cuda/recurrence_lanes.hpp>
#include <retrograd/backends/cuda/sample_lanes.hpp>
#include <retrograd/backends/cuda/state_kernels.hpp>
#include <retrograd/backends/cuda/sum_kernels.hpp>

namespace retrograd::cuda {

/// What can be a step: the position in the list is the opcode.
using TileNodes = Joined<Joined<PointwiseNodes, CausalNodes>::type, Reductions>::type;

template <class Block>
struct Workspace {
  std::byte* base;
  Operand* placed;
  std::uint64_t* increments;  ///< of each step
  std::byte *states, *states_at_start, *work;

  RETROGRAD_INLINE Workspace(Block& block, const ProgramAt& program)
      : base(program.workspaces != nullptr
                 ? program.workspaces + static_cast<std::size_t>(block.index()) * program.workspace_bytes
                 : block.shared()),
        placed(reinterpret_cast<Operand*>(base + program.placed)),
        increments(reinterpret_cast<std::uint64_t*>(base + program.increments)),
        states(base + program.states),
        states_at_start(base + program.states_at_start),
        work(base + program.work) {}
};

/// Places what is the same for all tiles of a row.
template <class Real, class Block>
RETROGRAD_ANYWHERE void place_row(Block& block, const Workspace<Block>& workspace, const ProgramAt& program,
                                  std::int64_t row) {
  for (int o = block.thread(); o < program.operand_count; o += threads) {
    const OperandAt& operand = program.operands[o];
    Operand placed{workspace.base + operand.scratch, math::block, 0.0};
    switch (operand.place) {
      case TileOperand::Place::row_sum:
        placed.data = operand.data;
        break;
      case TileOperand::Place::slot:
      case TileOperand::Place::row_adjoint:
      case TileOperand::Place::history:
      case TileOperand::Place::history_adjoint:
      case TileOperand::Place::spread:
        break;
      case TileOperand::Place::none:
      case TileOperand::Place::value:
      case TileOperand::Place::adjoint:
        if (operand.place != TileOperand::Place::none && !operand.is_number) break;
        if (operand.is_number)
          placed.constant =
              static_cast<const double*>(operand.data)[operand.row_of != nullptr ? operand.row_of[row] : row];
        placed.step = 0;
        for (int l = 0; l < math::block; ++l)
          static_cast<Real*>(placed.data)[l] = static_cast<Real>(placed.constant);
        break;
    }
    workspace.placed[o] = placed;
  }
}

template <class Run, class... Nodes>
RETROGRAD_INLINE void run_one_of(NodeList<Nodes...>, Run&& run) {
  (void)(run.template operator()<Nodes>() || ...);
}

template <class N>
constexpr bool is_oscillator() {
  if constexpr (N::kind == NodeKind::causal)
    return OnLanes<N>::moves == Moves::by_frequency;
  else
    return false;
}

/// How far the oscillators of steady frequency move in each sample of the row, whose operands are placed.
struct IncrementOf {
  const StepAt& step;
  const Operand* placed;
  std::uint64_t& increment;
  int opcode = 0;
  template <class N>
  RETROGRAD_INLINE bool operator()() {
    if (step.opcode != opcode++) return false;
    if constexpr (is_oscillator<N>())
      increment = OnLanes<N>::increment(*static_cast<const N*>(step.node),
                                        placed[step.operand[step.kind == TileStep::Kind::adjoint ? 2 : 1]]);
    return true;
  }
};

template <class Block>
RETROGRAD_ANYWHERE void find_increments(Block& block, const Workspace<Block>& workspace,
                                        const ProgramAt& program) {
  block.barrier();
  for (int s = block.thread(); s < program.step_count; s += threads) {
    workspace.increments[s] = 0;
    if (program.steps[s].kind != TileStep::Kind::copy)
      run_one_of(TileNodes(), IncrementOf{program.steps[s], workspace.placed, workspace.increments[s]});
  }
}

/// Places the signals that are stored, for the tile that begins at `start`.
template <class Real, class Block>
RETROGRAD_ANYWHERE void place_tile(Block& block, const Workspace<Block>& workspace, const ProgramAt& program,
                                   std::int64_t length, std::int64_t row, std::int64_t start,
                                   std::int64_t chunk_start = 0, std::int64_t chunk = 0) {
  for (int o = block.thread(); o < program.operand_count; o += threads) {
    const OperandAt& operand = program.operands[o];
    Real* data = static_cast<Real*>(operand.data);
    if (operand.place == TileOperand::Place::row_adjoint)
      workspace.placed[o].data = data + row * chunk + (start - chunk_start);
    else if ((operand.place == TileOperand::Place::value || operand.place == TileOperand::Place::adjoint) &&
             !operand.is_number)
      workspace.placed[o].data =
          data + (operand.row_of != nullptr ? operand.row_of[row] : row) * length + start;
  }
}

template <class Real, bool is_backwards, class Lanes>
struct RunNode {
  const Lanes& lanes;
  int opcode = 0;
  template <class N>
  RETROGRAD_INLINE bool operator()() {
    if (lanes.step.opcode != opcode++) return false;
    if (is_backwards && lanes.step.kind == TileStep::Kind::adjoint)
      OnLanes<N>::template adjoint<Real>(lanes);
    else
      OnLanes<N>::template forward<Real>(lanes);
    return true;
  }
};

/// Runs all steps on one tile, whose operands and states are in place.
template <class Real, bool is_backwards, class Block>
RETROGRAD_INLINE void run_steps(Block& block, const Workspace<Block>& workspace, const ProgramAt& program,
                                const StageAt& stage, const SumsOverTime& sums, std::int64_t row,
                                std::int64_t start, int count, std::byte* carries) {
  for (int s = 0; s < program.step_count; ++s) {
    const StepAt& step = program.steps[s];
    const bool is_adjoint = is_backwards && step.kind == TileStep::Kind::adjoint;
    std::byte* states = is_adjoint ? workspace.states_at_start : workspace.states;
    const TileLanes<Real, Block> lanes{block,
                                       step,
                                       workspace.placed,
                                       workspace.work,
                                       stage,
                                       sums,
                                       row,
                                       start,
                                       count,
                                       step.state < 0 ? nullptr : states + step.state,
                                       step.carry < 0 ? nullptr : carries + step.carry,
                                       workspace.increments[s]};
    if (is_backwards && step.kind == TileStep::Kind::copy)
      CopyOnLanes::run<Real>(lanes);
    else
      run_one_of(TileNodes(), RunNode<Real, is_backwards, TileLanes<Real, Block>>{lanes});
  }
}

/// Copies a row's states at the start of a tile, a multiple of 16 bytes.
template <class Block>
RETROGRAD_ANYWHERE void copy_states(Block& block, std::byte* to, const std::byte* from, int bytes) {
  for (int i = block.thread(); i < bytes / 8; i += threads)
    reinterpret_cast<std::uint64_t*>(to)[i] = reinterpret_cast<const std::uint64_t*>(from)[i];
}

/// Forwards: a task is a row from its first tile, or a part of one whose tiles' states are there already.
template <class Real>
struct PlayTiles {
  static constexpr const char* name = "play_tiles";
  struct Arguments {
    StageAt stage;
    ProgramAt program;
    bool has_states;             ///< of each tile
    std::int64_t tiles_in_task;  ///< all of a row's where it has none
    std::int64_t tasks;
  };
  template <class Block>
  RETROGRAD_ANYWHERE static void run(Block& block, const Arguments& a) {
    const StageAt& stage = a.stage;
    const Workspace<Block> workspace(block, a.program);
    const std::int64_t tasks_in_row = (stage.tiles + a.tiles_in_task - 1) / a.tiles_in_task;
    for (std::int64_t task = block.index(); task < a.tasks; task += block.blocks()) {
      const std::int64_t row = task / tasks_in_row, first = task % tasks_in_row * a.tiles_in_task,
                         last = std::min(stage.tiles, first + a.tiles_in_task);
      place_row<Real>(block, workspace, a.program, row);
      find_increments(block, workspace, a.program);
      if (!a.has_states)  // those of built-in nodes begin at zero
        for (int i = block.thread(); i < stage.state_bytes / 8; i += threads)
          reinterpret_cast<std::uint64_t*>(workspace.states)[i] = 0;
      for (std::int64_t tile = first; tile < last; ++tile) {
        block.barrier();
        place_tile<Real>(block, workspace, a.program, stage.length, row, tile * stage.tile);
        if (stage.saved_states != nullptr) {
          std::byte* saved = stage.saved_states + (row * stage.tiles + tile) * stage.state_bytes;
          if (a.has_states)
            copy_states(block, workspace.states, saved, stage.state_bytes);
          else
            copy_states(block, saved, workspace.states, stage.state_bytes);
        }
        block.barrier();
        run_steps<Real, false>(block, workspace, a.program, stage, SumsOverTime{}, row, tile * stage.tile,
                               samples_in(stage, tile), nullptr);
      }
      block.barrier();
    }
  }
};

/// An adjoint whose carry is joined from group to group: an envelope's.
struct JoinAt {
  int step, carry;
};

RETROGRAD_ANYWHERE void join_group(const StepAt& step, const envelope::Group& group, envelope::Group& later,
                                   const ProgramAt& program, const SumsOverTime& sums, std::int64_t rows,
                                   std::int64_t row) {
  envelope::join(static_cast<const Adsr*>(step.node)->samples_per_unit, group, later,
                 [&](int input, double gained) {
                   if (step.mode[input] != AdjointMode::sum) return;
                   const OperandAt& target = program.operands[step.operand[2 + Adsr::inputs + input]];
                   sums.totals[reinterpret_cast<std::int64_t>(target.data) * rows + row] += gained;
                 });
}

/// Backwards, from the last tile of [from, to) to the first: a task is a row, or a group of its tiles by itself.
template <class Real>
struct RewindTiles {
  static constexpr const char* name = "rewind_tiles";
  struct Arguments {
    StageAt stage;
    ProgramAt program;
    SumsOverTime sums;
    std::byte* carries;  ///< [task][carry_bytes]
    int carry_bytes;
    const JoinAt* joins;
    int join_count;
    bool is_split;              ///< into groups
    bool begins;                ///< at the row's end: no carry is there yet
    std::int64_t from, to;      ///< samples
    std::int64_t chunk;         ///< samples of row adjoints, of which the first is `from`
    std::int64_t tasks_in_row;  ///< 1, or groups
  };
  template <class Block>
  RETROGRAD_ANYWHERE static void run(Block& block, const Arguments& a) {
    const StageAt& stage = a.stage;
    const Workspace<Block> workspace(block, a.program);
    for (std::int64_t task = block.index(); task < stage.rows * a.tasks_in_row; task += block.blocks()) {
      const std::int64_t row = task / a.tasks_in_row, group = task % a.tasks_in_row;
      const std::int64_t from = a.is_split ? group * group_samples : a.from,
                         to = a.is_split ? std::min(stage.length, from + group_samples) : a.to;
      std::byte* carries = a.carries + task * a.carry_bytes;
      if (a.begins) begin(block, a, carries);
      place_row<Real>(block, workspace, a.program, row);
      find_increments(block, workspace, a.program);
      for (std::int64_t tile = (to - 1) / stage.tile; tile >= 0 && tile * stage.tile >= from; --tile) {
        const std::int64_t start = tile * stage.tile;
        block.barrier();
        place_tile<Real>(block, workspace, a.program, stage.length, row, start, a.from, a.chunk);
        if (stage.saved_states != nullptr) {
          const std::byte* saved = stage.saved_states + (row * stage.tiles + tile) * stage.state_bytes;
          copy_states(block, workspace.states_at_start, saved, stage.state_bytes);
          copy_states(block, workspace.states, saved, stage.state_bytes);
        }
        block.barrier();
        run_steps<Real, true>(block, workspace, a.program, stage, a.sums, row, start, samples_in(stage, tile),
                              carries);
        if (a.is_split || start % group_samples != 0) continue;
        block.barrier();
        for (int j = block.thread(); j < a.join_count; j += threads) {
          EnvelopeCarry& carry = *reinterpret_cast<EnvelopeCarry*>(carries + a.joins[j].carry);
          join_group(a.program.steps[a.joins[j].step], carry.group, carry.later, a.program, a.sums,
                     stage.rows, row);
          carry.group = envelope::Group();
        }
      }
      block.barrier();
    }
  }

 private:
  template <class Block>
  RETROGRAD_ANYWHERE static void begin(Block& block, const Arguments& a, std::byte* carries) {
    for (int i = block.thread(); i < a.carry_bytes / 8; i += threads)
      reinterpret_cast<std::uint64_t*>(carries)[i] = 0;
    block.barrier();
    for (int j = block.thread(); j < a.join_count; j += threads)
      *reinterpret_cast<EnvelopeCarry*>(carries + a.joins[j].carry) = EnvelopeCarry();
  }
};

/// What the groups of a row left, joined from the last to the first: a block for each row and envelope.
struct JoinGroups {
  static constexpr const char* name = "join_groups";
  struct Arguments {
    ProgramAt program;
    SumsOverTime sums;
    const std::byte* carries;
    int carry_bytes;
    const JoinAt* joins;
    std::int64_t rows, groups;
  };
  template <class Block>
  RETROGRAD_ANYWHERE static void run(Block& block, const Arguments& a) {
    if (block.thread() != 0) return;
    const std::int64_t row = block.index() % a.rows;
    const JoinAt& join = a.joins[block.index() / a.rows];
    envelope::Group later;
    for (std::int64_t group = a.groups; group-- > 0;) {
      const auto* carry = reinterpret_cast<const EnvelopeCarry*>(
          a.carries + (row * a.groups + group) * a.carry_bytes + join.carry);
      join_group(a.program.steps[join.step], carry->group, later, a.program, a.sums, a.rows, row);
    }
  }
};

using InterpreterKernels =
    KernelList<PlayTiles<float>, PlayTiles<double>, RewindTiles<float>, RewindTiles<double>, JoinGroups>;
using TileKernels = JoinedLists<InterpreterKernels, StateKernels, SumKernels>::type;

}  // namespace retrograd::cuda
