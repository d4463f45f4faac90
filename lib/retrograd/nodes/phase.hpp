// The phase of an oscillator, in turns (1 turn = 2*pi radians), wrapped to [-1/2, 1/2]:
//
//     phase[n] = wrap( sum_{k<n} frequency[k] / period  +  phase_mod[n] / (2*pi) )
//
// `period` is the sample rate where there is one (frequency in Hz), else 2*pi (frequency in radians per
// sample). The sum runs in 64-bit fixed point, where wrapping is free and exact: after a minute it is as
// exact as at the start, and it has the same bits in any order. phase_mod is in radians. Source: gradrack's
// oscillator base.
#pragma once

#include <retrograd/math/functions.hpp>
#include <retrograd/math/running_sum.hpp>
#include <retrograd/nodes/node.hpp>
#include <retrograd/nodes/tile.hpp>

#include <bit>
#include <cmath>
#include <limits>

namespace retrograd {

struct Phase : Causal<2> {
  static constexpr const char* name = "phase";
  static constexpr bool adjoint_reads_inputs = false;
  static constexpr double turns_per_radian = 0.15915494309189535;

  double period = 1.0;

  struct State {
    std::uint64_t turns = 0;            ///< in units of 2^-64 turn
    std::uint64_t is_not_a_number = 0;  ///< a frequency was NaN or infinite: so is the phase from there on
  };

  template <class T>
  RETROGRAD_INLINE void forward(const Tile<real_t<T>>& tile, State& state) const {
    if (tile.x[0].is_constant())
      advance_steadily<T>(tile, state);
    else
      sum_frequencies<T>(tile, state);
  }

  /// Adjoints: frequency[k] gains sum_{n>k} gy[n] / period, phase_mod[n] gains gy[n] / (2*pi).
  template <class Real>
  using Carry = math::RunningSumCarry<Real>;
  template <class T>
  RETROGRAD_INLINE void adjoint(const Tile<real_t<T>>& tile, const State&, Carry<real_t<T>>& carry) const {
    using Real = real_t<T>;
    const Real turns_per_unit = static_cast<Real>(1.0 / period);
    const auto gy = tile.gy;
    if (tile.gx[0].mode == AdjointMode::overwrite || tile.gx[0].mode == AdjointMode::accumulate) {
      alignas(64) Real later[Tile<Real>::max_samples];
      math::running_sum_backwards<true>(
          tile.start, tile.count, carry,
          [&](int b, Real* terms) RETROGRAD_INLINE_LAMBDA {
            for (int l = 0; l < math::block; ++l) terms[l] = gy.block(b)[l];
          },
          [&](int b, const Real* sums) RETROGRAD_INLINE_LAMBDA {
            for (int l = 0; l < math::block; ++l) later[b * math::block + l] = sums[l];
          });
      give<T>(tile.gx[0], tile, [&](int b, int l) RETROGRAD_INLINE_LAMBDA {
        return later[b * math::block + l] * turns_per_unit;
      });
    } else {  // a frequency constant over time: sample n has passed it n times
      alignas(64) Real turns_after[math::block];  // l samples
      for (int l = 0; l < math::block; ++l) turns_after[l] = static_cast<Real>(l) * turns_per_unit;
      give<T>(tile.gx[0], tile, [&](int b, int l) RETROGRAD_INLINE_LAMBDA {
        const Real turns_before = static_cast<Real>(tile.start + b * math::block) * turns_per_unit;
        return gy.block(b)[l] * (turns_before + turns_after[l]);
      });
    }
    give<T>(tile.gx[1], tile, [&](int b, int l) RETROGRAD_INLINE_LAMBDA {
      return gy.block(b)[l] * static_cast<Real>(turns_per_radian);
    });
  }

  /// The same, sample by sample on any scalar, its running sum in floating point.
  template <class T>
  void trace(const T* const* x, T* y, std::int64_t count) const {
    T turns = T(0.0);
    for (std::int64_t n = 0; n < count; ++n) {
      y[n] = math::wrap_turns(turns + x[1][n] * T(turns_per_radian));
      turns = math::wrap_turns(turns + x[0][n] / T(period));
    }
  }

  static Check check();

 private:
  // frequency / period in units of 2^-64 turn; whole turns are dropped exactly.
  static std::uint64_t fixed_point(double turns) {
    turns -= std::floor(turns);
    return turns < 1.0 ? static_cast<std::uint64_t>(std::ldexp(turns, 64)) : 0;
  }

  // A fixed-point phase as turns in [-1/2, 1/2). 32 bits are enough for a float. For a double, offset-binary
  // bits become a number between 1 and 2, so that no conversion instruction is needed.
  RETROGRAD_INLINE static float to_turns(std::uint32_t phase) {
    return static_cast<float>(static_cast<std::int32_t>(phase)) * 0x1p-32f;
  }
  RETROGRAD_INLINE static double to_turns(std::uint64_t phase) {
    return std::bit_cast<double>(((phase ^ (1ull << 63)) >> 12) | 0x3FF0000000000000ull) - 1.5;
  }

