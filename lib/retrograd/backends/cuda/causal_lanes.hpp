// Causal nodes on the device: their formulas over the samples of a tile, and what the threads of a block find out
// together (where the gate changes, how far the phase has come).
#pragma once

#include <retrograd/backends/cuda/pointwise_lanes.hpp>

namespace retrograd::cuda {

// --- envelopes -----------------------------------------------------------------------------------

/// The gate of a tile, looked at by all threads together.
template <class Real, class Block>
struct GateOnLanes {
  Block& block;
  Input<Real> samples;
  int count;
  RETROGRAD_INLINE bool is_high(int i) const { return samples.sample(i) >= Real(0.5); }
  RETROGRAD_INLINE int end_of_run(int first, bool high) const {
    int end = count;
    for (int i = count - 1 - (count - 1 - block.thread()) % threads; i >= first; i -= threads)
      if (i < count && is_high(i) != high) end = i;
    return block.least(end);
  }
};

template <class Real, class Block>
RETROGRAD_INLINE GateOnLanes<Real, Block> gate_of(Block& block, const Input<Real>& samples, int count) {
  return {block, samples, count};
}

template <class Real>
RETROGRAD_INLINE envelope::Times times_of(const Adsr& node, const Input<Real>* x) {
  return {x[Adsr::attack].constant * node.samples_per_unit, x[Adsr::decay].constant * node.samples_per_unit,
          x[Adsr::sustain].constant, x[Adsr::release].constant * node.samples_per_unit};
}

/// What the adjoint of an envelope carries from tile to tile.
struct EnvelopeCarry {
  envelope::Group group;  ///< of the group of tiles under way
  envelope::Group later;  ///< what later groups left
};

template <>
struct OnLanes<Adsr> {
  using State = envelope::State;
  using Carry = EnvelopeCarry;
  static constexpr Moves moves = Moves::by_gate;
  static double unit(const Adsr& node) { return node.samples_per_unit; }
  using Piece = envelope::Piece;

  template <class Real, class Lanes>
  RETROGRAD_INLINE static void forward(const Lanes& lanes) {
    Input<Real> x[Adsr::inputs];
    for (int i = 0; i < Adsr::inputs; ++i) x[i] = lanes.input(1 + i);
    const envelope::Times now = times_of(lanes.template node<Adsr>(), x);
    const auto gate = gate_of(lanes.block, x[Adsr::gate], lanes.count);
    lanes.block.barrier();  // the gate is other threads' too, and so is the state
    State state = *reinterpret_cast<const State*>(lanes.state);
    envelope::Pieces<Real, GateOnLanes<Real, typename Lanes::Block>> pieces(lanes.count, gate, now, &now,
                                                                            state);
    Real* y = lanes.output(0);
    while (!pieces.at_end()) {
      const Piece piece = pieces.next();
      const envelope::Formula<Real> formula(*piece.times, piece.kind, piece.start);
      const Real ratio = formula.ratio(lanes.block.thread() % math::block);
      const int j0 = envelope::whole(piece.j) - piece.first;
      for_each_sample(lanes, [&](int i) {
        const int j = j0 + i / math::block * math::block;
        if (i >= piece.first && i < piece.last) y[i] = formula.at(formula.slope(j), formula.step(j), ratio);
      });
    }
    lanes.block.barrier();
    if (lanes.block.thread() == 0) *reinterpret_cast<State*>(lanes.state) = state;
  }

