// An oscillator: a waveform of the phase
//
//     phase[n] = wrap( sum_{k<n} frequency[k] / period  +  phase_mod[n] / (2*pi) )
//
// in turns (1 turn = 2*pi radians), wrapped to [-1/2, 1/2]. `period` is the sample rate where there is one
// (frequency in Hz), else 2*pi (frequency in radians per sample). The sum runs in 64-bit fixed point, where
// wrapping is free and exact: after a minute it is as exact as at the start, and it has the same bits in any
// order. phase_mod is in radians. Source: gradrack's oscillator base.
//
// Phase and waveform are one pass over the tile, forwards and backwards. A waveform is any pointwise node of
// one input. (Of a user's own, phase and waveform are two nodes.)
#pragma once

#include <retrograd/math/functions.hpp>
#include <retrograd/math/running_sum.hpp>
#include <retrograd/nodes/arithmetic.hpp>
#include <retrograd/nodes/fusions.hpp>
#include <retrograd/nodes/node.hpp>
#include <retrograd/nodes/tile.hpp>
#include <retrograd/tape/length.hpp>

#include <bit>
#include <cmath>
#include <limits>
#include <string_view>

namespace retrograd {

namespace detail {

/// The name of W's oscillator: "sinusoid_oscillator".
template <class W>
struct OscillatorName {
  static constexpr std::string_view waveform = W::name, suffix = "_oscillator";
  static constexpr auto text = [] {
    std::array<char, waveform.size() + suffix.size() + 1> joined{};
    std::copy(suffix.begin(), suffix.end(), std::copy(waveform.begin(), waveform.end(), joined.begin()));
    return joined;
  }();
};

}  // namespace detail

template <class Waveform>
struct Oscillation : Causal<2> {
  static constexpr const char* name = detail::OscillatorName<Waveform>::text.data();
  static constexpr bool adjoint_reads_inputs =
      Waveform::adjoint_reads_inputs || Waveform::adjoint_reads_output;
  static constexpr FusionPlace fusion_place = adjoint_reads_inputs ? operator_wave : FusionPlace{};
  static constexpr double turns_per_radian = 0.15915494309189535;
  /// Whether the waveform knows its value at a sum of two phases: a block's and a lane's. It says so itself: where a
  /// compiler was asked whether it has such a function, nvcc's front end said no and GCC yes.
  static constexpr bool adds_phases = Waveform::adds_phases;

  double period = 1.0;
  Waveform waveform{};

  struct State {
    std::uint64_t turns = 0;            ///< in units of 2^-64 turn
    std::uint64_t is_not_a_number = 0;  ///< a frequency was NaN or infinite: so is the phase from there on
  };

  template <class T>
  RETROGRAD_INLINE void forward(const Tile<real_t<T>>& tile, State& state) const {
    using Real = real_t<T>;
    with_wave<T>(tile, state, is_modulated(tile), [&](const auto& wave) RETROGRAD_INLINE_LAMBDA {
      Real* y = tile.y;
      for (int b = 0; b < tile.blocks(); ++b) {
        RETROGRAD_INDEPENDENT_LANES
        for (int l = 0; l < math::block; ++l) y[b * math::block + l] = Real(wave.value(b, l));
      }
    });
  }

  /// Calls `run(wave)` and moves the state to the tile's end. At the tile's sample 16*b + l `wave.value(b, l)` is
  /// the waveform and `wave.adjoint(gy, b, l)` what its adjoint makes of gy, both to be called in a loop over the
  /// lanes. `modulated`: the phase has a modulation to add.
  template <class T, class Run>
  RETROGRAD_INLINE void with_wave(const Tile<real_t<T>>& tile, State& state, bool modulated,
                                  const Run& run) const {
    using Real = real_t<T>;
    if (!tile.x[0].is_constant()) {
      const VaryingPhase<Real> phase(*this, tile, state);
      run(Wave<T, VaryingPhase<Real>, true>{*this, phase, tile.x[1]});
      return;
    }
    const Steady<Real> steady(*this, tile.x[0].constant, state);
    if (modulated)
      run(Wave<T, Steady<Real>, true>{*this, steady, tile.x[1]});
    else if constexpr (adds_phases)
      run(SumOfPhases<T>(*this, steady, tile.blocks()));
    else
      run(Wave<T, Steady<Real>, false>{*this, steady, tile.x[1]});
    state.turns = steady.after(tile.count);
  }