  // y = the turns that `turns_at(l)` gives for each lane of block b, modulated.
  template <class T, class TurnsAt>
  RETROGRAD_INLINE static void put(const Tile<real_t<T>>& tile, int b, const TurnsAt& turns_at) {
    using Real = real_t<T>;
    Real* __restrict y = tile.y + b * math::block;
    if (tile.x[1].is_constant() && tile.x[1].constant == 0.0) {
      for (int l = 0; l < math::block; ++l) y[l] = turns_at(l);
    } else {
      const Real* __restrict mod = tile.x[1].block(b);
      for (int l = 0; l < math::block; ++l)
        y[l] = Real(
            math::wrap_turns(math::fma(T(mod[l]), T(static_cast<Real>(turns_per_radian)), T(turns_at(l)))));
    }
  }

  template <class Real>
  RETROGRAD_INLINE static void fill_with_nan(Real* y, int from, int to) {
    for (int i = from; i < to; ++i) y[i] = std::numeric_limits<Real>::quiet_NaN();
  }

  template <class T>
  RETROGRAD_INLINE void advance_steadily(const Tile<real_t<T>>& tile, State& state) const {
    using Real = real_t<T>;
    const double frequency = tile.x[0].constant;
    if (!(frequency - frequency == 0.0)) {
      fill_with_nan(tile.y, 0, tile.count);
      return;
    }
    // Blocks begin at samples that are multiples of 16, so a lane's offset, for a float cut to 32 bits, is
    // always the same.
    using Bits = math::bits_t<Real>;
    constexpr int cut = 64 - 8 * static_cast<int>(sizeof(Bits));
    const std::uint64_t increment = fixed_point(std::fmod(frequency, period) / period);
    alignas(64) Bits offset[math::block];
    for (int l = 0; l < math::block; ++l)
      offset[l] = static_cast<Bits>((increment * static_cast<std::uint64_t>(l)) >> cut);
    for (int b = 0; b < tile.blocks(); ++b) {
      const auto base =
          static_cast<Bits>((state.turns + increment * static_cast<std::uint64_t>(b * math::block)) >> cut);
      put<T>(tile, b,
             [&](int l) RETROGRAD_INLINE_LAMBDA { return to_turns(static_cast<Bits>(base + offset[l])); });
    }
    state.turns += increment * static_cast<std::uint64_t>(tile.count);
  }

  template <class T>
  RETROGRAD_INLINE void sum_frequencies(const Tile<real_t<T>>& tile, State& state) const {
    using Real = real_t<T>;
    using Bits = math::bits_t<Real>;
    constexpr int cut = 64 - 8 * static_cast<int>(sizeof(Bits));
    const double turns_per_unit = 1.0 / period;
    std::uint64_t sum = state.turns;
    alignas(64) Real poison[math::block] = {};  // becomes NaN where a frequency is not finite
    for (int b = 0; b < tile.blocks(); ++b) {
      const Real* frequency = tile.x[0].block(b);
      alignas(64) std::uint64_t increments[math::block];
      for (int l = 0; l < math::block; ++l) {
        // The nearest whole number of turns is dropped; what is left, added to 1.5, has the turn's fraction
        // in its 52 low bits, offset by a half.
        const double turns = static_cast<double>(frequency[l]) * turns_per_unit;
        const double fraction = turns - ((turns + 0x1.8p52) - 0x1.8p52);
        increments[l] = (std::bit_cast<std::uint64_t>(fraction + 1.5) << 12) ^ (1ull << 63);
      }
      const int present = std::min(math::block, tile.count - b * math::block);
      alignas(64) Bits phases[math::block];
      for (int l = 0; l < math::block; ++l) {
        phases[l] = static_cast<Bits>(sum >> cut);
        if (l < present) sum += increments[l];
      }
      for (int l = 0; l < math::block; ++l) {
        const Real zero = frequency[l] - frequency[l];
        poison[l] = poison[l] + (l < present ? zero : Real(0.0));
      }
      put<T>(tile, b, [&](int l) RETROGRAD_INLINE_LAMBDA { return to_turns(phases[l]); });
    }
    Real any = Real(0.0);
    for (int l = 0; l < math::block; ++l) any = any + poison[l];
    if (state.is_not_a_number != 0) {
      fill_with_nan(tile.y, 0, tile.count);
    } else if (!(any == Real(0.0))) {
      int bad = 0;
      while (tile.x[0].data[bad] - tile.x[0].data[bad] == Real(0.0)) ++bad;
      fill_with_nan(tile.y, bad + 1, tile.count);
      state.is_not_a_number = 1;
    }
    state.turns = sum;
  }
};

/// The phase in turns. `frequency` (Hz, or radians per sample on a tape without a sample rate) and
/// `phase_mod` (radians) broadcast. When both are constant over time, `length` says how many samples; without
/// it the tape's length is taken. A length given although one of them varies over time, or missing
/// altogether, is a LengthMismatchError.
Var phase(Var frequency, std::optional<Var> phase_mod = std::nullopt,
          std::optional<std::int64_t> length = std::nullopt);

inline Check Phase::check() {
  return {.inputs = {{-3.0, 3.0}, {-4.0, 4.0}},
          .record = [](std::span<const Var> x) { return phase(x[0], x[1]); },
          .wraps_at = 1.0};
}

}  // namespace retrograd