  /// Pieces from the last to the first. They are found in time order, and as many of the last as the work space
  /// holds are kept; where there are more, the walk begins anew for those before.
  template <class Real, class Lanes>
  RETROGRAD_INLINE static void adjoint(const Lanes& lanes) {
    constexpr int most_kept = work_bytes / static_cast<int>(sizeof(Piece));
    auto& block = lanes.block;
    const Adsr node = lanes.template node<Adsr>();
    Input<Real> x[Adsr::inputs];
    for (int i = 0; i < Adsr::inputs; ++i) x[i] = lanes.input(2 + i);
    const envelope::Times now = times_of(node, x);
    const auto gate = gate_of(block, x[Adsr::gate], lanes.count);
    Piece* kept = reinterpret_cast<Piece*>(lanes.work);
    envelope::Group& group = reinterpret_cast<EnvelopeCarry*>(lanes.carry)->group;
    for (int wanted = 1 << 30; wanted > 0;) {
      block.barrier();
      State state = *reinterpret_cast<const State*>(lanes.state);
      envelope::Pieces<Real, GateOnLanes<Real, typename Lanes::Block>> pieces(lanes.count, gate, now, &now,
                                                                              state);
      int found = 0;
      for (; !pieces.at_end() && found < wanted; ++found) {
        const Piece piece = pieces.next();
        if (block.thread() == 0) kept[found % most_kept] = piece;
      }
      block.barrier();
      wanted = std::max(0, found - most_kept);
      for (int p = found; p-- > wanted;) {
        Piece piece = kept[p % most_kept];
        piece.times = &now;
        if (block.thread() == 0) group.enter(piece);
        if (!envelope::is_silent(piece)) add_terms<Real>(lanes, piece, group);
        if (block.thread() == 0) group.leave(node.samples_per_unit, lanes.start, piece);
      }
    }
    block.barrier();
  }

 private:
  template <class Real, class Lanes>
  RETROGRAD_INLINE static void add_terms(const Lanes& lanes, const Piece& piece, envelope::Group& group) {
    const envelope::Formula<Real> formula(*piece.times, piece.kind, piece.start);
    const int lane = lanes.block.thread() % math::block;
    const Real ratio = formula.ratio(lane);
    const int j0 = envelope::whole(piece.j) - piece.first;
    const Input<Real> gy = lanes.input(0);
    const bool is_attack = piece.kind == Piece::Kind::attack;
    for (int tile = (piece.last - 1) / math::sum_tile; tile >= piece.first / math::sum_tile; --tile) {
      Real base = Real(-0.0), base_j = Real(-0.0), plain = Real(-0.0);
      for_each_sample_of_sum(lanes, tile, piece.first, piece.last, [&](int i) {
        const int j = j0 + i / math::block * math::block;
        const Real g = gy.sample(i);
        base = base + g * formula.base(j);
        base_j = base_j + g * formula.base_j(j);
        plain = plain + g;
      });
      envelope::end_lane<Real>(is_attack, lane, ratio, base, base_j, plain);
      const auto add = [&](int sum, Real of_lane) {
        const Real all = lanes.block.sum_of_lanes(of_lane);
        if (lanes.block.thread() == 0) group.own.sum[sum] += static_cast<double>(all);
      };
      if (!is_attack) add(2, base_j);
      add(1, base);
      if (piece.kind != Piece::Kind::release) add(0, plain);
    }
  }
};

// --- oscillators ---------------------------------------------------------------------------------

template <class Oscillator>
struct OscillationOnLanes {
  using State = typename Oscillator::State;
  using Carry = double;  // a running sum's
  static constexpr Moves moves = Moves::by_frequency;
  static double unit(const Oscillator& node) { return node.period; }

  template <class Real, class Lanes>
  RETROGRAD_INLINE static void forward(const Lanes& lanes) {
    const Oscillator node = lanes.template node<Oscillator>();
    const Input<Real> x[] = {lanes.input(1), lanes.input(2)};
    Real* y = lanes.output(0);
    with_wave<Real>(lanes, node, x, is_modulated(x[1]), true,
                    [&](int i, const auto& wave) { y[i] = wave.value(i / math::block, i % math::block); });
  }