  static constexpr unsigned advance_reads = 0b01;
  template <class T>
  RETROGRAD_INLINE void advance(const Tile<real_t<T>>& tile, State& state) const {
    if (tile.x[0].is_constant())
      state.turns = Steady<real_t<T>>(*this, tile.x[0].constant, state).after(tile.count);
    else
      sum_frequencies(tile, state, [](int, const auto&) RETROGRAD_INLINE_LAMBDA {});
  }

  /// With gp = waveform's adjoint at the phase: frequency[k] gains sum_{n>k} gp[n] / period, phase_mod[n]
  /// gains gp[n] / (2*pi).
  template <class Real>
  using Carry = math::RunningSumCarry<Real>;
  static constexpr unsigned carries_for = 0b01;
  template <class T>
  RETROGRAD_INLINE void adjoint(const Tile<real_t<T>>& tile, const State& at_start,
                                Carry<real_t<T>>& carry) const {
    if constexpr (adjoint_reads_inputs) {
      State state = at_start;
      const bool modulated = is_modulated(tile) || tile.gx[1].mode != AdjointMode::none;
      with_wave<T>(tile, state, modulated, [&](const auto& wave) RETROGRAD_INLINE_LAMBDA {
        if constexpr (std::remove_cvref_t<decltype(wave)>::is_steady)
          adjoint_of_steady<T>(tile, wave);
        else
          adjoint_of_varying<T>(tile, wave, carry);
      });
    } else if (tile.gx[0].mode == AdjointMode::overwrite) {  // the target tells, for the input is not there
      adjoint_of_varying<T>(tile, AnyPhase<T>{*this}, carry);
    } else {
      adjoint_of_steady<T>(tile, AnyPhase<T>{*this});
    }
  }

  /// What the adjoint g of sample 16*b + l's phase gives the frequency, constant over time, and the modulation:
  /// sample n has passed the frequency n times.
  template <class Real>
  struct SteadyTerms {
    std::int64_t start;
    Real turns_per_unit;
    alignas(64) Real turns_after[math::block];  // l samples
    RETROGRAD_INLINE SteadyTerms(const Oscillation& oscillator, const Tile<Real>& tile)
        : start(tile.start), turns_per_unit(static_cast<Real>(1.0 / oscillator.period)) {
      for (int l = 0; l < math::block; ++l) turns_after[l] = static_cast<Real>(l) * turns_per_unit;
    }
    RETROGRAD_INLINE std::array<Real, 2> of(Real g, int b, int l) const {
      return steady_terms(g, start + b * math::block, turns_per_unit, turns_after[l]);
    }
  };
  /// The same of a sample in a block that begins at sample `start`, `turns_after` being the lane's.
  template <class Real>
  RETROGRAD_INLINE static std::array<Real, 2> steady_terms(Real g, std::int64_t start, Real turns_per_unit,
                                                           Real turns_after) {
    const Real turns_before = static_cast<Real>(start) * turns_per_unit + turns_after;
    return {g * turns_before, g * static_cast<Real>(turns_per_radian)};
  }

  /// The adjoints of a frequency that varies, and of the modulation, from those of a tile's phases; these are
  /// overwritten.
  template <class T>
  RETROGRAD_INLINE void give_varying(const Tile<real_t<T>>& tile, real_t<T>* gp,
                                     Carry<real_t<T>>& carry) const {
    using Real = real_t<T>;
    give<T>(tile.gx[1], tile, [&](int b, int l) RETROGRAD_INLINE_LAMBDA {
      return gp[b * math::block + l] * static_cast<Real>(turns_per_radian);
    });
    if (tile.gx[0].mode == AdjointMode::none) return;
    math::running_sum_backwards<true>(tile.start, tile.count, carry, gp, gp);
    const Real turns_per_unit = static_cast<Real>(1.0 / period);
    give<T>(tile.gx[0], tile,
            [&](int b, int l) RETROGRAD_INLINE_LAMBDA { return gp[b * math::block + l] * turns_per_unit; });
  }

