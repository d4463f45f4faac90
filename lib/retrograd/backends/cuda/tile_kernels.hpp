// The kernels of tiled stages: an interpreter of tile programs, a block to a row or to a part of one, and what goes
// before and after where time is split over blocks.
#pragma once

#include <retrograd/backends/cuda/causal_lanes.hpp>
#include <retrograd/backends/cuda/kernel_list.hpp>

namespace retrograd::cuda {

/// What can be a step: the position in the list is the opcode.
using TileNodes = Joined<Joined<PointwiseNodes, CausalNodes>::type, Reductions>::type;

// --- the interpreter -----------------------------------------------------------------------------

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

/// How far the oscillators of steady frequency move in each sample of the row, whose operands are placed.
struct IncrementOf {
  const StepAt& step;
  const Operand* placed;
  std::uint64_t& increment;
  int opcode = 0;
  template <class N>
  RETROGRAD_INLINE bool operator()() {
    if (step.opcode != opcode++) return false;
    if constexpr (requires { OnLanes<N>::increment; })
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

RETROGRAD_ANYWHERE int samples_in(const StageAt& stage, std::int64_t tile) {
  return static_cast<int>(std::min<std::int64_t>(stage.tile, stage.length - tile * stage.tile));
}

/// Copies a row's states at the start of a tile, 16 bytes each.
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

// --- states, where time is split -----------------------------------------------------------------

/// A causal node whose state moves without the values: an oscillator or an envelope, and what moves it.
struct MovingAt {
  bool is_envelope;
  double unit;           ///< an oscillator's period, an envelope's samples per unit
  int state;             ///< bytes into the states
  OperandAt moved_by;    ///< the frequency, or the gate: stored
  OperandAt numbers[4];  ///< an envelope's parameters
};

/// What a tile's gate does, as it stands where the tile's state will be.
struct GateOfTile {
  std::int32_t begins_high, ends_high, has_edge, unused;
};

template <class Real>
RETROGRAD_ANYWHERE Input<Real> input_at(const OperandAt& operand, std::int64_t length, std::int64_t row,
                                        std::int64_t start, Real* lanes) {
  const std::int64_t of_row = operand.row_of != nullptr ? operand.row_of[row] : row;
  if (!operand.is_number)
    return {static_cast<const Real*>(operand.data) + of_row * length + start, math::block, 0.0};
  const double constant = static_cast<const double*>(operand.data)[of_row];
  for (int l = 0; l < math::block; ++l) lanes[l] = static_cast<Real>(constant);
  return {lanes, 0, constant};
}

/// How each tile moves each state by itself: a block for each node, row and tile.
template <class Real>
struct SummariseTiles {
  static constexpr const char* name = "summarise_tiles";
  struct Arguments {
    StageAt stage;
    const MovingAt* moving;
  };
  template <class Block>
  RETROGRAD_ANYWHERE static void run(Block& block, const Arguments& a) {
    const StageAt& stage = a.stage;
    const std::int64_t tile = block.index() % stage.tiles, row = block.index() / stage.tiles % stage.rows;
    const MovingAt& moving = a.moving[block.index() / stage.tiles / stage.rows];
    if (moving.moved_by.is_number) return;  // a closed form
    const std::int64_t start = tile * stage.tile;
    const int count = samples_in(stage, tile);
    std::byte* state = stage.saved_states + (row * stage.tiles + tile) * stage.state_bytes + moving.state;
    const Input<Real> x = input_at<Real>(moving.moved_by, stage.length, row, start, nullptr);
    if (!moving.is_envelope) {
      // Any oscillator: how far the phase moves does not depend on the waveform.
      using Oscillator = Oscillation<Sinusoid>;
      Oscillator node;
      node.period = moving.unit;
      OscillationOnLanes<Oscillator>::template summarise<Real>(
          block, node, x, count, *reinterpret_cast<typename Oscillator::State*>(state));
      return;
    }
    int end = count;  // of the samples that are as the first
    const bool begins_high = x.sample(0) >= Real(0.5);
    for (int i = block.thread(); i < count; i += threads)
      if ((x.sample(i) >= Real(0.5)) != begins_high) end = std::min(end, i);
    end = block.least(end);
    if (block.thread() == 0)
      *reinterpret_cast<GateOfTile*>(state) = {begins_high, x.sample(count - 1) >= Real(0.5), end < count, 0};
  }
};

/// From that, the states at each tile's start: a block for each node and row.
template <class Real>
struct ScanStates {
  static constexpr const char* name = "scan_states";
  struct Arguments {
    StageAt stage;
    const MovingAt* moving;
  };
  static constexpr std::size_t shared_bytes = threads * sizeof(GateOfTile) + 5 * math::block * sizeof(double);

  template <class Block>
  RETROGRAD_ANYWHERE static void run(Block& block, const Arguments& a) {
    const std::int64_t row = block.index() % a.stage.rows;
    const MovingAt& moving = a.moving[block.index() / a.stage.rows];
    std::byte* states = a.stage.saved_states + row * a.stage.tiles * a.stage.state_bytes + moving.state;
    if (moving.is_envelope)
      scan_gate(block, a.stage, moving, row, states);
    else
      scan_phase(block, a.stage, moving, row, states);
  }

 private:
  using Oscillator = Oscillation<Sinusoid>;

  template <class Block>
  RETROGRAD_ANYWHERE static void scan_phase(Block& block, const StageAt& stage, const MovingAt& moving,
                                            std::int64_t row, std::byte* states) {
    using State = Oscillator::State;
    const auto state_at = [&](std::int64_t tile) {
      return reinterpret_cast<State*>(states + tile * stage.state_bytes);
    };
    Oscillator node;
    node.period = moving.unit;
    if (moving.moved_by.is_number) {
      Real lanes[math::block];
      const Input<Real> frequency = input_at<Real>(moving.moved_by, stage.length, row, 0, lanes);
      const Oscillator::SteadyPhase<Real> phase(node, frequency.constant, State{});
      for (std::int64_t tile = block.thread(); tile < stage.tiles; tile += threads)
        *state_at(tile) = {phase.increment * static_cast<std::uint64_t>(tile * stage.tile), 0};
      return;
    }
    std::uint64_t turns = 0;
    bool is_not_a_number = false;
    for (std::int64_t first = 0; first < stage.tiles; first += threads) {
      const std::int64_t tile = first + block.thread();
      const State of_tile = tile < stage.tiles ? *state_at(tile) : State{};
      std::uint64_t all;
      const std::uint64_t before = block.add_earlier(of_tile.turns, all);
      const int first_bad = block.least(of_tile.is_not_a_number != 0 ? block.thread() : threads);
      if (tile < stage.tiles)
        *state_at(tile) = {turns + before, is_not_a_number || block.thread() > first_bad ? 1u : 0u};
      turns += all;
      is_not_a_number = is_not_a_number || first_bad < threads;
    }
  }

  template <class Block>
  RETROGRAD_ANYWHERE static void scan_gate(Block& block, const StageAt& stage, const MovingAt& moving,
                                           std::int64_t row, std::byte* states) {
    Adsr node;
    node.samples_per_unit = moving.unit;
    GateOfTile* gates = reinterpret_cast<GateOfTile*>(block.shared());
    Real lanes[math::block];
    Input<Real> x[Adsr::inputs];
    for (int i = 1; i < Adsr::inputs; ++i) {
      const OperandAt& number = moving.numbers[i - 1];
      x[i].constant =
          static_cast<const double*>(number.data)[number.row_of != nullptr ? number.row_of[row] : row];
    }
    const envelope::Times now = times_of(node, x);
    envelope::State state;
    for (std::int64_t first = 0; first < stage.tiles; first += threads) {
      const std::int64_t mine = first + block.thread();
      if (mine < stage.tiles && !moving.moved_by.is_number)
        gates[block.thread()] = *reinterpret_cast<const GateOfTile*>(states + mine * stage.state_bytes);
      block.barrier();
      envelope::State of_mine;
      for (std::int64_t tile = first; tile < std::min(stage.tiles, first + threads); ++tile) {
        if (tile == mine) of_mine = state;
        const int count = samples_in(stage, tile);
        const GateOfTile gate = gates[tile - first];
        if (!moving.moved_by.is_number && gate.has_edge == 0 && (gate.begins_high != 0) == state.is_high()) {
          state.position += state.is_high() ? count : -count;
          continue;
        }
        const Input<Real> samples =
            input_at<Real>(moving.moved_by, stage.length, row, tile * stage.tile, lanes);
        const auto of_tile = gate_of(block, samples, count);
        envelope::Pieces<Real, GateOnLanes<Real, Block>> pieces(count, of_tile, now, &now, state);
        while (!pieces.at_end()) pieces.next();
      }
      block.barrier();
      if (mine < stage.tiles)
        *reinterpret_cast<envelope::State*>(states + mine * stage.state_bytes) = of_mine;
    }
  }
};

// --- what comes after ----------------------------------------------------------------------------

struct ReductionAt {
  bool is_maximum;
  double* value;  ///< [row]
};

/// The values of reductions from those of the tiles: a block for each reduction and row.
struct FinishReductions {
  static constexpr const char* name = "finish_reductions";
  static constexpr std::size_t shared_bytes = threads * sizeof(LargestOfTile);
  struct Arguments {
    StageAt stage;
    const ReductionAt* reductions;
    double* work;  ///< [reduction][row][work_per_sum]
    std::int64_t work_per_sum;
  };
  template <class Block>
  RETROGRAD_ANYWHERE static void run(Block& block, const Arguments& a) {
    const std::int64_t at = block.index(), row = at % a.stage.rows;
    const ReductionAt& reduction = a.reductions[at / a.stage.rows];
    if (!reduction.is_maximum) {
      const double* tiles = a.stage.reduced_tiles + at * a.stage.sum_tiles;
      const double sum = ordered_sum(block, a.stage.sum_tiles, a.work + at * a.work_per_sum,
                                     [&](std::int64_t i) { return tiles[i]; });
      if (block.thread() == 0) reduction.value[row] = sum;
      return;
    }
    LargestOfTile largest{0.0, -1};
    for (std::int64_t tile = block.thread(); tile < a.stage.tiles; tile += threads)
      OnLanes<MaximumOverTime>::take(largest, a.stage.largest_tiles[at * a.stage.tiles + tile]);
    largest =
        OnLanes<MaximumOverTime>::of_all(block, reinterpret_cast<LargestOfTile*>(block.shared()), largest);
    if (block.thread() != 0) return;
    reduction.value[row] = largest.value;
    a.stage.largest_index[at] = largest.index;
  }
};

/// The sum over each row's time: a block for each sum and row.
struct FinishSums {
  static constexpr const char* name = "finish_sums";
  struct Arguments {
    SumsOverTime sums;
    std::int64_t rows, sum_tiles;
    double* of_rows;  ///< [sum][row]
    double* work;     ///< [sum][row][work_per_sum]
    std::int64_t work_per_sum;
  };
  template <class Block>
  RETROGRAD_ANYWHERE static void run(Block& block, const Arguments& a) {
    const std::int64_t at = block.index();
    const double* tiles = a.sums.tiles + at * a.sum_tiles;
    const double sum = ordered_sum(block, a.sum_tiles, a.work + at * a.work_per_sum,
                                   [&](std::int64_t i) { return tiles[i]; });
    if (block.thread() == 0) a.of_rows[at] = a.sums.totals[at] + sum;
  }
};

/// One element of a number's adjoint, and which sums of which rows it gains, one sum after the other.
struct GainAt {
  double* adjoint;
  std::int64_t first_sum, sum_count;    ///< in `sums`
  std::int64_t first_user, user_count;  ///< in `users`: rows; first_user < 0: row user_count alone
};

/// Adds the sums of rows to the adjoints of the numbers that the rows share: a block for each element.
struct AddSums {
  static constexpr const char* name = "add_sums";
  struct Arguments {
    const GainAt* gains;
    const std::int32_t* sums;
    const std::int64_t* users;
    std::int64_t rows;
    const double* of_rows;  ///< [sum][row]
    double* work;           ///< [gain][work_per_sum]
    std::int64_t work_per_sum;
  };
  template <class Block>
  RETROGRAD_ANYWHERE static void run(Block& block, const Arguments& a) {
    const GainAt& gain = a.gains[block.index()];
    double adjoint = *gain.adjoint;
    for (std::int64_t s = 0; s < gain.sum_count; ++s) {
      const double* of_rows = a.of_rows + a.sums[gain.first_sum + s] * a.rows;
      adjoint += ordered_sum(block, gain.user_count, a.work + block.index() * a.work_per_sum,
                             [&](std::int64_t i) { return of_rows[a.users[gain.first_user + i]]; });
    }
    block.barrier();
    if (block.thread() == 0) *gain.adjoint = adjoint;
  }
};

/// The adjoint of a signal that rows share: those of its rows, of one chunk of time, in row order.
template <class Real>
struct AddRowAdjoints {
  static constexpr const char* name = "add_row_adjoints";
  struct Arguments {
    Real* adjoint;
    const Real* of_rows;        ///< [row][chunk]
    const std::int64_t* first;  ///< [source + 1], in `users`
    const std::int64_t* users;
    std::int64_t sources, length, from, to, chunk;
    bool accumulates;
  };
  template <class Block>
  RETROGRAD_ANYWHERE static void run(Block& block, const Arguments& a) {
    const std::int64_t count = a.to - a.from;
    for (std::int64_t i = block.index() * std::int64_t{threads} + block.thread(); i < a.sources * count;
         i += std::int64_t{threads} * block.blocks()) {
      const std::int64_t source = i / count, n = i % count;
      Real* gx = a.adjoint + source * a.length + a.from + n;
      for (std::int64_t user = a.first[source]; user < a.first[source + 1]; ++user) {
        const Real term = a.of_rows[a.users[user] * a.chunk + n];
        *gx = user == a.first[source] && !a.accumulates ? term : *gx + term;
      }
    }
  }
};

using TileKernels = KernelList<PlayTiles<float>, PlayTiles<double>, RewindTiles<float>, RewindTiles<double>,
                               SummariseTiles<float>, SummariseTiles<double>, ScanStates<float>,
                               ScanStates<double>, JoinGroups, FinishReductions, FinishSums, AddSums,
                               AddRowAdjoints<float>, AddRowAdjoints<double>>;

}  // namespace retrograd::cuda