  template <class Real, class Lanes>
  RETROGRAD_INLINE static void adjoint(const Lanes& lanes) {
    const Oscillator node = lanes.template node<Oscillator>();
    const Input<Real> gy = lanes.input(0), x[] = {lanes.input(2), lanes.input(3)};
    const AdjointMode* mode = lanes.step.mode;
    const typename Oscillator::template AnyPhase<Real> any_phase{node};
    if (mode[0] == AdjointMode::overwrite || (mode[0] == AdjointMode::none && !x[0].is_constant())) {
      // The frequency varies: its adjoint is a running sum of the phase's.
      Real* gp = mode[0] == AdjointMode::overwrite ? lanes.output(4) : lanes.samples();
      const Real turns_per_radian = static_cast<Real>(Oscillator::turns_per_radian);
      const bool gives_modulation = mode[1] == AdjointMode::overwrite,
                 keeps = mode[1] == AdjointMode::sum || mode[0] == AdjointMode::overwrite;
      Real* g_modulation = gives_modulation ? lanes.output(5) : nullptr;
      const auto put = [&](int i, Real g) {
        if (gives_modulation) g_modulation[i] = g * turns_per_radian;
        if (keeps) gp[i] = g;
      };
      if constexpr (Oscillator::adjoint_reads_inputs)
        with_wave<Real>(lanes, node, x, true, false, [&](int i, const auto& wave) {
          put(i, wave.adjoint(gy.sample(i), i / math::block, i % math::block));
        });
      else
        for_each_sample(lanes, [&](int i) { put(i, any_phase.adjoint(gy.sample(i), 0, 0)); });
      if (mode[1] == AdjointMode::sum)
        give<Real, 1>(lanes, 5, 1, [&](int i) { return std::array<Real, 1>{gp[i] * turns_per_radian}; });
      if (mode[0] == AdjointMode::none) return;
      const Real turns_per_unit = static_cast<Real>(1.0 / node.period);
      running_sum_backwards<true, Real>(
          lanes, [&](int i) { return gp[i]; }, [&](int i, Real sum) { gp[i] = sum * turns_per_unit; });
    } else if constexpr (Oscillator::adjoint_reads_inputs) {
      const bool modulated = is_modulated(x[1]) || mode[1] != AdjointMode::none;
      with_steady_wave<Real>(lanes, node, x, modulated,
                             [&](const auto& wave) { give_steady<Real>(lanes, node, gy, wave); });
    } else {
      give_steady<Real>(lanes, node, gy, any_phase);
    }
  }

  /// What is the same for all tiles of a row.
  RETROGRAD_INLINE static std::uint64_t increment(const Oscillator& node, const Operand& frequency) {
    return frequency.step == 0 ? Oscillator::steady_increment(node.period, frequency.constant) : 0;
  }

  /// The phase's movement over a tile whose frequency is not constant, as it stands where the state of a tile will
  /// be: its turns, and whether a frequency was bad.
  template <class Real, class Block>
  RETROGRAD_INLINE static void summarise(Block& block, const Oscillator& node, const Input<Real>& frequency,
                                         int count, State& summary) {
    const double turns_per_unit = 1.0 / node.period;
    std::uint64_t turns = 0, all;
    int bad = 1;
    for (int i = block.thread(); i < count; i += threads) {
      const Real f = frequency.sample(i);
      turns += Oscillator::increment_of(static_cast<double>(f), turns_per_unit);
      if (!(f - f == Real(0.0))) bad = 0;
    }
    block.add_earlier(turns, all);
    bad = block.least(bad);
    if (block.thread() == 0) summary = {all, bad == 0 ? 1u : 0u};
  }

 private:
  template <class Real>
  RETROGRAD_INLINE static bool is_modulated(const Input<Real>& modulation) {
    return !(modulation.is_constant() && modulation.constant == 0.0);
  }