  /// The same, sample by sample on any scalar, its running sum in floating point.
  template <class T>
  void trace(const T* const* x, T* y, std::int64_t count) const {
    T turns = T(0.0);
    for (std::int64_t n = 0; n < count; ++n) {
      y[n] = waveform.forward(math::wrap_turns(turns + x[1][n] * T(turns_per_radian)));
      turns = math::wrap_turns(turns + x[0][n] / T(period));
    }
  }

  static Check check();

  template <class Real>
  static bool is_modulated(const Tile<Real>& tile) {
    return !(tile.x[1].is_constant() && tile.x[1].constant == 0.0);
  }

  /// frequency / period in units of 2^-64 turn; whole turns are dropped exactly.
  RETROGRAD_ANYWHERE static std::uint64_t fixed_point(double turns) {
    turns -= std::floor(turns);
    return turns < 1.0 ? static_cast<std::uint64_t>(turns * 0x1p64) : 0;
  }

  /// How far each sample of a frequency that is constant over time moves the phase.
  RETROGRAD_ANYWHERE static std::uint64_t steady_increment(double period, double frequency) {
    // Most frequencies lie under one turn per sample, where the remainder, which takes long to find, is the frequency.
    const double below_period = std::abs(frequency) < period ? frequency : std::fmod(frequency, period);
    return fixed_point(below_period / period);
  }

  /// How far a sample of this frequency, not constant over time, moves the phase. The nearest whole number of turns
  /// is dropped; what is left, added to 1.5, has the turn's fraction in its 52 low bits, offset by a half.
  RETROGRAD_INLINE static std::uint64_t increment_of(double frequency, double turns_per_unit) {
    const double turns = frequency * turns_per_unit;
    const double fraction = turns - ((turns + 0x1.8p52) - 0x1.8p52);
    return (std::bit_cast<std::uint64_t>(fraction + 1.5) << 12) ^ (1ull << 63);
  }

  // A fixed-point phase as turns in [-1/2, 1/2). 32 bits are enough for a float. For a double, offset-binary
  // bits become a number between 1 and 2, so that no conversion instruction is needed.
  RETROGRAD_INLINE static float to_turns(std::uint32_t phase) {
    return static_cast<float>(static_cast<std::int32_t>(phase)) * 0x1p-32f;
  }
  RETROGRAD_INLINE static double to_turns(std::uint64_t phase) {
    return std::bit_cast<double>(((phase ^ (1ull << 63)) >> 12) | 0x3FF0000000000000ull) - 1.5;
  }

  /// The phase when the frequency is constant over time. Blocks begin at samples that are multiples of 16, so a
  /// lane's offset, for a float cut to 32 bits, is always the same.
  template <class Real>
  struct SteadyPhase {
    using Bits = math::bits_t<Real>;
    static constexpr bool is_steady = true;
    static constexpr int cut = 64 - 8 * static_cast<int>(sizeof(Bits));
    std::uint64_t start, increment;
    Real nothing;  // added to each phase: 0, or NaN where the frequency is NaN or infinite

    RETROGRAD_INLINE SteadyPhase(const Oscillation& oscillator, double frequency, const State& state)
        : SteadyPhase(steady_increment(oscillator.period, frequency), frequency, state) {}
    /// The same where the increment is known.
    RETROGRAD_INLINE SteadyPhase(std::uint64_t of_sample, double frequency, const State& state)
        : start(state.turns), increment(of_sample), nothing(static_cast<Real>(frequency - frequency)) {}
    RETROGRAD_INLINE Bits base(int b) const {
      return static_cast<Bits>((start + increment * static_cast<std::uint64_t>(b * math::block)) >> cut);
    }
    RETROGRAD_INLINE Bits offset_of(int l) const {
      return static_cast<Bits>((increment * static_cast<std::uint64_t>(l)) >> cut);
    }
    /// The state's turns `count` samples on.
    RETROGRAD_INLINE std::uint64_t after(int count) const {
      return start + increment * static_cast<std::uint64_t>(count);
    }
    RETROGRAD_INLINE Real turns(int b, int l) const {
      return to_turns(static_cast<Bits>(base(b) + offset_of(l))) + nothing;
    }
    RETROGRAD_INLINE Real turns_of_block(int b) const { return to_turns(base(b)); }
    RETROGRAD_INLINE Real turns_of_lane(int l) const { return to_turns(offset_of(l)) + nothing; }
  };

