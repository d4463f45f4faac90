// Where time is split: how each tile moves the states of oscillators and envelopes, and from that the states at each
// tile's start.
#pragma once

#include <retrograd/backends/cuda/causal_lanes.hpp>
#include <retrograd/backends/cuda/kernel_list.hpp>

namespace retrograd::cuda {

/// A causal node whose state moves without the values: an oscillator or an envelope, and what moves it.
struct MovingAt {
  bool is_envelope;
  double unit;           ///< an oscillator's period, an envelope's samples per unit
  int state;             ///< bytes into the states
  OperandAt moved_by;    ///< the frequency, or the gate: stored
  OperandAt numbers[4];  ///< an envelope's parameters
};

/// What a tile's gate does, as it stands where the tile's state will be.
struct GateSummary {
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
      *reinterpret_cast<GateSummary*>(state) = {begins_high, x.sample(count - 1) >= Real(0.5), end < count,
                                                0};
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
  static constexpr std::size_t shared_bytes =
      threads * sizeof(GateSummary) + 5 * math::block * sizeof(double);

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
    GateSummary* gates = reinterpret_cast<GateSummary*>(block.shared());
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
        gates[block.thread()] = *reinterpret_cast<const GateSummary*>(states + mine * stage.state_bytes);
      block.barrier();
      envelope::State of_mine;
      for (std::int64_t tile = first; tile < std::min(stage.tiles, first + threads); ++tile) {
        if (tile == mine) of_mine = state;
        const int count = samples_in(stage, tile);
        const GateSummary gate = gates[tile - first];
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

using StateKernels =
    KernelList<SummariseTiles<float>, SummariseTiles<double>, ScanStates<float>, ScanStates<double>>;

}  // namespace retrograd::cuda