  template <class Real, class Lanes, class Run>
  RETROGRAD_INLINE static void with_wave(const Lanes& lanes, const Oscillator& node, const Input<Real>* x,
                                         bool modulated, bool moves_state, const Run& run) {
    if (!x[0].is_constant()) {
      with_varying_wave<Real>(lanes, node, x, moves_state, run);
      return;
    }
    with_steady_wave<Real>(lanes, node, x, modulated,
                           [&](const auto& wave) { for_each_sample(lanes, [&](int i) { run(i, wave); }); });
    if (!moves_state) return;
    lanes.block.barrier();
    if (lanes.block.thread() == 0)
      reinterpret_cast<State*>(lanes.state)->turns +=
          lanes.increment * static_cast<std::uint64_t>(lanes.count);
  }

  template <class Real, class Lanes, class Run>
  RETROGRAD_INLINE static void with_steady_wave(const Lanes& lanes, const Oscillator& node,
                                                const Input<Real>* x, bool modulated, const Run& run) {
    using Steady = typename Oscillator::template SteadyPhase<Real>;
    lanes.block.barrier();
    const Steady steady(lanes.increment, x[0].constant, *reinterpret_cast<const State*>(lanes.state));
    if (modulated)
      run(typename Oscillator::template Wave<Real, Steady, true>{node, steady, x[1]});
    else if constexpr (Oscillator::adds_phases)
      run(SumOfPhases<Real>(lanes, node, steady));
    else
      run(typename Oscillator::template Wave<Real, Steady, false>{node, steady, x[1]});
  }

  // As on the CPU: a steady wave from what the waveform knows of each block's first phase and of each lane's.
  template <class Real>
  struct SumOfPhases {
    static constexpr bool adds_modulation = false;
    using Waveform = decltype(Oscillator::waveform);
    using Part = typename Waveform::template Part<Real>;
    const Waveform& waveform;
    const Part* of_block;
    Part of_lane;
    template <class Lanes, class Steady>
    RETROGRAD_INLINE SumOfPhases(const Lanes& lanes, const Oscillator& node, const Steady& steady)
        : waveform(node.waveform) {
      Part* parts = reinterpret_cast<Part*>(lanes.work);
      for (int b = lanes.block.thread(); b * math::block < lanes.count; b += threads)
        parts[b] = waveform.part(steady.turns_of_block(b));
      of_block = parts;
      of_lane = waveform.part(steady.turns_of_lane(lanes.block.thread() % math::block));
      lanes.block.barrier();
    }
    RETROGRAD_INLINE Real value(int b, int) const { return waveform.forward(of_block[b], of_lane); }
    RETROGRAD_INLINE Real adjoint(Real gy, int b, int) const {
      return waveform.adjoint(gy, of_block[b], of_lane);
    }
  };

  template <class Real, class Lanes, class AnyWave>
  RETROGRAD_INLINE static void give_steady(const Lanes& lanes, const Oscillator& node, const Input<Real>& gy,
                                           const AnyWave& wave) {
    const Real turns_per_unit = static_cast<Real>(1.0 / node.period);
    const Real turns_after = static_cast<Real>(lanes.block.thread() % math::block) * turns_per_unit;
    give<Real, 2>(lanes, 4, 0, [&](int i) {
      const int b = i / math::block;
      const Real g = wave.adjoint(gy.sample(i), b, i % math::block);
      return Oscillator::steady_terms(g, lanes.start + b * math::block, turns_per_unit, turns_after);
    });
    lanes.block.barrier();
  }

  // The phase of one sample.
  template <class Real>
  struct PhaseOfSample {
    static constexpr bool is_steady = false;
    Real of_sample;
    RETROGRAD_INLINE Real turns(int, int) const { return of_sample; }
  };