  /// The same with a table of the lanes' offsets.
  template <class Real>
  struct Steady : SteadyPhase<Real> {
    using Bits = typename SteadyPhase<Real>::Bits;
    alignas(64) Bits offset[math::block];
    RETROGRAD_INLINE Steady(const Oscillation& oscillator, double frequency, const State& state)
        : SteadyPhase<Real>(oscillator, frequency, state) {
      for (int l = 0; l < math::block; ++l) offset[l] = this->offset_of(l);
    }
    RETROGRAD_INLINE Real turns(int b, int l) const {
      return to_turns(static_cast<Bits>(this->base(b) + offset[l])) + this->nothing;
    }
    RETROGRAD_INLINE Real turns_of_lane(int l) const { return to_turns(offset[l]) + this->nothing; }
  };

  // The phases of a frequency that varies over time.
  template <class Real>
  struct VaryingPhase {
    static constexpr bool is_steady = false;
    alignas(64) Real of_sample[Tile<Real>::max_samples];
    RETROGRAD_INLINE VaryingPhase(const Oscillation& oscillator, const Tile<Real>& tile, State& state) {
      oscillator.sum_frequencies(tile, state, [&](int b, const auto& phase) RETROGRAD_INLINE_LAMBDA {
        for (int l = 0; l < math::block; ++l) of_sample[b * math::block + l] = phase(l);
      });
    }
    RETROGRAD_INLINE Real turns(int b, int l) const { return of_sample[b * math::block + l]; }
  };

  /// The waveform at a phase, with the modulation added.
  template <class T, class Phase, bool is_modulated>
  struct Wave {
    using Real = real_t<T>;
    static constexpr bool is_steady = Phase::is_steady, adds_modulation = is_modulated;
    const Oscillation& oscillator;
    const Phase& phase;
    const Input<Real>& radians;

    // Wrapping turns that are wrapped changes nothing.
    RETROGRAD_INLINE T turns(int b, int l) const {
      const T steady(phase.turns(b, l));
      if constexpr (!is_modulated) return steady;
      return math::wrap_turns(
          math::fma(T(radians.block(b)[l]), T(static_cast<Real>(turns_per_radian)), steady));
    }
    RETROGRAD_INLINE T value(int b, int l) const { return oscillator.waveform.forward(turns(b, l)); }
    RETROGRAD_INLINE Real adjoint(Real gy, int b, int l) const {
      const T at = turns(b, l);
      T y{};
      if constexpr (Waveform::adjoint_reads_output) y = oscillator.waveform.forward(at);
      return Real(oscillator.waveform.adjoint(T(gy), y, at)[0]);
    }
  };

  /// The same, of an adjoint that does not ask for the phase.
  template <class T>
  struct AnyPhase {
    static constexpr bool adds_modulation = true;
    const Oscillation& oscillator;
    RETROGRAD_INLINE real_t<T> adjoint(real_t<T> gy, int, int) const {
      return real_t<T>(oscillator.waveform.adjoint(T(gy), T{}, T{})[0]);
    }
  };

 private:
  // The same of a steady frequency and nothing else, from what the waveform knows of each block's first phase
  // and of each lane's.
  template <class T>
  struct SumOfPhases {
    using Real = real_t<T>;
    static constexpr bool is_steady = true, adds_modulation = false;
    static constexpr int most_blocks = Tile<Real>::max_samples / math::block;
    const Waveform& waveform;
    alignas(64) Real block_sine[most_blocks], block_cosine[most_blocks], lane_sine[math::block],
        lane_cosine[math::block];

    RETROGRAD_INLINE SumOfPhases(const Oscillation& oscillator, const Steady<Real>& steady, int blocks)
        : waveform(oscillator.waveform) {
      for (int first = 0; first < blocks; first += math::block)
        for (int i = 0; i < math::block; ++i) {
          const auto part = waveform.part(T(steady.turns_of_block(first + i)));
          block_sine[first + i] = Real(part.sine);
          block_cosine[first + i] = Real(part.cosine);
        }
      for (int l = 0; l < math::block; ++l) {
        const auto part = waveform.part(T(steady.turns_of_lane(l)));
        lane_sine[l] = Real(part.sine);
        lane_cosine[l] = Real(part.cosine);
      }
    }
    RETROGRAD_INLINE auto of_block(int b) const {
      return typename Waveform::template Part<T>{block_sine[b], block_cosine[b]};
    }
    RETROGRAD_INLINE auto of_lane(int l) const {
      return typename Waveform::template Part<T>{lane_sine[l], lane_cosine[l]};
    }
    RETROGRAD_INLINE T value(int b, int l) const { return waveform.forward(of_block(b), of_lane(l)); }
    RETROGRAD_INLINE Real adjoint(Real gy, int b, int l) const {
      return Real(waveform.adjoint(T(gy), of_block(b), of_lane(l)));
    }
  };

  template <class T, class AnyWave>
  RETROGRAD_INLINE void adjoint_of_steady(const Tile<real_t<T>>& tile, const AnyWave& wave) const {
    using Real = real_t<T>;
    const SteadyTerms<Real> terms(*this, tile);
    const auto term = [&](int b, int l) RETROGRAD_INLINE_LAMBDA {
      return terms.of(wave.adjoint(tile.gy.block(b)[l], b, l), b, l);
    };
    if constexpr (!AnyWave::adds_modulation)
      give<T, 0b1>(std::array{tile.gx[0]}, tile,
                   [&](int b, int l) RETROGRAD_INLINE_LAMBDA { return std::array{term(b, l)[0]}; });
    else if (tile.gx[1].mode == AdjointMode::overwrite)
      give<T, 0b01>(std::array{tile.gx[0], tile.gx[1]}, tile, term);
    else
      give<T, 0b11>(std::array{tile.gx[0], tile.gx[1]}, tile, term);
  }

  template <class T, class AnyWave>
  RETROGRAD_INLINE void adjoint_of_varying(const Tile<real_t<T>>& tile, const AnyWave& wave,
                                           Carry<real_t<T>>& carry) const {
    using Real = real_t<T>;
    alignas(64) Real gp[Tile<Real>::max_samples];
    for (int b = 0; b < tile.blocks(); ++b) {
      RETROGRAD_INDEPENDENT_LANES
      for (int l = 0; l < math::block; ++l) gp[b * math::block + l] = wave.adjoint(tile.gy.block(b)[l], b, l);
    }
    give_varying<T>(tile, gp, carry);
  }

  // Calls `put(b, turns)` for each block in turn, `turns(l)` being the phase at its sample l, and moves the state
  // to the tile's end.
  template <class Real, class Put>
  RETROGRAD_INLINE void sum_frequencies(const Tile<Real>& tile, State& state, const Put& put) const {
    using Bits = math::bits_t<Real>;
    constexpr int cut = 64 - 8 * static_cast<int>(sizeof(Bits));
    const double turns_per_unit = 1.0 / period;
    const int bad = first_bad_frequency<Real>(tile, state);
    // First how far each sample moves the phase, then the sums, then the phases: what is read as a vector just after its
    // lanes were written would wait.
    alignas(64) std::uint64_t sums[Tile<Real>::max_samples];
    for (int b = 0; b < tile.blocks(); ++b) {
      const Real* frequency = tile.x[0].block(b);
      for (int l = 0; l < math::block; ++l)
        sums[b * math::block + l] = increment_of(static_cast<double>(frequency[l]), turns_per_unit);
    }
    for (int i = tile.count; i < tile.blocks() * math::block; ++i) sums[i] = 0;
    const std::uint64_t sum = math::add_earlier(sums, tile.blocks(), state.turns);
    for (int b = 0; b < tile.blocks(); ++b) {
      const std::uint64_t* __restrict phases = sums + b * math::block;
      const auto turns = [&](int l) RETROGRAD_INLINE_LAMBDA {
        return to_turns(static_cast<Bits>(phases[l] >> cut));
      };
      if (bad < (b + 1) * math::block)
        put(b, [&](int l) RETROGRAD_INLINE_LAMBDA {
          return b * math::block + l > bad ? std::numeric_limits<Real>::quiet_NaN() : turns(l);
        });
      else
        put(b, turns);
    }
    if (bad < tile.count) state.is_not_a_number = 1;
    state.turns = sum;
  }