  template <class Real, class Lanes, class Run>
  RETROGRAD_INLINE static void with_varying_wave(const Lanes& lanes, const Oscillator& node,
                                                 const Input<Real>* x, bool moves_state, const Run& run) {
    using Bits = math::bits_t<Real>;
    constexpr int cut = 64 - 8 * static_cast<int>(sizeof(Bits));
    auto& block = lanes.block;
    const double turns_per_unit = 1.0 / node.period;
    block.barrier();
    State state = *reinterpret_cast<const State*>(lanes.state);
    int bad = lanes.count;  // the first sample whose frequency is not finite
    for_each_sample(lanes, [&](int i) {
      const Real f = x[0].sample(i);
      if (!(f - f == Real(0.0))) bad = std::min(bad, i);
    });
    bad = block.least(state.is_not_a_number != 0 ? -1 : bad);
    for (int first = 0; first < lanes.count; first += threads) {
      const int i = first + block.thread();
      const std::uint64_t increment =
          i < lanes.count ? Oscillator::increment_of(static_cast<double>(x[0].sample(i)), turns_per_unit) : 0;
      std::uint64_t all;
      const std::uint64_t turns = state.turns + block.add_earlier(increment, all);
      const PhaseOfSample<Real> phase{i > bad ? math::not_a_number<Real>
                                              : Oscillator::to_turns(static_cast<Bits>(turns >> cut))};
      if (i < lanes.count)
        run(i, typename Oscillator::template Wave<Real, PhaseOfSample<Real>, true>{node, phase, x[1]});
      state.turns += all;
    }
    if (bad < lanes.count) state.is_not_a_number = 1;
    block.barrier();
    if (moves_state && block.thread() == 0) *reinterpret_cast<State*>(lanes.state) = state;
  }
};

template <class Waveform>
struct OnLanes<Oscillation<Waveform>> : OscillationOnLanes<Oscillation<Waveform>> {};
template <>
struct OnLanes<Phase> : OscillationOnLanes<Phase> {};

// --- running sums --------------------------------------------------------------------------------

/// One sample after the other, since its sum is defined so: one thread adds, the others wait.
template <>
struct OnLanes<CumulativeSum> {
  using State = CumulativeSum::State;
  using Carry = double;  // a running sum's
  static constexpr Moves moves = Moves::by_values;
  static double unit(const CumulativeSum&) { return 1.0; }

  template <class Real, class Lanes>
  RETROGRAD_INLINE static void forward(const Lanes& lanes) {
    const Input<Real> x = lanes.input(1);
    Real* y = lanes.output(0);
    lanes.block.barrier();
    if (lanes.block.thread() == 0) {
      double sum = *reinterpret_cast<double*>(lanes.state);
      for (int first = 0; first < lanes.count; first += math::block) {
        Real samples[math::block];  // all at once: y may be what x is, for all that a compiler knows
        const int count = std::min(lanes.count - first, int{math::block});
#if defined(__CUDACC__)
#pragma unroll
#endif
        for (int l = 0; l < math::block; ++l) samples[l] = l < count ? x.sample(first + l) : Real(0.0);
#if defined(__CUDACC__)
#pragma unroll
#endif
        for (int l = 0; l < math::block; ++l) {
          if (l < count) sum += static_cast<double>(samples[l]);
          samples[l] = static_cast<Real>(sum);
        }
#if defined(__CUDACC__)
#pragma unroll
#endif
        for (int l = 0; l < math::block; ++l)
          if (l < count) y[first + l] = samples[l];
      }
      *reinterpret_cast<double*>(lanes.state) = sum;
    }
    lanes.block.barrier();
  }
  template <class Real, class Lanes>
  RETROGRAD_INLINE static void adjoint(const Lanes& lanes) {
    const Input<Real> gy = lanes.input(0);
    const AdjointMode mode = lanes.step.mode[0];
    if (mode == AdjointMode::overwrite) {
      Real* gx = lanes.output(3);
      running_sum_backwards<false, Real>(
          lanes, [&](int i) { return gy.sample(i); }, [&](int i, Real sum) { gx[i] = sum; });
    } else if (mode == AdjointMode::sum) {
      Real* sums = lanes.samples();
      running_sum_backwards<false, Real>(
          lanes, [&](int i) { return gy.sample(i); }, [&](int i, Real sum) { sums[i] = sum; });
      give<Real, 1>(lanes, 3, 0, [&](int i) { return std::array<Real, 1>{sums[i]}; });
    }
  }
};

}  // namespace retrograd::cuda