  // The first sample of the tile whose frequency is NaN or infinite; -1 where one came before, `count` where
  // all are finite.
  template <class Real>
  RETROGRAD_INLINE static int first_bad_frequency(const Tile<Real>& tile, const State& state) {
    if (state.is_not_a_number != 0) return -1;
    alignas(64) Real zeros[math::block] = {};  // NaN where a frequency is not finite
    for (int b = 0; b < tile.count / math::block; ++b)
      for (int l = 0; l < math::block; ++l)
        zeros[l] = zeros[l] + (tile.x[0].block(b)[l] - tile.x[0].block(b)[l]);
    Real sum = Real(0.0);
    for (int l = 0; l < math::block; ++l) sum = sum + zeros[l];
    int i = sum == Real(0.0) ? tile.count / math::block * math::block : 0;
    while (i < tile.count && tile.x[0].sample(i) - tile.x[0].sample(i) == Real(0.0)) ++i;
    return i;
  }
};

/// Records an oscillator node; see oscillation().
template <class Node>
Var record_oscillator(Node node, Var frequency, std::optional<Var> phase_mod,
                      std::optional<std::int64_t> length) {
  const Var modulation = phase_mod ? *phase_mod : detail::zero(frequency.tape());
  const std::array inputs{frequency, modulation};
  TapeState* tape = common_tape(inputs, Node::name);
  const Shape shape = broadcast(frequency.shape(), modulation.shape(), Node::name);
  const bool varies = frequency.is_signal() || modulation.is_signal();
  node.period = options_of(tape).sample_rate.value_or(6.283185307179586);
  return causal(node, inputs, shape.with_length(signal_length(tape, shape, varies, length, Node::name)));
}

namespace detail {
/// The phase by itself, as phase() records it; a signal, too, where it has one sample. `operation`: for errors.
Var phase_signal(Var frequency, std::optional<Var> phase_mod, std::optional<std::int64_t> length,
                 const char* operation);
}  // namespace detail

/// waveform(phase), where `frequency` (Hz, or radians per sample on a tape without a sample rate) and
/// `phase_mod` (radians) broadcast. When both are constant over time, `length` says how many samples; without
/// it the tape's length is taken. A length given although one of them varies over time, or missing
/// altogether, is a LengthMismatchError. A user's waveform is a node of its own after the phase, with the same bits:
/// a host would compile an oscillator's loops for long.
template <class Waveform>
Var oscillation(const Waveform& waveform, Var frequency, std::optional<Var> phase_mod = std::nullopt,
                std::optional<std::int64_t> length = std::nullopt) {
  if constexpr (!detail::is_right_waveform<Waveform>()) {
    return {};
  } else if constexpr (Waveform::is_own) {
    const char* const operation = detail::OscillatorName<Waveform>::text.data();
    const Var y = pointwise(waveform, detail::phase_signal(frequency, phase_mod, length, operation));
    return y.shape().length() == 1 ? as_constant(y) : y;
  } else {
    Oscillation<Waveform> node;
    node.waveform = waveform;
    return record_oscillator(node, frequency, phase_mod, length);
  }
}

template <class Waveform>
Check Oscillation<Waveform>::check() {
  // A tenth of the frequency: over forty samples a wave bends more than central differences can follow.
  return {.inputs = {{-3.0, 3.0}, {-4.0, 4.0}},
          .record = [](std::span<const Var> x) { return oscillation(Waveform{}, x[0] * 0.1, x[1]); }};
}

}  // namespace retrograd
